"""Word findings for the author of a plugin: with the file and line in the author's own project, and without a manifest.

What `onebin check` finds names a row of a manifest and a file of the stage; the author has neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.errors import Finding
from onebin.manifest import key_path, line_of
from onebin.system import display

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.errors import FindingsError
    from onebin.survey import Distribution

_PLACE = re.compile(r" \((?P<file>[^()\n]+):(?P<line>\d+)\)$")
_PROJECT = "pyproject.toml"


@dataclass(frozen=True, kw_only=True)
class Author:
    """The author's view of a plugin: `folder` is its project, if it is local, and `manifest` what errors call ours."""

    plugin: Distribution
    folder: Path | None
    manifest: str

    def retold(self, error: FindingsError) -> FindingsError:
        """Return an error with its findings as the author needs them."""
        return type(error)(error.message, [self._retold(finding) for finding in error.findings], error.hint)

    def line(self, text: str) -> str:
        """Return a line to print in which files of the stage are those of the project."""
        found = _PLACE.search(text)
        return text if found is None else f"{text[: found.start()]} ({self._own(found['file'])}:{found['line']})"

    def _retold(self, finding: Finding) -> Finding:
        hint = finding.hint and finding.hint.partition(", or ")[0]  # an author does not remove or replace the plugin
        about = finding.where.removeprefix(f"{self.manifest}: ")
        if not about.startswith("plugins"):
            return Finding(about, finding.message, hint)
        found = _PLACE.search(finding.message)
        if found is not None:
            place = f"{self._own(found['file'])}:{found['line']}"
            return Finding(place, finding.message[: found.start()], hint)
        return Finding(self._declared(finding.message), finding.message, hint)

    def _own(self, file: str) -> str:
        """Return the file of the project that was installed as a file of the stage."""
        inside = file.replace("\\", "/").rpartition("/site-packages/")[2]
        if inside == file or self.folder is None:
            return inside
        own = [self.folder / "src" / inside, self.folder / inside]
        return next((display(each) for each in own if each.is_file()), inside)

    def _declared(self, message: str) -> str:
        """Return the line of pyproject.toml with the entry point that a message is about, or that of [project]."""
        if self.folder is None or not (self.folder / _PROJECT).is_file():
            return f"{self.plugin.title} {self.plugin.version}"
        text = (self.folder / _PROJECT).read_text("utf-8")
        paths = [
            ("project", "entry-points", point.group, point.name)
            for point in self.plugin.plugs
            if f"{point.name} = {point.value} [{point.group}]" in message
        ]
        groups = [("project", "entry-points", point.group) for point in self.plugin.plugs if point.group in message]
        lines = (line_of(key_path(path), text) for path in [*paths, *groups, ("project", "name")])
        line = next((each for each in lines if each is not None), None)
        file = display(self.folder / _PROJECT)
        return file if line is None else f"{file}:{line}"
