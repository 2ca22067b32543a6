"""Nobody who shares the machine, and nobody who makes a payload, decides what the launcher runs or where it writes."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from support.launched import (
    INTERPRETER,
    NO_CACHE,
    SHELL,
    Launched,
    assert_cannot_start,
    nothing_was_written,
    runs_privately,
    write_payload,
)
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a launcher for POSIX")

# Without the option, a shell gives up the rights of setuid.
PRIVILEGED = {f"bin/{INTERPRETER}": SHELL.replace("/bin/sh", "/bin/sh -p").encode()}
DICE = random.Random(15)  # noqa: S311  # the same in every run, not a secret


def _needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")


def _setuid(make: Callable[..., Launched], folder: Path) -> Launched:
    """Return an artifact that runs with the rights of root."""
    _needs_root()
    artifact = make(files=PRIVILEGED, folder=folder)
    artifact.file.chmod(0o4755)
    artifact.temporary.chmod(0o777)
    probe = run([*unprivileged(user=NOBODY), *artifact.command("id -u")], whole_env=artifact.environment())
    if probe.out.strip() != "0":
        pytest.skip("setuid has no effect on this file system")
    return artifact


def _trojan(make: Callable[..., Launched], folder: Path, name: str = "tiny") -> Launched:
    """Return an artifact of somebody else that prints a word and whose rights it has."""
    script = b"#!/bin/sh -p\necho trojan $(id -u)\n"
    folder.mkdir(exist_ok=True)
    return make(name, {f"bin/{INTERPRETER}": script}, version="2", folder=folder)


# The file that is unpacked is the one that was executed -----------------------------------------------------------


@pytest.mark.parametrize("privileged", [False, True])
def test_deleted_file_runs_itself(make: Callable[..., Launched], public: Path, privileged: bool) -> None:
    """A file that was removed after it was opened runs itself, whatever has the name that the kernel reports."""
    artifact = _setuid(make, public) if privileged else make(folder=public)
    trojan = _trojan(make, public / "elsewhere")
    under = unprivileged(user=NOBODY) if privileged else []
    with artifact.file.open("rb") as stream:
        artifact.file.unlink()
        for name in ("tiny", "tiny (deleted)"):
            shutil.copy(trojan.file, public / name)
        command = [*under, f"/proc/self/fd/{stream.fileno()}", 'cat "$tree/data"; id -u']
        done = subprocess.run(
            command, pass_fds=[stream.fileno()], env=artifact.environment(), capture_output=True, text=True, check=False
        )
    assert (done.stdout, done.stderr) == (f"data\n{0 if privileged else os.geteuid()}\n", "")


def test_file_in_memory_runs_itself(tiny: Launched) -> None:
    """An artifact can be executed from a file that has no path at all."""
    memory = os.memfd_create("tiny")
    os.write(memory, tiny.file.read_bytes())
    done = subprocess.run(
        [f"/proc/self/fd/{memory}", 'cat "$tree/data"'],
        pass_fds=[memory],
        env=tiny.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    os.close(memory)
    assert done.stdout == "data\n"


def test_exchanged_file_does_not_run_with_more_rights(make: Callable[..., Launched], public: Path) -> None:
    """Whoever renames files while a setuid artifact starts does not get their own code run by it."""
    folder = public / "theirs"
    folder.mkdir()
    artifact, trojan = _setuid(make, folder), _trojan(make, public / "elsewhere")
    shutil.copy(trojan.file, folder / "trojan")
    os.chown(folder, NOBODY, NOBODY)
    swap = "while :; do mv tiny own; mv trojan tiny; mv tiny trojan; mv own tiny; done 2>/dev/null"
    as_other, env = unprivileged(user=NOBODY), artifact.environment()
    with subprocess.Popen([*as_other, "sh", "-c", swap], cwd=folder) as swapper:
        try:
            shown = [run([*as_other, folder / "tiny", "id -u"], whole_env=env, errors="replace") for _ in range(60)]
        finally:
            swapper.kill()
    # A start of the trojan itself has no rights, and one of a name that is not there just then has no output.
    assert {done.out for done in shown} <= {"0\n", f"trojan {NOBODY}\n", ""}


def test_privileged_start_needs_proc(make: Callable[..., Launched], public: Path) -> None:
    """Without /proc there is only a path, which its caller chooses: a setuid artifact refuses to start."""
    artifact = _setuid(make, public)
    under = [*with_mounts("mount -t tmpfs tmpfs /proc"), *unprivileged(user=NOBODY)]
    assert_cannot_start(artifact.start("echo ran", under=under), "/proc")


def test_closed_streams_of_a_privileged_start_are_filled(make: Callable[..., Launched], public: Path) -> None:
    """A file that a setuid program opens never gets the number of a standard stream that its caller has closed."""
    artifact = _setuid(make, public)
    closing = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-']
    script = f"ls -l /proc/$$/fd >{public}/open"
    run([*unprivileged(user=NOBODY), *closing, *artifact.command(script)], whole_env=artifact.environment())
    shown = (public / "open").read_text().splitlines()
    assert {line.split()[-3] for line in shown if line.endswith("/dev/null")} >= {"0", "2"}


def test_privileged_start_runs_nothing_of_its_caller(make: Callable[..., Launched], public: Path) -> None:
    """No program on the caller's PATH runs with the rights of root."""
    artifact = _setuid(make, public)
    own = public / "own"
    own.mkdir()
    for name in ("ps", "sh", "id", "uname", "ldd", "ldconfig", "python3", "tar", "rm", "env"):
        (own / name).write_text(f"#!/bin/sh\necho {name} >>{public}/ran\n")
        (own / name).chmod(0o755)
    (public / "ran").touch()
    (public / "ran").chmod(0o666)
    env = artifact.environment({"PATH": str(own), "ONEBIN_TRACE": "1", "LD_PRELOAD": str(own / "none.so")})
    program, *options = unprivileged(user=NOBODY)
    done = run([shutil.which(program) or program, *options, *artifact.command("exit 0")], whole_env=env)
    assert done.code == 0, done
    assert (public / "ran").read_text() == ""


