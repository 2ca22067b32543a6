"""The local files that a bundle is built from, and what is in them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.errors import ProcessError
from onebin.system import absolute, environment, run, sha256_of_entry, sha256_of_file, source_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from onebin.pipeline import BuildRequest

# What vim, emacs, nano, JetBrains and file managers write beside a file that is edited or shown.
_TEMPORARY = re.compile(
    r"(?:~|\.sw[a-z]|\.swpx|___jb_(?:tmp|old)___)$|^(?:\.#|#.*#$|4913$|\.DS_Store$|flycheck_|\.goutputstream-)"
)
_GIT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Files; projects, whose sources count; and folders of data, of which everything counts. All paths are absolute."""

    files: frozenset[Path]
    projects: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, request: BuildRequest) -> Inputs:
        """Return the inputs of a build: the manifest, and the projects, archives and data that it names."""
        manifest = request.manifest
        rows = [manifest.host, *manifest.plugins]
        local = {absolute(manifest.directory / row.path) for row in rows if row.path is not None}
        data = {absolute(manifest.directory / path) for path in manifest.freeze.data.values()}
        archives = {path for path in local if path.name.endswith((".whl", ".tar.gz"))}
        folders = {path for path in data if path.is_dir()}
        return cls(
            files=frozenset({request.workspace.manifest_file, *archives, *(data - folders)}),
            projects=frozenset(local - archives),
            folders=frozenset(folders),
        )

    def contents(self) -> Mapping[Path, str]:
        """Return the digest of each file that exists; of links in projects, where they lead."""
        found = {}
        for digest, file in self._existing():
            with suppress(OSError):  # removed in the meantime
                found[file] = digest(file)
        return found

    def _existing(self) -> Iterator[tuple[Callable[[Path], str], Path]]:
        for file in self.files:
            if file.is_file():
                yield sha256_of_file, file
        for project in self.projects:
            ignored = _ignored(project)
            for file in source_files(project):
                if not _TEMPORARY.search(file.name) and ignored.isdisjoint((file, *file.parents)):
                    yield sha256_of_entry, file
        for folder in self.folders:
            for file in folder.rglob("*"):
                if file.is_file() and not _TEMPORARY.search(file.name):
                    yield sha256_of_file, file


def _ignored(project: Path) -> frozenset[Path]:
    """Return the files and folders in a project that git ignores; none if the project is not git's, or all of it is."""
    arguments = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    try:
        listed = run(["git", *arguments], env=environment(), cwd=project, timeout=_GIT_SECONDS)
    except (ProcessError, OSError):
        return frozenset()
    names = listed.stdout.split("\0")[:-1] if listed.code == 0 else []
    return frozenset(project / name for name in names) - {project}
