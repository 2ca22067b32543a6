"""A failure of uv: its message in plain words, and what to do about a known cause."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from onebin.errors import NO_SPACE
from onebin.python.faults import Fault, fault_in
from onebin.system import STILL_RUNNING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.errors import Finding, OnebinError

# Patterns are compiled when uv has failed: most commands load this module, and few need them.
_BUSY = rf"{STILL_RUNNING}|memory allocation of"
_NETWORK = r"(?i)Failed to fetch|error sending request|timed out|response body|Request failed"
_NOT_VENDORED = r"not found in the provided package locations"
_HUGE = r"SIGXFSZ|File too large"
_DAMAGED = r"(?i)Failed to extract"
_BEGINNING = r"(?m)^(?:error:| *\u00d7)"
_DECORATION = r"^[\s\u00d7\u2570\u2500\u25b6\u251c\u2502]*(?:(?:error|cause):\s*)?"
_OFFLINE = r"(?i)network was disabled|--offline|offline mode|not found in the cache"
# uv's own cache, and any other file that it may not write.
_CACHE = r"Failed to initialize cache|Could not acquire lock|Could not create temporary file"
_NOT_WRITABLE = r"os error (?:13|30)\b"
_REMEDIES = (
    (
        NO_SPACE,
        "no space left on the device: free some, or set ONEBIN_CACHE_DIR and UV_CACHE_DIR to directories on another",
    ),
    (_CACHE, "uv cannot write to its cache: make its folder writable, or set UV_CACHE_DIR to another one"),
    (
        _NOT_WRITABLE,
        "uv may not write there: fix owner and mode of that path, or set UV_CACHE_DIR, ONEBIN_CACHE_DIR or TMPDIR",
    ),
    (_NOT_VENDORED, "not found in the --vendor directory: run `onebin vendor` again where there is a network"),
    (_OFFLINE, "this build is offline and something is not in uv's cache: run it once without --offline"),
    (
        "Hash mismatch",
        "if the lock was edited, delete it and run `onebin lock`; otherwise, do not trust this index",
    ),
    (
        _BUSY,
        "is the index slow, or is a response endless? ONEBIN_UV_TIMEOUT sets the time limit for uv, in seconds",
    ),
    (_HUGE, "a package has a file that unpacks to more than 16 GiB: remove the package, or lock another version"),
    (
        _NETWORK,
        "check the index and network in uv's settings (timeouts: UV_HTTP_TIMEOUT, UV_HTTP_RETRIES), and try again",
    ),
    (
        _DAMAGED,
        "the wheel is malformed or was damaged in transit: check the index and try again, or lock another version",
    ),
    (
        r"(?i)wheel|\.whl",
        "the wheel is not compatible or malformed: lock another version, or ask its author",
    ),
)


class Failure(Exception):  # noqa: N818  # not shown to users: each stage turns it into an error of its own
    """uv failed. `text` is its message, without its prefix and its hints about its own flags; `raw` is all of it.

    `fault` is one of the network that the message does not show, `env` has names and logins of indexes.
    """

    def __init__(
        self, text: str, *, raw: str | None = None, fault: Fault | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.text = text
        self.raw = text if raw is None else raw
        self._fault = fault
        self._env = env

    @classmethod
    def of(cls, printed: str, fault: Fault | None = None, env: Mapping[str, str] | None = None) -> Self:
        """Return the failure of a uv that printed this on standard error."""
        return cls(_plain(printed), raw=printed, fault=fault, env=env)

    @property
    def is_of_disk(self) -> bool:
        """Whether uv cannot write somewhere, which has nothing to do with any package."""
        return any(re.search(pattern, self.text) for pattern in (NO_SPACE, _CACHE, _NOT_WRITABLE))

    @cached_property
    def fault(self) -> Fault | None:
        """What went wrong on the network, if that is the cause."""
        is_local = self.is_of_disk or re.search(_OFFLINE, self.text)
        return None if is_local else self._fault or fault_in(self.raw, self._env)

    def become(
        self, error: type[OnebinError], doing: str, hint: str | None = None, *, findings: Sequence[Finding] = ()
    ) -> OnebinError:
        """Return the stage's error for this failure, with the hint for a known cause, else with `hint`.

        A fault of the network is all that there is to say: it is in the message, unless findings have it, which get its
        hint. Otherwise uv's message is the tail. If there is one finding, a `hint` is about it, and becomes its own.
        """
        if self.fault is not None and findings:
            return error(doing, findings=[replace(finding, hint=self.fault.hint) for finding in findings])
        if self.fault is not None:
            return error(f"{doing}: {self.fault.what}", self.fault.hint)
        known = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, self.text)), None)
        if known is not None and (hint is None or not known.startswith("the wheel")):
            hint = known
        elif hint is not None and len(findings) == 1:
            findings, hint = [replace(findings[0], hint=hint)], None
        else:
            hint = hint or "check the versions in the manifest, and the index and network in uv's settings"
        return error(doing, hint=hint, findings=findings, tail=f"uv says: {self.text}")


def _plain(stderr: str) -> str:
    """Return uv's message without its label, its box drawing and its hints, which are about uv's own flags."""
    kept: list[str] = []
    beginning = re.search(_BEGINNING, stderr)  # after what uv has said of its work
    for line in stderr[beginning.start() if beginning else 0 :].splitlines():
        text = re.sub(_DECORATION, "", line)
        if text.startswith("hint:"):
            break
        if text and not text.startswith("warning:"):
            kept.append(text)
    return "\n".join(kept) or "uv failed without a message"