# Other people's folders on the way --------------------------------------------------------------------------------


def _private(artifact: Launched, home: Path, **options: Any) -> None:
    """Expect that nothing below a home is used or changed."""
    before = sorted(home.rglob("*")) if home.is_dir() else None
    runs_privately(artifact, {**NO_CACHE, "HOME": str(home)}, **options)
    assert (sorted(home.rglob("*")) if home.is_dir() else None) == before


def _plant(home: Path, tiny: Launched) -> Path:
    """Make a cache in a home as its owner would, with another program in the entry; return the cache."""
    real = tiny.home()
    cache = home / ".cache"
    cache.mkdir(parents=True, mode=0o700, exist_ok=True)
    (cache / "onebin").mkdir(mode=0o700)
    shutil.copytree(tiny.entries, cache / "onebin" / "artifacts", symlinks=True)
    program = cache / "onebin" / "artifacts" / real.name / "bin" / INTERPRETER
    program.write_text("#!/bin/sh\necho trojan\n")
    return cache


def test_home_in_a_folder_that_others_may_write_is_not_used(tiny: Launched, public: Path) -> None:
    """Whoever may rename what is above the cache may put another tree there, so it is not used."""
    home = public / "shared" / "home"
    home.mkdir(parents=True, mode=0o700)
    for mode in (0o777, 0o772):
        home.parent.chmod(mode)
        _private(tiny, home)
    home.parent.chmod(0o1777)
    assert Path(tiny.says('echo "$tree"', env={**NO_CACHE, "HOME": str(home)})).is_relative_to(home)


def test_folder_of_another_user_on_the_way_is_not_used(tiny: Launched, public: Path) -> None:
    """A cache in a folder of another user is not used, however private the cache itself is."""
    _needs_root()
    home = public / "home"
    cache = _plant(home, tiny)
    for path in (cache, cache / "onebin", home):
        os.chown(path, NOBODY, NOBODY)
        _private(tiny, home)
        os.chown(path, 0, 0)


def test_home_of_another_user_stays_untouched(tiny: Launched, public: Path) -> None:
    """Root with a user's HOME, as after sudo, makes nothing in it."""
    _needs_root()
    home = public / "home"
    home.mkdir(mode=0o755)
    os.chown(home, NOBODY, NOBODY)
    _private(tiny, home)


def test_nothing_is_made_in_a_home_that_is_roots(make: Callable[..., Launched], public: Path) -> None:
    """HOME=/tmp means that there is no home: nothing is made in it, though anybody might."""
    _needs_root()
    tiny = make(folder=public)
    home = public / "sticky"
    home.mkdir()
    home.chmod(0o1777)
    for path in (tiny.temporary, tiny.cache):
        path.mkdir(exist_ok=True)
        os.chown(path, NOBODY, NOBODY)
    _private(tiny, home, under=unprivileged(user=NOBODY))


