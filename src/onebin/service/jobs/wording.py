"""Take every word about the machine out of what the service says: its folders, its name, its user.

Folders that onebin knows are named by what they are for; of any other absolute path, only the last name is left.
"""

from __future__ import annotations

import getpass
import platform
import re
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.service.jobs.build import BuildError
from onebin.system import canonical_name, redact, visible
from onebin.workspace import default_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.catalogue import Order
    from onebin.pipeline import ErrorFacts

# Not a URL, whose path follows its host, nor a relative path.
_PATH = re.compile(r"(?<![\w./:~-])(?:file://)?(?:/|[A-Za-z]:\\)(?:[^\s/\\'\"`:,;()<>]+[/\\])+([^\s/\\'\"`:,;()<>]*)")
_LONGEST = 8000  # characters of one text
_COMMON = frozenset({"localhost", "root", "user", "nobody"})


@dataclass(frozen=True)
class Discretion:
    """What may not leave this machine: `folders` by the words that stand for them, and names of machine and user."""

    folders: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, folders: dict[Path, str]) -> Discretion:
        """Return what may not be said on this machine; `folders` are those of the service, and what to call them."""
        known = {
            **folders,
            default_cache_dir(): "(cache)",
            Path(tempfile.gettempdir()): "(temporary)",
            Path.home(): "(home)",
            Path(sys.prefix): "(onebin)",
            Path(sys.base_prefix): "(python)",
        }
        spelled = {str(form): word for path, word in known.items() for form in (path.absolute(), path.resolve())}
        inner = {place: word for place, word in spelled.items() if len(Path(place).parts) > 1}
        ordered = dict(sorted(inner.items(), key=lambda each: len(each[0]), reverse=True))
        names = {platform.node(), platform.platform(), platform.release(), _user()} - _COMMON
        return cls(ordered, tuple(name for name in names if len(name) > 2))

    def text(self, said: str) -> str:
        """Return a text without words about this machine, credentials and control characters, of bounded length."""
        clean = "\n".join(visible(line) for line in redact(said).splitlines())
        for place, word in self.folders.items():
            clean = clean.replace(place, word)
        clean = _PATH.sub(lambda found: f"…/{found[1]}", clean)
        for name in self.names:
            clean = re.sub(rf"\b{re.escape(name)}\b", "…", clean)
        return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"

    def error(self, facts: ErrorFacts, stage: str, order: Order) -> BuildError:
        """Return why a build failed as everybody may read it, with the plugins that the error names."""
        findings = tuple({**each, **self._texts(each)} for each in facts["findings"])
        said = [facts["message"], *(f"{each['where']} {each['message']}" for each in facts["findings"])]
        named = [each["plugin"] for each in facts["findings"] if each["plugin"]]
        return BuildError(
            stage=stage,
            message=self.text(facts["message"]),
            hint=facts["hint"] and self.text(facts["hint"]),
            plugins=tuple(dict.fromkeys([*named, *_named(order.plugins, said)])),
            findings=findings,  # type: ignore[arg-type]  # the same keys; a spread TypedDict is a dict to mypy
        )

    def own(self, stage: str, message: str, hint: str) -> BuildError:
        """Return a failure that the service itself has found."""
        return replace(BuildError(stage=stage, message=self.text(message)), hint=hint)

    def _texts(self, finding: Any) -> dict[str, str | None]:
        return {name: finding[name] and self.text(finding[name]) for name in ("where", "file", "message", "hint")}


def _named(plugins: Iterable[str], said: list[str]) -> list[str]:
    """Return the plugins whose names are words of some texts, in whichever spelling (PEP 503)."""
    words = {canonical_name(word.strip(".")) for text in said for word in re.findall(r"[\w.-]+", text)}
    return [plugin for plugin in plugins if canonical_name(plugin) in words]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return ""
