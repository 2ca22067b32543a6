"""The git repositories of a lock, as files: a git bundle (`git bundle`) for each locked commit.

Takes a lock's text; writes bundles, and returns the settings that make git use them instead of the repositories. The
name of a commit is the digest of its content, and git checks it: a bundle that was changed does not have the commit.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, ProcessError, VendorError
from onebin.python import GIT_PATIENCE
from onebin.system import environment, redact, run, tell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SECONDS = 1800.0
_REF = "refs/heads/onebin-locked"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A locked commit of a git repository, and the project's directory in it."""

    package: str
    url: str
    commit: str
    subdirectory: str

    @property
    def name(self) -> str:
        """The name of its bundle file."""
        return f"{self.package}-{self.commit}.bundle"


def repositories(text: str) -> list[Repository]:
    """Return the git repositories of a lock's text (PEP 751)."""
    rows = [(package, package["vcs"]) for package in tomllib.loads(text)["packages"] if "vcs" in package]
    return [
        Repository(
            package=str(canonicalize_name(package["name"])),
            url=str(vcs["url"]),
            commit=str(vcs["commit-id"]),
            subdirectory=str(vcs.get("subdirectory", "")),
        )
        for package, vcs in rows
        if vcs.get("type") == "git"
    ]


def git_redirects(directory: Path, found: Iterable[Repository]) -> dict[str, str]:
    """Return environment variables that make git use the bundles in a directory instead of the repositories."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    settings = {"GIT_CONFIG_COUNT": str(first)}
    for number, each in enumerate(found, first):
        settings[f"GIT_CONFIG_KEY_{number}"] = f"url.{directory / each.name}.insteadOf"
        settings[f"GIT_CONFIG_VALUE_{number}"] = each.url
        settings["GIT_CONFIG_COUNT"] = str(number + 1)
    return settings


def pack(repository: Repository, file: Path, scratch: Path) -> None:
    """Write the bundle of a repository, unless it exists; raises VendorError."""
    if file.is_file():
        return
    mirror, draft = scratch / f"{repository.name}.git", file.with_name(f".{file.name}.partial")
    tell(f"fetching {repository.package} from {redact(repository.url)}")
    _git("clone", "--quiet", "--mirror", "--", repository.url, mirror, of=repository)
    _git("-C", mirror, "update-ref", _REF, repository.commit, of=repository)
    _git("-C", mirror, "bundle", "create", "--quiet", draft, "--all", of=repository)
    draft.replace(file)


def unpack(repository: Repository, file: Path, scratch: Path) -> Path:
    """Check out the locked commit from its bundle, and return the project's folder; raises VendorError."""
    tree = scratch / f"{repository.name}.tree"
    _git("clone", "--quiet", "--no-checkout", "--", file, tree, of=repository)
    _git("-C", tree, "checkout", "--quiet", repository.commit, of=repository)
    return tree / repository.subdirectory


def _git(*arguments: str | Path, of: Repository) -> None:
    try:
        done = run(["git", *arguments], env={**GIT_PATIENCE, **environment(GIT_TERMINAL_PROMPT="0")}, timeout=_SECONDS)
    except ProcessError as error:
        said, hint = error.tail, error.hint
    else:
        said, hint = done.stderr.strip(), None
        if done.code == 0:
            return
    finding = Finding(of.package, f"git cannot fetch {redact(of.url)}: {said}", hint or "try `git clone` yourself")
    raise VendorError("cannot vendor a git repository", [finding])
