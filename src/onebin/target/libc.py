"""Find the C library and its loader, so that an artifact does not need those of its machine.

Takes the interpreter and the files of a bundle; returns the files to add. Raises TargetError if the interpreter is not
started by a dynamic loader, or lies in a folder without it.

The files are those that the interpreter uses on this machine: its own loader reports where they are. For an interpreter
that lies in a folder, they are in that folder, around the loader. musl's loader is the C library itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import launcher
from onebin.errors import Finding, FreezeError, ProcessError, TargetError
from onebin.system import environment, run, sha256_of, sha256_of_file
from onebin.target import elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.python import Interpreter

# What programs and libraries of other machines may need at run time. They must find it here, since their own would come
# with another C library. Before glibc 2.34, not everything was part of libc.so.6.
_ALWAYS = (
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    # glibc opens these by name: to look up users, hosts and services (nsswitch.conf), and to end a thread
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libnss_compat.so.2",
    "libgcc_s.so.1",
)
# Parts of the C library that few programs need; PyInstaller leaves them out, like those above.
_WHEN_NEEDED = (
    "libcrypt.so.1",
    "libcrypt.so.2",
    "libmvec.so.1",
    "libnsl.so.1",
    "libBrokenLocale.so.1",
    "libthread_db.so.1",
)
_FOUND = re.compile(r"^\s*(\S+) => (/.*) \(0x[0-9a-f]+\)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Libc:
    """The C library of an interpreter: its loader, and its libraries by the names that programs ask for."""

    loader: Path
    libraries: Mapping[str, Path]

    @property
    def identity(self) -> str:
        """The digest of everything that may be bundled."""
        return sha256_of({path.name: sha256_of_file(path) for path in (self.loader, *self.libraries.values())})

    @property
    def files(self) -> frozenset[Path]:
        """All of its files."""
        return frozenset({self.loader, *self.libraries.values()})

    def needed_by(self, files: Iterable[Path]) -> dict[str, Path]:
        """Return the files to bundle for some others, by name: the loader, and what is needed; raises OSError."""
        always = [path for name, path in self.libraries.items() if name in _ALWAYS]
        needed = {name for file in (*files, *always) for name in _libraries(file)}
        wanted = {name: path for name, path in self.libraries.items() if name in _ALWAYS or name in needed}
        return {self.loader.name: self.loader, **wanted}


def is_of_glibc(library: str) -> bool:
    """Return whether a library, by its name, is a part of glibc, which is the system's unless it is bundled."""
    return library.startswith("ld-") or library in {*_ALWAYS, *_WHEN_NEEDED} - {"libgcc_s.so.1"}


def libc_of(interpreter: Interpreter) -> Libc:
    """Return the C library that an interpreter runs with; raises TargetError if it does not have its own."""
    facts = elf.read_elf(interpreter.executable) if launcher.exists_for(interpreter.target) else None
    if facts is None or facts.loader is None:
        raise _nothing_to_bundle(f"{interpreter.executable} ({interpreter.platform}) has no dynamic loader to bundle")
    if interpreter.root is None:
        return Libc(loader=Path(facts.loader), libraries=_ask(facts.loader, interpreter.executable))
    loader = interpreter.root / facts.loader.lstrip("/")
    if not loader.exists():
        raise _nothing_to_bundle(f"{interpreter.root} has no {facts.loader.lstrip('/')} to bundle")
    return Libc(loader=loader, libraries=_around(loader.resolve(), interpreter.root.resolve()))


def _nothing_to_bundle(what: str) -> TargetError:
    finding = Finding('[freeze] libc = "bundled"', what, 'remove libc = "bundled"')
    return TargetError("no C library to bundle", [finding])


def _around(loader: Path, root: Path) -> dict[str, Path]:
    """Return the parts of the C library in the folder of its loader, and in that of the same name below usr."""
    folders = (loader.parent, root / "usr" / loader.parent.relative_to(root))
    names = (*_ALWAYS, *_WHEN_NEEDED)
    return {name: folder / name for folder in reversed(folders) for name in names if (folder / name).exists()}


def _ask(loader: str, executable: Path) -> dict[str, Path]:
    """Ask a loader which libraries it would load; those that it does not find are left out."""
    wanted = " ".join((*_ALWAYS, *_WHEN_NEEDED))
    try:
        said = run([loader, "--list", executable], env={**environment(), "LD_PRELOAD": wanted}, timeout=60)
    except ProcessError as error:
        raise FreezeError(f"cannot run the dynamic loader {loader}: {error.tail}", error.hint) from error
    found = {name: Path(path) for name, path in _FOUND.findall(said.stdout)}
    return {name: found[name] for name in (*_ALWAYS, *_WHEN_NEEDED) if name in found}


def _libraries(file: Path) -> Iterable[str]:
    facts = elf.read_elf(file)
    return facts.libraries if facts else ()
