"""References that lead nowhere: what they were probably meant to be, and where a project declares them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.check.failures import failures
from onebin.check.missing import declared_at, meant
from onebin.survey import names_of
from support.builders import answers, distribution, planned, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Outcome
    from onebin.survey import Survey

SOURCE = """
import os.path, json as dumps_json
from re import compile as made

if made:
    def load(path): inner = 1
else:
    async def save(): ...
try:
    LIMIT: int = 3
except Exception:
    first, (second, *rest) = [x for x in ()]

class Reader:
    hidden = 1
"""


def test_names_of_a_module_are_those_that_its_statements_make() -> None:
    """Functions, classes, imports and variables count, in branches, too; what is inside of functions does not."""
    assert names_of(SOURCE.encode()) - {"hidden"} == {
        *("os", "dumps_json", "made", "load", "save", "LIMIT", "first", "second", "rest", "Reader")
    }
    assert names_of(b"def x(:") == frozenset()


@pytest.fixture
def bundle(tmp_path: Path) -> Survey:
    """Return the survey of a bundle with a plugin that was built from a project."""
    (tmp_path / "pcsv").mkdir()
    (tmp_path / "pcsv" / "__init__.py").write_text(SOURCE, "utf-8")
    plug = distribution(
        "p-csv",
        modules=["pcsv", "pcsv.reader"],
        entry_points=[("demo.plugins", "csv", "pcsv:lod")],
        site_packages=tmp_path,
    )
    made = survey(distribution("demo", modules=["demo"]), plug)
    packages = (replace(each, path=tmp_path / "mine" if each.name == "p-csv" else None) for each in made.lock.packages)
    return replace(made, stage=replace(made.stage, lock=replace(made.lock, packages=tuple(packages))))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("pcsv:lod", "pcsv:load"),
        ("pcsv:Readr.parse", "pcsv:Reader.parse"),
        ("pcvs:load", "pcsv:load"),
        ("pcsv.raeder:Reader [fast]", "pcsv.reader:Reader"),
        ("pcvs", "pcsv"),
        ("pcsv:Reader.lod", None),
        ("pcsv:entirely_different", None),
        ("numpy:load", None),
    ],
)
def test_misspelled_reference_is_recognised(bundle: Survey, wrong: str, right: str | None) -> None:
    """A module is compared with those of the distribution, and a name with those in its module."""
    assert meant(wrong, bundle, "p-csv") == right


DECLARATIONS = {
    "pyproject.toml": (
        '[project.scripts]\ncsv = "pcsv:lod"\n[project.entry-points."demo.plugins"]\nx = "x:y"\ncsv = "pcsv:lod"\n',
        5,
    ),
    "poetry": ('[tool.poetry.plugins."demo.plugins"]\nmy-csv = "pcsv:lod"\n"csv" = "pcsv:lod"\n', 3),
    "setup.cfg": ("[options.entry_points]\ndemo.plugins =\n  csv = pcsv:loder\n  csv = pcsv:lod\n", 4),
    "setup.py": ('setup(entry_points={"demo.plugins": ["x = y",\n  "csv=pcsv:lod"]})\n', 2),
    "nowhere": ("[project]\n", None),
}


@pytest.mark.parametrize(("text", "line"), DECLARATIONS.values(), ids=DECLARATIONS)
def test_declaration_of_an_entry_point_is_found(
    tmp_path: Path, request: pytest.FixtureRequest, text: str, line: int | None
) -> None:
    """The line of an entry point is found in whatever file and table a project declares it."""
    kind = request.node.callspec.id
    file = tmp_path / (kind if "." in kind else "pyproject.toml")
    file.write_text(text, "utf-8")
    found = declared_at(tmp_path, "csv", "pcsv:lod", "demo.plugins")
    assert found == (None if line is None else f"{file}:{line}")


def test_finding_of_a_misspelled_entry_point_has_its_line_and_spelling(bundle: Survey, tmp_path: Path) -> None:
    """A typo in a project's entry point is shown with file and line of its declaration, and what it should be."""
    text, line = DECLARATIONS["pyproject.toml"]
    file = tmp_path / "mine" / "pyproject.toml"
    file.parent.mkdir()
    file.write_text(text, "utf-8")
    message = "module 'pcsv' has no attribute 'lod'"
    load: Outcome = {
        "distribution": "p-csv",
        "group": "demo.plugins",
        "name": "csv",
        "value": "pcsv:lod",
        "error": "AttributeError",
        "message": message,
    }
    plugin = planned(bundle.distributions["p-csv"], modules=["pcsv"])
    (failure,) = failures(answers(loads=[load]), [plugin], bundle, "bundle.toml")
    finding = failure.finding(file.parent, lambda: ())
    assert finding.message.endswith(f"does not load: AttributeError: {message} ({file}:{line})")
    assert finding.hint == (
        f"the distribution declares something that it does not have: did you mean pcsv:load? fix it in {file}:{line}"
    )


LACKING = {
    "module": {"error": "ModuleNotFoundError", "module": "pcsv.helpers", "message": "No module named 'pcsv.helpers'"},
    "name": {"error": "ImportError", "module": "pcsv", "message": "cannot import name 'helpers' from 'pcsv' (/x.py)"},
    "itself": {
        "error": "ImportError",
        "message": "cannot import name 'helpers' from partially initialized module 'pcsv' (most likely due to a "
        "circular import) (/stage/lib/python3.12/site-packages/pcsv/__init__.py)",
    },
}


@pytest.mark.parametrize("error", LACKING.values(), ids=LACKING)
@pytest.mark.parametrize(
    ("backend", "setting"),
    [
        ("hatchling.build", "[tool.hatch.build.targets.wheel] packages"),
        ("poetry.core.masonry.api", "[tool.poetry] packages"),
        ("special", "the settings of its build backend, special"),
        (None, "[tool.setuptools] packages"),
    ],
)
def test_module_that_only_the_wheel_lacks_is_no_missing_dependency(
    bundle: Survey, tmp_path: Path, error: dict[str, str], backend: str | None, setting: str
) -> None:
    """If a module is in the project's source and not in its wheel, the hint says so, with the setting to check."""
    project = tmp_path / "mine"
    (project / "src" / "pcsv").mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        f'[build-system]\nbuild-backend = "{backend}"\n' if backend else "", "utf-8"
    )
    outcome: Outcome = {"name": "p-csv", **error}  # type: ignore[typeddict-item]  # members of an outcome
    plugin = planned(bundle.distributions["p-csv"], modules=["pcsv"])
    (before,) = failures(answers(plugins=[outcome]), [plugin], bundle, "bundle.toml")
    assert before.left_out is None
    file = project / "src" / "pcsv" / "helpers.py"
    file.touch()
    (failure,) = failures(answers(plugins=[outcome]), [plugin], bundle, "bundle.toml")
    assert "site-packages" not in failure.message
    hint = str(failure.finding(project, lambda: ()).hint)
    assert hint.startswith(f"the wheel of p-csv lacks {file}: check {setting}")
    assert hint.endswith(f", in {project / 'pyproject.toml'}")
