"""The errors of plugins, and help with their wording."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class PluginNotFound(KeyError):  # noqa: N818  # named like SymbolNotFound
    """There is no plugin with that name."""

    __module__ = "onebin_runtime"  # where users import it from, and what tracebacks show

    def __str__(self) -> str:
        # KeyError would quote the message.
        return str(self.args[0]) if self.args else ""


class PluginLoadError(ImportError):
    """A plugin cannot be imported; the original error is the cause.

    `name`, `distribution` and `version` identify the plugin.
    """

    __module__ = "onebin_runtime"

    def __init__(self, message: str = "", *, name: str = "", distribution: str = "", version: str = "") -> None:
        super().__init__(message, name=name)
        self.distribution = distribution
        self.version = version


class SymbolNotFound(AttributeError):  # noqa: N818  # Go's term
    """A plugin has no public symbol of that name."""

    __module__ = "onebin_runtime"


class PluginCallError(RuntimeError):
    """A call to an isolated plugin failed with an error that cannot be recreated in the host."""

    __module__ = "onebin_runtime.isolation"


class PluginCrashed(PluginCallError):  # noqa: N818  # the name says what happened
    """The process of an isolated plugin ended before it answered; the next call starts a new one."""

    __module__ = "onebin_runtime.isolation"


class PluginTimeout(PluginCallError, TimeoutError):  # noqa: N818  # the name says what happened
    """An isolated plugin did not answer in time and its process was killed; the next call starts a new one."""

    __module__ = "onebin_runtime.isolation"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x' or 'y'?" for the nearest known names, or an empty string."""
    import difflib

    near = difflib.get_close_matches(wrong, list(known), 3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
