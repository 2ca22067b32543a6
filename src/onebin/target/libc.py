"""Put the C library and its loader into a frozen tree, so that an artifact needs none of its machine.

Enters: the interpreter that is frozen and a frozen tree. Leaves: the loader's file name, and the places of what was
added. Refuses: an interpreter that no dynamic loader starts.

All files are those with which the interpreter runs on this machine: its own loader is asked where they are.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onebin import launcher
from onebin.card import CONTENTS
from onebin.errors import Finding, FreezeError, ProcessError, TargetError
from onebin.system import environment, run, sha256_of, sha256_of_file
from onebin.target import elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.python import Interpreter

# What programs and libraries of other machines may ask for at run time, and must find here: theirs would come with
# another C library. Before glibc 2.34, libc.so.6 did not hold all of it.
_ALWAYS = (
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    # glibc opens these by their names: for names of users, hosts and services (nsswitch.conf), and to end a thread
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libnss_compat.so.2",
    "libgcc_s.so.1",
)
# Parts of the C library that few need, and that PyInstaller leaves out as it does those above.
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
        """The digest of all that may be bundled."""
        return sha256_of({path.name: sha256_of_file(path) for path in (self.loader, *self.libraries.values())})

    def add_to(self, tree: Path) -> list[str]:
        """Copy the loader and the libraries into the contents folder of a tree; return their names. Raises OSError."""
        files = [file for file in tree.rglob("*") if file.is_file() and not file.is_symlink()]
        files += [path for name, path in self.libraries.items() if name in _ALWAYS]
        needed = {name for file in files for name in _libraries(file)}
        added = {self.loader.name: self.loader}
        added |= {name: path for name, path in self.libraries.items() if name in _ALWAYS or name in needed}
        for name, path in added.items():
            target = tree / CONTENTS / name
            shutil.copyfile(path, target)
            target.chmod(0o755 if name == self.loader.name else 0o644)
        return sorted(added)


def libc_of(interpreter: Interpreter) -> Libc:
    """Return the C library with which an interpreter runs; raises TargetError if it has none of its own."""
    facts = elf.read(interpreter.executable) if launcher.exists_for(interpreter.platform) else None
    if facts is None or facts.loader is None:
        finding = Finding(
            '[freeze] libc = "bundled"',
            f"{interpreter.executable} ({interpreter.platform}) has no dynamic loader that could be bundled",
            'leave libc = "bundled" out',
        )
        raise TargetError("there is no C library to bundle", [finding])
    return Libc(loader=Path(facts.loader), libraries=_ask(facts.loader, interpreter.executable))


def _ask(loader: str, executable: Path) -> dict[str, Path]:
    """Ask a loader where it would take the libraries from; those that it does not find are not there."""
    wanted = " ".join((*_ALWAYS, *_WHEN_NEEDED))
    try:
        said = run([loader, "--list", executable], env={**environment(), "LD_PRELOAD": wanted}, timeout=60)
    except ProcessError as error:
        raise FreezeError(f"the dynamic loader {loader} does not run: {error.tail}", error.hint) from error
    found = {name: Path(path) for name, path in _FOUND.findall(said.stdout)}
    return {name: found[name] for name in (*_ALWAYS, *_WHEN_NEEDED) if name in found}


def _libraries(file: Path) -> Iterable[str]:
    facts = elf.read(file)
    return facts.libraries if facts else ()
