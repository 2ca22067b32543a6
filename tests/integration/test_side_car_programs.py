"""Programs that take side-cars, as processes of each Python: started, killed, with other rights, on bad disks.

The tree here is a folder with what is generated for a bundle; tests/e2e/test_side_cars.py freezes one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onebin.python import installed
from support.namespaces import NOBODY, unprivileged, with_mounts
from support.pythons import each_python
from support.side_cars import PLATFORM, key_of, names_of, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = Path(__file__).parents[2] / "src"
# What an artifact's start does, and then what its arguments say.
PROGRAM = """
import json, os, sys
tree, artifact, code = sys.argv[1:]
sys.prefix = tree
sys.argv = [artifact]
from onebin_registry import REGISTRY
from onebin_runtime._start import start
import onebin_facts, onebin_runtime.side_cars._collection, onebin_side_cars
os.seteuid(int(os.environ.get("EFFECTIVE", os.geteuid())))
start(lambda: REGISTRY, plugins_at_start=False, side_cars=True)
os.seteuid(os.getuid())
from importlib.metadata import entry_points
exec(code)
"""
NAMES = "print(json.dumps([point.load()()[0] for point in entry_points(group='press.fruits')]))"
FOUND = "print(json.dumps(onebin_runtime.describe()['side_cars']['found']))"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program with its folder, run by one Python."""

    folder: Path
    python: str

    @property
    def directory(self) -> Path:
        """The side-car directory."""
        return self.folder / "press.plugins"

    @property
    def tree(self) -> Path:
        """What stands for the tree."""
        return self.folder / "tree"

    def write(self, **changed: Any) -> None:
        """Write what is generated for a bundle."""
        self.tree.mkdir()
        self.directory.mkdir()
        facts = {
            "interpreter": {"platform": PLATFORM},
            "distributions": [{"name": "press", "version": "1.0"}],
            "side_cars": {},
        }
        generated = self.tree / "onebin"
        generated.mkdir()
        (generated / "onebin_facts.py").write_text(f"FACTS = {facts!r}\n", "utf-8")
        registry = "from onebin_runtime._registry import Registry\nREGISTRY = Registry(())\n"
        (generated / "onebin_registry.py").write_text(registry, "utf-8")
        (generated / "onebin_runtime").symlink_to(SOURCE / "onebin_runtime")
        self.write_settings(**changed)

    def write_settings(self, **changed: Any) -> None:
        """Write what the manifest says about side-cars."""
        settings = {
            "bundle": "press",
            "directory": "press.plugins",
            "keys": names_of(key_of(1)),
            "revocation_keys": {},
            "load": "start",
            "isolate": False,
            "minimum": {},
            "development": None,
            **changed,
        }
        text = f"SETTINGS = {settings!r}\n"
        (self.tree / "onebin" / "onebin_side_cars.py").write_text(text, "utf-8")

    def put(self, name: str, **changed: Any) -> None:
        """Put a side-car into the directory."""
        (self.directory / f"{name}.obplugin").write_bytes(packed(name=name, **changed))

    def command(self, code: str = NAMES) -> list[str | Path]:
        """Return the command that starts the program."""
        return [self.python, "-B", "-c", PROGRAM, self.tree, self.folder / "press", code]

    def run(self, code: str = NAMES, *, under: Sequence[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            [*under, *self.command(code)],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def says(self, code: str = NAMES, *, under: Sequence[str] = (), **env: str) -> Any:
        """Return what the program prints as JSON; it must succeed."""
        done = self.run(code, under=under, **env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def env(self) -> dict[str, str]:
        """The environment that it gets."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.tree / "onebin")}


def _python(minor: str) -> str:
    found = next((each for each in installed() if each.minor == minor), None)
    if found is None:
        pytest.skip(f"needs Python {minor}")
    return str(found.executable)


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder that other users can reach."""
    with tempfile.TemporaryDirectory(prefix="side-cars-", dir="/var/tmp") as folder:  # pytest's is private
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return a program of the Python that runs the tests."""
    made = Program(folder=tmp_path, python=sys.executable)
    made.write()
    return made


@pytest.mark.parametrize("minor", each_python(always=("3.10", "3.11", "3.12", "3.13")))
def test_each_python_finds_what_is_put_there(tmp_path: Path, minor: str) -> None:
    """At the start, and with `watch` while the program runs, entry points have what is in the directory."""
    program = Program(folder=tmp_path, python=_python(minor))
    program.write(load="watch")
    program.put("apple")
    later = packed(name="berry").hex()
    draft, file = program.directory / ".draft", program.directory / "berry.obplugin"
    code = f"""
names = lambda: [point.load()()[0] for point in entry_points(group='press.fruits')]
first = names()
open({str(draft)!r}, 'wb').write(bytes.fromhex({later!r}))
os.rename({str(draft)!r}, {str(file)!r})
print(json.dumps([first, names()]))
"""
    assert program.says(code) == [["apple"], ["apple", "berry"]]


def test_killed_start_leaves_nothing_that_is_used(program: Program) -> None:
    """Wherever a start is killed while it unpacks, the next one loads everything."""
    files = {f"apple/part{number}.py": "" for number in range(60)}
    program.put("apple", files={**files, "apple/__init__.py": "def make():\n    return ['apple']\n"})
    chance = random.Random(5)  # noqa: S311  # the same moments in each run, as far as the machine allows
    place = program.tree / "side-cars"
    for _ in range(6):
        started = subprocess.Popen(program.command(), env=program.env, stdout=subprocess.DEVNULL)
        wanted = chance.randrange(1, 60)
        while started.poll() is None and sum(len(names) for _, _, names in os.walk(place)) < wanted:
            pass
        started.kill()
        started.wait()
        assert program.says() == ["apple"]
        for each in place.iterdir():
            each.rename(program.folder / f"gone-{time.monotonic_ns()}")


def test_many_starts_at_once_unpack_one_folder(program: Program) -> None:
    """Programs that start at the same time do not disturb each other."""
    program.put("apple")
    started = [
        subprocess.Popen(program.command(), env=program.env, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    assert {each.communicate(timeout=60)[0] for each in started} == {'["apple"]\n'}
    assert len(list((program.tree / "side-cars").iterdir())) == 1


def test_program_with_more_rights_than_its_user_loads_nothing(public: Path) -> None:
    """A setuid program does not even look, and says so."""
    if os.geteuid() != 0:
        pytest.skip("only root can have more rights")
    program = Program(folder=public, python=sys.executable)
    program.write()
    program.put("apple")
    done = program.run(FOUND, EFFECTIVE=str(NOBODY))
    (found,) = json.loads(done.stdout)
    assert found["reason"] == "this program runs with more rights than its user"
    assert done.stderr.count("\n") == 1


def test_variable_turns_side_cars_off_and_changes_nothing_else(program: Program) -> None:
    """ONEBIN_SIDE_CARS=off loads none; no variable moves the directory or adds a key."""
    program.put("apple")
    assert program.says(ONEBIN_SIDE_CARS="off") == []
    elsewhere = {"HOME": "/nowhere", "XDG_DATA_HOME": "/nowhere", "ONEBIN_SIDE_CARS": "/nowhere"}
    assert program.says(**elsewhere) == ["apple"]


def test_place_of_another_user_is_not_used(public: Path) -> None:
    """In a folder where everybody may make files, a directory of another user is refused, whatever they exchange."""
    under = unprivileged(user=NOBODY)
    if not under:
        pytest.skip("only root can be two users")
    public.chmod(0o1777)
    program = Program(folder=public, python=sys.executable)
    program.write()
    program.put("apple")
    program.directory.rename(public / "roots")
    exchange = (
        "mkdir -p theirs; while :; do ln -sfn roots press.plugins; mv -T press.plugins old;"
        " mv -T theirs press.plugins; mv -T press.plugins theirs; rm -f old; done"
    )
    attacker = subprocess.Popen(
        [*under, "sh", "-c", exchange], cwd=public, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(10):
            assert program.says() == []
    finally:
        os.killpg(attacker.pid, signal.SIGKILL)
        attacker.wait()


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_disk_without_room_is_one_line(program: Program, disk: str) -> None:
    """If the tree cannot be written, the plugin is refused with the reason, and the program runs."""
    program.put("apple", files={"apple.py": "x = 1\n" * 20_000 + "def make(): return ['apple']\n"})
    place = program.tree / "side-cars"
    place.mkdir()
    size = "size=64k" if disk == "full" else "ro"
    under = with_mounts(f"mount -t tmpfs -o {size} none {place}")
    done = program.run(FOUND, under=under)
    (found,) = json.loads(done.stdout)
    assert found["state"] == "refused"
    assert ("No space" if disk == "full" else "Read-only") in found["reason"]
    assert done.stderr.count("\n") == 1


def test_eager_plugin_that_fails_does_not_stop_the_program(program: Program) -> None:
    """A side-car of an eager extension point is imported at start; one that fails is skipped with a warning."""
    registry = "REGISTRY = Registry((), extension_points={'press.fruits': ('eager', 'fail')})\n"
    text = f"from onebin_runtime._registry import Registry\n{registry}"
    (program.tree / "onebin" / "onebin_registry.py").write_text(text, "utf-8")
    program.put("apple")
    program.put("berry", files={"berry.py": "raise OSError('no bush')\n"})
    done = program.run("print(json.dumps([plugin.is_open for plugin in onebin_runtime.plugins()]))")
    assert json.loads(done.stdout) == [True, False]
    assert "no bush (skipped)" in done.stderr


def test_isolated_side_car_runs_in_a_process_of_its_own(program: Program) -> None:
    """With `isolate`, the plugin's code is in a worker of the same program; without a contract it is refused."""
    (program.tree / "onebin" / "contract.py").write_text(
        "from typing import Protocol\nclass Fruit(Protocol):\n    def pid(self) -> int: ...\n", "utf-8"
    )
    text = "import os\nclass make:\n    def pid(self): return os.getpid()\n"
    symbols = [["apple:make", "contract:Fruit", "factory"]]
    program.put("apple", files={"apple.py": text}, symbols=symbols, isolate=True)
    program.put("berry", isolate=True)
    code = """
if __name__ == '__main__':
    (fruit,) = entry_points(group='press.fruits')
    print(json.dumps([os.getpid(), fruit.load()().pid()]))
"""
    done = program.run(code)
    ours, theirs = json.loads(done.stdout)
    assert ours != theirs
    assert "berry.obplugin: refused: it cannot be isolated: its berry in press.fruits has no contract" in done.stderr


def test_development_build_says_so_at_each_start(tmp_path: Path) -> None:
    """A program that accepts the development key says so on standard error, even without side-cars."""
    program = Program(folder=tmp_path, python=sys.executable)
    (fingerprint,) = names_of(key_of(1))
    program.write(development=fingerprint)
    assert fingerprint in program.run().stderr
    assert program.run(ONEBIN_SIDE_CARS="off").stderr == program.run().stderr


def test_file_is_opened_by_hand_only_where_the_manifest_allows(program: Program) -> None:
    """`open_path` works in such a program, and says what is missing in one without `[side-cars]`."""
    program.put("apple")
    file = program.directory / "apple.obplugin"
    code = f"print(json.dumps(onebin_runtime.open_path({str(file)!r}).lookup('VALUE').value))"
    assert program.says(code) == 7
    done = subprocess.run(
        [program.python, "-c", f"import onebin_runtime; onebin_runtime.open_path({str(file)!r})"],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "this program opens no files of plugins: its manifest has no [side-cars]" in done.stderr


def test_directory_stays_where_it_was_at_the_start(program: Program) -> None:
    """A program that was started by a relative path may change its folder and its arguments."""
    program.write_settings(load="watch")
    program.put("apple")
    elsewhere = program.folder / "elsewhere"
    (elsewhere / "press.plugins").mkdir(parents=True)
    (elsewhere / "press.plugins" / "berry.obplugin").write_bytes(packed(name="berry"))
    later = packed(name="cherry").hex()
    file = program.directory / "cherry.obplugin"
    code = f"""
os.chdir('elsewhere')
del sys.argv[:]
open({str(file)!r}, 'wb').write(bytes.fromhex({later!r}))
{NAMES}
"""
    done = subprocess.run(
        [program.python, "-B", "-c", PROGRAM, program.tree, "./press", code],
        env=program.env,
        cwd=program.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ('["apple", "cherry"]\n', "")


@pytest.mark.parametrize("kind", ["full", "closed"])
def test_reason_that_cannot_be_written_stops_nothing(program: Program, kind: str) -> None:
    """Where standard error takes nothing any more, a refused file is no error of the program, and others are loaded."""
    program.write_settings(load="watch")
    program.put("apple")
    program.put("berry", key=key_of(2))
    command = program.command()
    if kind == "closed":
        later = packed(name="cherry", key=key_of(2)).hex()
        file = program.directory / "cherry.obplugin"
        change = f"sys.stderr.close(); open({str(file)!r}, 'wb').write(bytes.fromhex({later!r}))"
        command = program.command(f"{change}\n{NAMES}")
    with Path("/dev/full" if kind == "full" else os.devnull).open("wb") as stream:
        done = subprocess.run(command, env=program.env, stdout=subprocess.PIPE, stderr=stream, text=True, check=False)
    assert done.stdout == '["apple"]\n'
    assert done.returncode == (120 if kind == "full" else 0)  # Python's own code: what it wrote could not be flushed
