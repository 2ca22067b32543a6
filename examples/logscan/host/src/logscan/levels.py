"""Levels as logs write them: by name, as syslog's severities, and as the numbers of bunyan and pino."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logscan.contract import Level

_NAMES: Final[dict[str, Level]] = {
    **dict.fromkeys(("critical", "crit", "fatal", "alert", "emergency", "emerg", "panic"), "critical"),
    **dict.fromkeys(("error", "err", "severe"), "error"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice"), "info"),
    **dict.fromkeys(("debug", "trace", "verbose"), "debug"),
}

# RFC 5424, section 6.2.1: emergency, alert, critical, error, warning, notice, informational, debug.
_SEVERITIES: Final[tuple[Level, ...]] = (
    "critical", "critical", "critical", "error", "warning", "info", "info", "debug",
)  # fmt: skip  # their places are their numbers: one line

_BUNYAN: Final[tuple[tuple[int, Level], ...]] = (
    (60, "critical"),
    (50, "error"),
    (40, "warning"),
    (30, "info"),
)


def parse_level(value: object) -> Level:
    """Read a name, a severity of syslog (0 to 7) or a level of bunyan and pino (10 to 60), else "unknown"."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 2 or not (text.isascii() and text.isdigit()):
            return _NAMES.get(text.lower(), "unknown")
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int):
        return "unknown"
    if 0 <= value < len(_SEVERITIES):
        return from_severity(value)
    return _from_bunyan(value) if 10 <= value < 70 else "unknown"


def from_severity(severity: int) -> Level:
    """Return the level of a severity of syslog, 0 to 7."""
    return _SEVERITIES[severity]


def _from_bunyan(number: int) -> Level:
    return next((level for least, level in _BUNYAN if number >= least), "debug")
