"""Import times: what `-X importtime` prints becomes trees, and several runs become medians."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.errors import ProcessError
from onebin.measure import REPORT_ALL, Import, ImportTimes, parse_importtime, summarise, time_imports
from onebin.system import bare_environment, from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "import time: self [us] | cumulative | imported package\n"


def _row(module: str, own: int, whole: int | None = None, *children: Import) -> Import:
    return Import(module=module, self_us=own, cumulative_us=own if whole is None else whole, children=children)


def test_imports_come_after_what_they_import() -> None:
    """A module that is one level further in belongs to the next module that is less far in."""
    text = (
        f"{HEADER}"
        "import time:        88 |         88 |     json.scanner\n"
        "import time:        10 |         98 |   json.decoder\n"
        "import time:         5 |          5 |   json.encoder\n"
        "import time:       307 |        410 | json\n"
        "import time:         7 |          7 | csv\n"
    )
    decoder = _row("json.decoder", 10, 98, _row("json.scanner", 88))
    assert parse_importtime(text) == (_row("json", 307, 410, decoder, _row("json.encoder", 5)), _row("csv", 7))


def test_output_of_the_program_is_not_an_import() -> None:
    """What the program prints is skipped, even if it comes before an import on the same line."""
    text = (
        "loading...import time:       3 |          3 | first\r\n"
        "import time: fake | 3 | nothing\n"
        "import time: 12 minutes\n"
        "Traceback (most recent call last):\n"
        "import time: cached    | cached     | os\n"
        "import time:         4 |          4 | second\n"
    )
    assert parse_importtime(text) == (_row("first", 3), _row("second", 4))


def test_import_without_its_importer_stays() -> None:
    """Imports of a program that ended too early are at the top, although their importer was never printed."""
    text = f"{HEADER}import time:         3 |          3 |     deep\nimport time:         4 |          4 |   less\n"
    assert parse_importtime(text) == (_row("less", 4, 4, _row("deep", 3)),)


def test_medians_count_a_missing_module_as_zero() -> None:
    """The median of a module that most runs do not import is zero; the tree is that of a real run in the middle."""
    quick = (_row("a", 10, 14, _row("b", 4)),)
    middle = (_row("a", 12, 17, _row("b", 5)),)
    slow = (_row("a", 11, 111, _row("b", 6), _row("compiler", 94)),)
    times = summarise([slow, quick, middle])
    assert (times.runs, times.total_us, times.imports) == (3, 17, middle)
    found = {row.module: (row.self_us, row.cumulative_us, row.importer, row.runs) for row in times.modules}
    assert found == {"a": (11, 17, None, 3), "b": (5, 5, "a", 3), "compiler": (0, 0, "a", 1)}
    assert [row.module for row in times.modules] == ["a", "b", "compiler"]


def test_module_that_is_imported_twice_counts_twice() -> None:
    """Times of one module add up, but not of an import that is within one of the same name."""
    again = (_row("a", 1, 6, _row("a", 5)), _row("a", 2))
    (times,) = summarise([again]).modules
    assert (times.self_us, times.cumulative_us) == (8, 8)


def test_program_is_measured_in_real_processes(tmp_path: Path) -> None:
    """A program's imports are found with the module that imports them, and all of it is plain data."""
    (tmp_path / "slow.py").write_text("import time, json\ntime.sleep(0.02)\n", "utf-8")
    (tmp_path / "program.py").write_text("import sys\nprint('hello', end='', file=sys.stderr)\nimport slow\n", "utf-8")
    times = time_imports([sys.executable], [tmp_path / "program.py"], env=bare_environment(), cwd=tmp_path, runs=2)
    found = {row.module: row for row in times.modules}
    assert times.runs == 2
    assert [row.self_us for row in times.modules] == sorted((row.self_us for row in times.modules), reverse=True)
    assert 20_000 <= found["slow"].self_us <= found["slow"].cumulative_us <= times.total_us
    assert found["json.decoder"].importer == "json"
    assert from_json(ImportTimes, json.loads(json.dumps(to_json(times)))) == times


def test_modules_that_are_imported_by_name_are_reported(tmp_path: Path) -> None:
    """What `importlib.import_module` imports, relative names too, is seen with its importer, and works as before."""
    (tmp_path / "plugins").mkdir()
    init = "from importlib import import_module\nimport_module('.one', __name__)\n"
    (tmp_path / "plugins" / "__init__.py").write_text(init, "utf-8")
    (tmp_path / "plugins" / "one.py").write_text("", "utf-8")
    statement = (
        f"{REPORT_ALL}sys.path.insert(0, '')\n"
        "assert importlib.import_module('plugins') is sys.modules['plugins']\n"
        "for name, package in (('.one', None), ('..one', 'plugins'), ('plugins.two', None)):\n"
        "    try: importlib.import_module(name, package)\n"
        "    except (TypeError, ImportError) as error: continue\n"
        "    raise AssertionError(name)\n"
    )
    times = time_imports([sys.executable, "-I"], ["-c", statement], env=bare_environment(), cwd=tmp_path, runs=1)
    found = {row.module: row.importer for row in times.modules}
    assert (found["plugins"], found["plugins.one"]) == (None, "plugins")


def test_failing_program_is_an_error(tmp_path: Path) -> None:
    """The error has the end of what the program printed itself, and not the lines about imports."""
    statement = "import json, missing"
    with pytest.raises(ProcessError) as caught:
        time_imports([sys.executable, "-I"], ["-c", statement], env=bare_environment(), cwd=tmp_path)
    assert caught.value.code == 1
    assert caught.value.tail.splitlines()[-1] == "ModuleNotFoundError: No module named 'missing'"
    assert "import time" not in caught.value.tail
