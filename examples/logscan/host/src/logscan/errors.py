"""The errors a user can meet; the command line prints each as one line."""


class LogscanError(Exception):
    """An error whose text is the whole message."""


class UnreadableError(LogscanError):
    """A file, or a part of it, cannot be read, whatever its format is."""


class FormatError(LogscanError):
    """A format is not installed, does not load, or does not follow its contract."""
