"""What side-cars cost a start: an artifact with none beside it, with 1, 50 and 200, and one that takes none.

    python benchmarks/side_cars.py [RUNS]

Prints the median CPU of RUNS starts of each (user and system), its ratio to that of the artifact that takes no
side-cars, and what one side-car costs. The starts take turns, so that other load on the machine affects all of them.
The program asks for its entry points, as hosts do; the plugins in the side-cars are listed and not imported. The first
start with side-cars, which checks signatures and unpacks, is told apart.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.side_cars import key_of, packed, public_line  # noqa: E402  # the path is added above

RUNS = 21
COUNTS = (0, 1, 50, 200)
MANIFEST = """\
[bundle]
name = "tiny"

[host]
path = "{projects}/tinyhost"
script = "tinyhost"
"""


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = _built(folder / "plain", "")
        taking = _built(folder / "taking", f'\n[side-cars]\nkeys = ["{public_line(key_of(1))}"]\n')
        places = {"takes no side-cars": plain}
        places |= {f"{count} side-cars": _with_side_cars(taking, folder / str(count), count) for count in COUNTS}
        first = {title: _cpu(file, folder) for title, file in places.items()}
        spent: dict[str, list[float]] = {title: [] for title in places}
        for _ in range(runs):
            for title, file in places.items():
                spent[title].append(_cpu(file, folder))
    medians = {title: statistics.median(each) for title, each in spent.items()}
    unit = medians["takes no side-cars"]
    print(f"{'program':<20}{'CPU ms':>8}{'ratio':>8}{'first ms':>10}")
    for title, seconds in medians.items():
        print(f"{title:<20}{seconds * 1000:8.1f}{seconds / unit:8.2f}{first[title] * 1000:10.1f}")
    each = (medians[f"{COUNTS[-1]} side-cars"] - medians["0 side-cars"]) / COUNTS[-1]
    print(f"one side-car of {COUNTS[-1]}: {each * 1000:.2f} ms")


def _built(folder: Path, more: str) -> Path:
    """Return an artifact of the tiny host, with more in its manifest."""
    folder.mkdir()
    text = MANIFEST.format(projects=(ROOT / "tests" / "projects").as_posix())
    (folder / "bundle.toml").write_text(f"{text}{more}", "utf-8")
    subprocess.run([sys.executable, "-m", "onebin", "bundle", "--quiet"], cwd=folder, check=True)  # our own
    return folder / "dist" / "tiny"


def _with_side_cars(artifact: Path, folder: Path, count: int) -> Path:
    """Return a copy of an artifact in a folder of its own, with side-cars beside it."""
    place = folder / "tiny.plugins"
    place.mkdir(parents=True)
    for number in range(count):
        content = packed(name=f"plugin{number}", bundle="tiny", requires={"tinyhost": "1.2.3"})
        (place / f"plugin{number}.obplugin").write_bytes(content)
    return Path(shutil.copy2(artifact, folder))


def _cpu(artifact: Path, folder: Path) -> float:
    """Return the CPU seconds of a start; each artifact has a cache of its own. Raises CalledProcessError."""
    env = {**os.environ, "ONEBIN_CACHE_DIR": str(folder / "cache" / artifact.parent.name)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([artifact, "x"], env=env, stdout=subprocess.DEVNULL, check=True)  # noqa: S603  # our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
