"""Let the kernel behave, for one program, as it does in places that a test cannot have.

Each function is called in the new process before the program is executed (`preexec_fn`).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_SET_NO_NEW_PRIVS, _SET_SECCOMP, _SET_CHILD_SUBREAPER, _FILTER = 38, 22, 36, 2
_FLOCK = {"x86_64": 73, "aarch64": 32}
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR_0 = 0x7FFF0000, 0x00050000


def let_locks_lie() -> None:
    """Let `flock` always succeed and never lock, as on some network file systems."""
    instructions = [
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 0, 1, _FLOCK[platform.machine()]),
        (_RETURN, 0, 0, _ERROR_0),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code)))
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program))


def adopt_orphans() -> None:
    """Make the process adopt the orphans among its descendants, as the first process of a container does."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, *arguments: int) -> None:
    given = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *given) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