@pytest.mark.parametrize("where", ["home", "cache", "onebin"])
def test_link_of_another_user_is_not_followed(tiny: Launched, public: Path, where: str) -> None:
    """A symbolic link is followed if it is ours or root's, and not if somebody else made it."""
    _needs_root()
    real = public / "real"
    cache = _plant(real, tiny)
    shared = public / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    link, home = shared / "link", shared / "link"
    target = {"home": real, "cache": cache, "onebin": cache / "onebin"}[where]
    link.symlink_to(target)
    if where != "home":
        home = public / "home"
        (home / ".cache").mkdir(parents=True) if where == "onebin" else home.mkdir()
        (home / ".cache" / ("onebin" if where == "onebin" else "")).symlink_to(link)
    env = {**NO_CACHE, "HOME": str(home)}
    assert tiny.says("echo ran", env=env) == "trojan"  # root made all of it
    os.lchown(link, NOBODY, NOBODY)
    runs_privately(tiny, env)


def test_links_that_lead_around_end(tiny: Launched, public: Path) -> None:
    """Links that lead to each other are an unusable place, not an endless start."""
    (public / "one").symlink_to("two")
    (public / "two").symlink_to("one")
    runs_privately(tiny, {"ONEBIN_CACHE_DIR": str(public / "one" / "cache")})


@pytest.mark.parametrize("target", ["", "deep/../real", "{public}/real", "../{name}/real"])
def test_own_link_is_followed(tiny: Launched, public: Path, target: str) -> None:
    """A cache behind a link of its user is used by the path that the user gave, through relative and absolute links."""
    (public / "real").mkdir()
    (public / "deep").mkdir()
    link = public / "link"
    link.symlink_to(target.format(public=public, name=public.name) or "real/")
    home = Path(tiny.says('echo "$tree"', env={"ONEBIN_CACHE_DIR": str(link / "made" / "here")}))
    assert home.is_relative_to(link / "made" / "here")
    assert home.resolve().is_relative_to(public / "real")


def test_group_of_one_user_may_write(make: Callable[..., Launched], public: Path) -> None:
    """A folder may be writable for a group that has only its user, as many systems make them."""
    _needs_root()
    tiny = make(folder=public)
    home = public / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    home.chmod(0o770)
    os.chown(tiny.temporary, NOBODY, NOBODY)
    env = {**NO_CACHE, "HOME": str(home)}
    for members, other, is_used in (("", 1, True), ("me", 1, True), ("me,you", 1, False), ("", NOBODY, False)):
        (public / "passwd").write_text(f"me:x:{NOBODY}:{NOBODY}::/:/bin/sh\nyou:x:1:{other}::/:/bin/sh\n")
        (public / "group").write_text(f"root:x:0:\nme:x:{NOBODY}:{members}\n")
        mounts = "".join(f"mount --bind {public}/{name} /etc/{name}\n" for name in ("passwd", "group"))
        under = [*with_mounts(mounts), *unprivileged(user=NOBODY)]
        tree = Path(tiny.says('echo "$tree"', env=env, under=under))
        assert tree.is_relative_to(home if is_used else tiny.temporary), members


def test_temporary_folder_of_somebody_else_is_not_used(tiny: Launched, public: Path) -> None:
    """A folder for temporary files in which others may rename everything is not used."""
    open_to_all = public / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    tree = Path(tiny.says('echo "$tree"', env={**NO_CACHE, "TMPDIR": str(open_to_all)}))
    assert tree.parent == Path("/tmp")  # noqa: S108  # the next place
    assert list(open_to_all.iterdir()) == []


def test_error_names_the_folder_that_others_may_write(make: Callable[..., Launched], public: Path) -> None:
    """If no place can be used because of a folder on the way, the error names that folder."""
    _needs_root()
    (public / "open" / "home").mkdir(parents=True)
    (public / "open").chmod(0o777)
    tiny = make(folder=public)
    mount = "-t tmpfs -o size=0,nr_inodes=1,mode=1777 tmpfs"
    copying = ["sh", "-c", f'cp "{tiny.file}" /mnt/tiny && mount --bind {public} /srv && exec "$0" "$@"']
    inner = f"mount {mount} /tmp && mount {mount} /var/tmp && exec /mnt/tiny 'echo ran'"
    under = [*with_mounts("mount -t tmpfs tmpfs /mnt"), *copying, "sh", "-c", inner]
    done = run(under, whole_env={"PATH": os.environ["PATH"], "HOME": "/srv/open/home"})
    assert_cannot_start(done, "/srv/open belongs to another user, or others may write to it")


# A payload of somebody who wants to do harm ---------------------------------------------------------------------------

Member = tuple[str, bytes | str | None]


def _packed(*members: Member, after: bytes = b"", kind: bytes = b"") -> bytes:
    """Return a payload with folders (None), links (str) and files (bytes) after what a tree needs."""
    whole = io.BytesIO()
    own: list[Member] = [("bin", None), ("lib", None), (f"bin/{INTERPRETER}", SHELL.encode()), ("code.bin", b"")]
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in [*own, ("relocate", b""), ("data", b"data\n"), *members]:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = kind or tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return zstandard.compress(whole.getvalue() + after)


