"""Commands that run a program with its own file systems, network interfaces or privileges.

Each function returns the arguments that precede the program, or skips the test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

NOBODY = 12345  # a user ID that does not exist on this machine


def with_mounts(script: str, *, after: str = "", privileged: bool = False) -> list[str]:
    """Return a command that runs a program in its own mount namespace between two shell scripts; or skip the test.

    Other processes do not see the mounts of `script`, which end with the program; `after` still sees them. A user
    other than root also gets a user namespace, where loop devices cannot be mounted: `privileged` mounts need root.
    """
    mount = "mount -t tmpfs -o size=64k none /mnt"
    own = _unshare("--mount", privileged=privileged, probe=["sh", "-c", mount], what="mount a file system of its own")
    if not after:
        return [*own, "sh", "-c", f'set -e\n{script}\nexec "$@"', "sh"]
    return [*own, "sh", "-c", f'set -e\n{script}\nset +e\n"$@"\ncode=$?\n{after}\nexit $code', "sh"]


def without_network() -> list[str]:
    """Return a command that runs a program without any network interface; or skip the test."""
    return _unshare("--net", probe=["true"], what="make network namespaces")


def unprivileged(*, user: int | None = None, reads_all: bool = False) -> list[str]:
    """Return a command that runs a program restricted by file permissions, even under root; or skip the test.

    `user` is the ID of another user, which only root can switch to; `reads_all` lets that user read every file.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has no file permissions of this kind")
    if os.geteuid() != 0:
        if user is not None:
            pytest.skip("only root can switch to another user")
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("file permissions do not restrict root, and this machine has no setpriv")
    if user is None:
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] if reads_all else []
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *reading]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root switch to another user")
    return command


def _unshare(kind: str, *, probe: list[str], what: str, privileged: bool = False) -> list[str]:
    """Return a command that makes a namespace: as root, or else in a user namespace in which the user is root."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("this machine has no unshare, which the test needs for namespaces")
    reason = ""
    for rights in ([],) if privileged else ([], ["--map-root-user"]):
        own = ["unshare", kind, *rights]
        done = subprocess.run([*own, *probe], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode == 0:
            return own
        reason = done.stderr.strip()
    return pytest.skip(f"this machine does not let tests {what}: {reason}")
