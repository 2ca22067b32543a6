"""What glass has of its own."""


class OwnError(ValueError):
    """An error that only the plugin knows."""


class Shard:
    """A thing that only the plugin knows."""