HARM: dict[str, list[Member]] = {
    "file through a link to a folder": [("link", "{outside}"), ("link/file", b"harm")],
    "file through a link to a file": [("link", "{outside}/file"), ("link", b"harm")],
    "file through a link that stays inside": [("link", "lib"), ("link/file", b"harm")],
    "folder through a link": [("link", "{outside}"), ("link/folder", None)],
    "link through a link": [("link", "lib"), ("link/link", "../../file")],
    "absolute link": [("link", "{outside}")],
    "link to the folder above": [("link", "../file")],
    "link far above": [("lib/link", "../../../file")],
    "link that goes up in the middle": [("lib/link", "x/../../../file")],
    "name that goes up": [("../file", b"harm")],
    "name that goes up in the middle": [("lib/../../file", b"harm")],
    "absolute name": [("{outside}/file", b"harm")],
    "name with a control character": [("lib/\x1b[31m", b"harm")],
    "name with a line end": [("lib/a\nb", b"harm")],
    "name with an empty part": [("lib//file", b"harm")],
    "name with a dot": [("lib/./file", b"harm")],
    "link target with a control character": [("link", "a\x1bb")],
    "the same file twice": [("lib/file", b"one"), ("lib/file", b"two")],
    "file in the place of a folder": [("lib", b"harm")],
}


@pytest.mark.parametrize("members", HARM.values(), ids=HARM)
@pytest.mark.parametrize("env", [{}, NO_CACHE], ids=["cached", "private"])
def test_payload_stays_in_its_directory(
    tiny: Launched, tmp_path: Path, launcher_file: Path, members: list[Member], env: dict[str, str | None]
) -> None:
    """A payload whose digest is right, but that would leave its directory, is refused as a whole."""
    outside = tmp_path / "outside"
    outside.mkdir()
    given = [
        (name.format(outside=outside), content.format(outside=outside) if isinstance(content, str) else content)
        for name, content in members
    ]
    write_payload(tiny.file, _packed(*given), launcher_file)
    assert_cannot_start(tiny.start("echo ran", env=env))
    nothing_was_written(tiny)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S", b"V"])
def test_unusual_members_are_refused(tiny: Launched, launcher_file: Path, kind: bytes) -> None:
    """A payload has files, folders and symbolic links; hard links, devices and others are refused."""
    write_payload(tiny.file, _packed(("lib/odd", "data"), kind=kind), launcher_file)
    assert_cannot_start(tiny.start("echo ran"))
    nothing_was_written(tiny)


def test_nothing_follows_the_end_of_a_payload(tiny: Launched, launcher_file: Path) -> None:
    """Bytes after the end mark, in the same frame or after it, make a payload invalid."""
    skippable = bytes.fromhex("502a4d18") + (4).to_bytes(4, "little") + b"more"
    more = zstandard.compress(_packed_file("lib/more"))
    for content in (_packed(after=b"more"), _packed() + b"more", _packed() + skippable, _packed() + more):
        write_payload(tiny.file, content, launcher_file)
        assert_cannot_start(tiny.start("echo ran"))
        nothing_was_written(tiny)


def _packed_file(name: str) -> bytes:
    """Return a part of a tar archive with one file, without an end mark."""
    entry = tarfile.TarInfo(name)
    entry.size = 1
    return entry.tobuf(tarfile.GNU_FORMAT) + b"x" + bytes(511)


def test_payload_in_frames_is_unpacked(tiny: Launched, launcher_file: Path) -> None:
    """The frames of a payload are parts of one archive; folders are only in the first."""
    whole = zstandard.ZstdDecompressor().decompress(_packed(), max_output_size=1 << 20)
    end = len(whole.rstrip(b"\0")) + 511 & -512
    parts = [_packed_file("lib/two"), _packed_file("lib/three") + bytes(1024)]
    content = b"".join(zstandard.compress(part) for part in [whole[:end], *parts])
    write_payload(tiny.file, content, launcher_file)
    assert tiny.says('cd "$tree/lib"; cat two three') == "xx"


def test_wrong_digest_writes_nothing_outside(tiny: Launched, tmp_path: Path, launcher_file: Path) -> None:
    """Nothing is written outside while the digest is not known yet, and nothing stays when it is wrong."""
    (tmp_path / "outside").mkdir()
    write_payload(tiny.file, _packed(("link", str(tmp_path / "outside")), ("link/file", b"harm")), launcher_file)
    content = bytearray(tiny.file.read_bytes())
    content[-448] ^= 1
    tiny.file.write_bytes(content)
    assert_cannot_start(tiny.start("echo ran"))
    nothing_was_written(tiny)
    assert list((tmp_path / "outside").iterdir()) == []
