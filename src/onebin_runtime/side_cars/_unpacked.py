"""Where the files of side-cars are: each in a private folder of the tree, named by the digest of its container.

A folder is written beside its place and renamed, so it is complete or does not exist. It has what the checks have
found out, so that a later start of the same tree need not repeat them. It is removed together with the tree.
"""

from __future__ import annotations

import json
import os
import sys
import time
from hashlib import sha256

from onebin_runtime.side_cars._container import FACTS, contents
from onebin_runtime.side_cars._errors import Refused
from onebin_runtime.side_cars._facts import Facts

_FOLDER = "side-cars"
_COMPLETE = ".complete"
_DRAFT = ".draft-"
_OLD_SECONDS = 3600


def folder_of(digest: str) -> str:
    """Return where the side-car with this digest is, or will be."""
    return os.path.join(sys.prefix, _FOLDER, digest)


def find(digest: str) -> tuple[Facts, str] | None:
    """Return the facts of a side-car that has been unpacked, and the key that it is signed with; None if it is not.

    A folder that lacks a file, as a program that tidies up leaves it, is not complete.
    """
    folder = folder_of(digest)
    try:
        with open(os.path.join(folder, _COMPLETE), "rb") as file:
            key = json.load(file)["key"]
            if not isinstance(key, str):
                return None
        with open(os.path.join(folder, FACTS), "rb") as file:
            facts = Facts(file.read(), has_checked_paths=True)
        sizes = (os.stat(os.path.join(folder, *path.split("/"))).st_size for path in facts.files)
        is_whole = all(size == wanted for size, (_, wanted, _) in zip(sizes, facts.files.values()))  # noqa: B905  # Python 3.10 has `strict`, and both are of one table
    except (OSError, ValueError, KeyError, TypeError, RecursionError, Refused):
        return None
    return (facts, key) if is_whole else None


def unpack(signed: bytes, digest: str, facts: Facts, key: str) -> None:
    """Write the files of a side-car, comparing each with its digest; raises Refused, and then nothing is left."""
    import shutil  # slow to import, and the next start does not unpack

    place = folder_of(digest)
    above = os.path.dirname(place)
    draft = f"{os.path.join(above, _DRAFT)}{os.getpid()}-{os.urandom(6).hex()}"
    try:
        os.makedirs(above, 0o700, exist_ok=True)
        _sweep(above)
        os.mkdir(draft, 0o700)
        try:
            _write_all(signed, draft, facts)
            _write(os.path.join(draft, FACTS), facts.text)
            _write(os.path.join(draft, _COMPLETE), json.dumps({"key": key}).encode())
            _publish(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise Refused(f"it cannot be unpacked below {above}: {error.strerror}") from None


def _write_all(signed: bytes, draft: str, facts: Facts) -> None:
    members = [(path, size, is_executable) for path, (_, size, is_executable) in facts.files.items()]
    made = {draft}
    for path, content in contents(signed, members):
        wanted, _, is_executable = facts.files[path]
        if sha256(content).hexdigest() != wanted:
            raise Refused(f"its file {path!a} is not the one that its facts describe")
        file = os.path.join(draft, *path.split("/"))
        folder = os.path.dirname(file)
        if folder not in made:
            os.makedirs(folder, 0o700, exist_ok=True)
            made.add(folder)
        _write(file, content, 0o700 if is_executable else 0o600)


def _write(file: str, content: bytes | memoryview, mode: int = 0o600) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as stream:
        stream.write(content)


def _publish(draft: str, place: str) -> None:
    """Rename a draft to its place; what is there by now is complete, or is moved away first."""
    import shutil

    for _ in range(2):
        try:
            os.rename(draft, place)
        except OSError:
            if find(os.path.basename(place)) is not None:
                return
            damaged = f"{draft}-damaged"
            os.rename(place, damaged)
            shutil.rmtree(damaged, ignore_errors=True)
        else:
            return


def _sweep(above: str) -> None:
    """Remove what killed starts have left."""
    import shutil

    old = time.time() - _OLD_SECONDS
    for name in os.listdir(above):
        path = os.path.join(above, name)
        try:
            is_old = name.startswith(_DRAFT) and os.lstat(path).st_mtime < old
        except FileNotFoundError:  # another start has finished with it
            continue
        if is_old:
            shutil.rmtree(path, ignore_errors=True)
