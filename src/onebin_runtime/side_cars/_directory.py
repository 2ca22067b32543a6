"""Read the files of a directory that only root and this user can change.

The way from `/` to it is walked in open directories, so that nobody can exchange one of them in between: each belongs
to root or this user, and others cannot write to it unless it is sticky. Symbolic links on the way belong to them, too.
"""

from __future__ import annotations

import os
import stat

from onebin_runtime.side_cars._container import LARGEST
from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINKS = 40
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOCTTY", 0)


def open_directory(path: str) -> int:
    """Return a descriptor of a directory; raises FileNotFoundError if there is none, and Refused if it is not safe."""
    waiting = _parts(path)
    links = 0
    here, walked = os.open("/", _FOLDER), "/"
    try:
        _check(os.fstat(here), walked)
        while waiting:
            name = waiting.pop(0)
            found = os.stat(name, dir_fd=here, follow_symlinks=False)
            walked = os.path.normpath(os.path.join(walked, name))
            if stat.S_ISLNK(found.st_mode):
                links += 1
                _check_link(found, walked, links)
                target = os.readlink(name, dir_fd=here)
                waiting = _parts(target) + waiting
                if target.startswith("/"):
                    here, walked = _replaced(here, os.open("/", _FOLDER)), "/"
                else:
                    walked = os.path.dirname(walked)
                continue
            here = _replaced(here, os.open(name, _FOLDER, dir_fd=here))
            _check(os.fstat(here), walked)
    except BaseException:
        os.close(here)
        raise
    return here


def names_in(directory: int, suffix: str) -> list[str]:
    """Return the names of the files with a suffix, in order; hidden ones are drafts of whoever copies them there."""
    return sorted(name for name in os.listdir(directory) if name.endswith(suffix) and not name.startswith("."))


def read_file(name: str, directory: int, *, most: int = LARGEST) -> bytes:
    """Return the content of a file that only root and this user can change, read once; raises Refused."""
    try:
        file = os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        reason = "it is a link" if _is_link(name, directory) else f"it cannot be read: {error.strerror}"
        raise Refused(reason) from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is not a file")
        _check(found, "it")
        if found.st_size > most:
            raise Refused(f"it is larger than {most >> 20} MiB")
        return b"".join(_blocks(file, most))
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(file)


def _blocks(file: int, most: int) -> Iterator[bytes]:
    left = most + 1
    while left > 0 and (block := os.read(file, min(left, 1 << 20))):
        left -= len(block)
        yield block
    if left <= 0:
        raise Refused(f"it is larger than {most >> 20} MiB")


def _check(found: os.stat_result, what: str) -> None:
    _check_owner(found, what)
    is_sticky_folder = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if not is_sticky_folder and _is_writable_for_others(found):
        raise Refused(f"others can write to {what}")


def _is_writable_for_others(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and (found.st_uid != os.geteuid() or not _is_own_group(found.st_gid))


def _is_own_group(group: int) -> bool:
    """Return whether a group is only this user's, as on systems that give each user a group, and let it write.

    The launcher has the same rule (walk.c).
    """
    import grp
    import pwd

    try:
        user, members = pwd.getpwuid(os.geteuid()), grp.getgrgid(group).gr_mem
    except KeyError:
        return False
    if group == 0 or any(name != user.pw_name for name in members):
        return False
    return all(each.pw_gid != group or each.pw_uid == user.pw_uid for each in pwd.getpwall())


def _check_link(found: os.stat_result, what: str, number: int) -> None:
    _check_owner(found, what)
    if number > _MOST_LINKS:
        raise Refused(f"{what} is one of too many links")


def _check_owner(found: os.stat_result, what: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(f"{what} belongs to somebody else")


def _is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new
