"""All locations that onebin reads or writes, in one frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from onebin.cache import Cache
from onebin.platforms import Platform, this_platform
from onebin.system import VERSION_CONTROL, absolute, is_there, surrounding

MANIFEST_NAME = "bundle.toml"
CACHE_VARIABLE = "ONEBIN_CACHE_DIR"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where one bundle is built: its manifest, the cache and the output. All paths are absolute.

    `output` is None for the default, `dist/<name>` next to the manifest. `lock_dir` is the manifest's directory, or a
    private one for a bundle without a manifest file. `platform` is what the bundle is built for, if that was asked for
    by name: lock and artifact then have the name, too. `cell` is the part of a lock's name that tells the cells of a
    matrix apart.
    """

    manifest_file: Path
    cache_dir: Path
    lock_dir: Path
    output: Path | None = None
    platform: Platform | None = None
    cell: str = ""

    @classmethod
    def at(
        cls,
        manifest: Path,
        *,
        output: Path | None = None,
        lock_dir: Path | None = None,
        platform: Platform | None = None,
    ) -> Workspace:
        """Return the workspace for a manifest file, or for the `bundle.toml` in a directory."""
        is_folder = is_there(manifest) and manifest.is_dir()
        file = absolute(manifest / MANIFEST_NAME if is_folder else manifest)
        return cls(
            manifest_file=file,
            cache_dir=default_cache_dir(),
            lock_dir=lock_dir or file.parent,
            output=None if output is None else absolute(output),
            platform=platform,
        )

    @property
    def directory(self) -> Path:
        """The manifest's directory; its relative paths start here."""
        return self.manifest_file.parent

    def lock_file(self, name: str) -> Path:
        """Return the path of the lock file. PEP 751 allows no dot inside the name."""
        whole = self._named(f"{name}-{self.cell}" if self.cell else name)
        return self.lock_dir / f"pylock.{whole.replace('.', '-')}.toml"

    def output_file(self, name: str) -> Path:
        """Return the path that the artifact is written to."""
        if self.output is not None:
            return self.output
        platform = self.platform or this_platform()
        return self.directory / "dist" / f"{self._named(name)}{platform.suffix if platform else ''}"

    def _named(self, name: str) -> str:
        return name if self.platform is None else f"{name}-{self.platform}"

    @property
    def cache(self) -> Cache:
        """The cache that this workspace's builds share."""
        return Cache(self.cache_dir)


def find_manifest(folder: Path) -> Path | None:
    """Return the nearest `bundle.toml` in a folder or above it; None if there is none.

    The search ends at the root of a repository, and before a folder that others than this user can change.
    """
    for place in surrounding(absolute(folder)):
        if is_there(place / MANIFEST_NAME):
            return place / MANIFEST_NAME
        if any(is_there(place / mark) for mark in VERSION_CONTROL):
            return None
    return None


def default_cache_dir() -> Path:
    """Return `ONEBIN_CACHE_DIR`, or this user's cache directory on this platform."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).absolute() if chosen else Path(platformdirs.user_cache_dir("onebin", appauthor=False))


def default_config_dir() -> Path:
    """Return this user's directory for the configuration of onebin on this platform."""
    return Path(platformdirs.user_config_dir("onebin", appauthor=False))
