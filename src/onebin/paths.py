"""Every location that onebin reads or writes, in one frozen value."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

MANIFEST_NAME = "bundle.toml"
CACHE_VARIABLE = "ONEBIN_CACHE_DIR"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where one bundle is built: its manifest, the cache, and the output; all paths absolute.

    `output` is None for the default, `dist/<name>` beside the manifest. `lock_dir` is the manifest's directory, or a
    private one for a bundle that has no manifest file.
    """

    manifest_file: Path
    cache_dir: Path
    lock_dir: Path
    output: Path | None = None

    @classmethod
    def at(cls, manifest: Path, *, output: Path | None = None, lock_dir: Path | None = None) -> Workspace:
        """Return the workspace of a manifest file, or of the `bundle.toml` in a directory."""
        # pathlib's is_dir() raises for names that are too long, and its resolve() would follow the user's symlinks.
        chosen = manifest / MANIFEST_NAME if os.path.isdir(manifest) else manifest  # noqa: PTH112
        file = Path(os.path.abspath(chosen))  # noqa: PTH100
        return cls(
            manifest_file=file,
            cache_dir=default_cache_dir(),
            lock_dir=lock_dir or file.parent,
            output=None if output is None else Path(os.path.abspath(output)),  # noqa: PTH100  # as above
        )

    @property
    def directory(self) -> Path:
        """The manifest's directory, to which its relative paths refer."""
        return self.manifest_file.parent

    def lock_file(self, name: str) -> Path:
        """Return the lock's file; PEP 751 allows no dot inside the name."""
        return self.lock_dir / f"pylock.{name.replace('.', '-')}.toml"

    def output_file(self, name: str) -> Path:
        """Return where the artifact goes."""
        if self.output is not None:
            return self.output
        return self.directory / "dist" / (f"{name}.exe" if sys.platform == "win32" else name)

    def log_file(self, name: str) -> Path:
        """Return the log of this bundle's last freeze."""
        return self.cache_dir / "logs" / f"{name}.freeze.log"


def default_cache_dir() -> Path:
    """Return `ONEBIN_CACHE_DIR`, or the platform's directory for caches of this user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).absolute() if chosen else Path(platformdirs.user_cache_dir("onebin", appauthor=False))


def display(path: Path) -> str:
    """Return a path as short as it can be said: relative to the working directory when it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
