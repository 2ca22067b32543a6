"""What can go wrong with a plugin, with the words in which it is said."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class PluginNotFound(KeyError):  # noqa: N818  # it reads as what happened, beside SymbolNotFound
    """No plugin has that name."""

    __module__ = "onebin_runtime"  # where users import it from, and what tracebacks call it

    def __str__(self) -> str:
        # KeyError would show the message in quotes.
        return str(self.args[0]) if self.args else ""


class PluginLoadError(ImportError):
    """A plugin cannot be imported; the original error is the cause.

    `name`, `distribution` and `version` say which plugin it is.
    """

    __module__ = "onebin_runtime"

    def __init__(self, message: str = "", *, name: str = "", distribution: str = "", version: str = "") -> None:
        super().__init__(message, name=name)
        self.distribution = distribution
        self.version = version


class SymbolNotFound(AttributeError):  # noqa: N818  # Go's word for it
    """A plugin has no public symbol of that name."""

    __module__ = "onebin_runtime"


class PluginCallError(RuntimeError):
    """A call of an isolated plugin failed with an error that cannot be had here: its class is the plugin's own."""

    __module__ = "onebin_runtime.isolation"


class PluginCrashed(PluginCallError):  # noqa: N818  # it reads as what happened
    """The process of an isolated plugin ended before it answered; the next call starts another one."""

    __module__ = "onebin_runtime.isolation"


class PluginTimeout(PluginCallError, TimeoutError):  # noqa: N818  # it reads as what happened
    """An isolated plugin did not answer in time, and its process was ended; the next call starts another one."""

    __module__ = "onebin_runtime.isolation"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x' or 'y'?" for the nearest known names, or nothing."""
    import difflib

    near = difflib.get_close_matches(wrong, list(known), 3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
