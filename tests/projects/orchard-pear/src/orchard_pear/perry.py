"""Perry, which is not a fruit: its juice takes other arguments."""

KIND = "perry"


class Perry:
    """Nearly a fruit."""

    def juice(self, gallons):
        return f"{gallons} gallons of perry"
