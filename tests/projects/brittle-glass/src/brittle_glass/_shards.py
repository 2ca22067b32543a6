"""Classes that only this plugin has."""


class OwnError(ValueError):
    """An error that only the plugin knows."""


class Shard:
    """A thing that only the plugin knows."""
