"""What the card says about a distribution: its licences, the digest of its archive, its requirements."""

from __future__ import annotations

from email import message_from_string
from typing import TYPE_CHECKING, Any

import pytest

from onebin.pack.components import _digests, _source, licences_in
from onebin.survey.requirements import edges
from support.builders import distribution, interpreter, survey

if TYPE_CHECKING:
    from collections.abc import Sequence

MIT = "Classifier: License :: OSI Approved :: MIT License\n"
BSD = "Classifier: License :: OSI Approved :: BSD License\n"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (
            "License-Expression: MIT OR BSD\nLicense: other\n" + MIT,
            (["MIT OR BSD"], "License-Expression"),
        ),
        ("License: Apache 2.0\n" + MIT, (["Apache 2.0"], "License")),
        ("License: UNKNOWN\n" + MIT + BSD, (["MIT License", "BSD License"], "Classifier")),
        ("License: MIT License\n\n        Permission is hereby granted\n", (["MIT License"], "License")),
        ("License: \n", ([], None)),
        ("Classifier: Topic :: Utilities\n", ([], None)),
    ],
    ids=["expression", "field", "classifiers", "whole-text", "empty", "none"],
)
def test_licences_of_metadata(metadata: str, expected: object) -> None:
    """A licence expression (PEP 639) comes before the first line of the License field, and that before classifiers."""
    assert licences_in(message_from_string(metadata)) == expected


def wheel(name: str, digest: str) -> dict[str, Any]:
    """Return a lock's entry for a wheel (PEP 751)."""
    return {"url": f"https://host.invalid/a/b/{name}", "hashes": {"sha256": digest}}


WHEELS = [
    wheel("x-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", "1"),
    wheel("x-1-cp312-cp312-macosx_11_0_arm64.whl", "2"),
    wheel("odd.whl", "3"),
]


@pytest.mark.parametrize(
    ("entry", "tags", "expected"),
    [
        ({"wheels": WHEELS}, ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"], ["1"]),
        ({"wheels": WHEELS}, ["cp313-cp313-win_amd64"], ["1", "2", "3"]),
        ({"wheels": WHEELS[:1], "sdist": wheel("x-1.tar.gz", "4")}, [], ["1"]),
        ({"sdist": wheel("x-1.tar.gz", "4")}, ["py3-none-any"], ["4"]),
        ({"archive": {"path": "x.whl", "hashes": {"sha256": "5"}}}, [], ["5"]),
        ({"directory": {"path": "x"}}, [], []),
    ],
    ids=["fitting", "unclear", "only", "source", "archive", "folder"],
)
def test_digest_is_that_of_the_installed_archive(entry: dict[str, Any], tags: Sequence[str], expected: object) -> None:
    """The digest is that of the wheel with the installed tags; if no wheel matches, all digests are listed."""
    assert _digests(entry, "".join(f"Tag: {tag}\n" for tag in tags)) == expected


def test_source_of_a_distribution_is_known() -> None:
    """The lock's entry shows whether a distribution came from an index, a repository, a file or a folder."""
    kinds = {"vcs": "repository", "directory": "folder", "archive": "archive", "wheels": "index"}
    assert {key: _source({"name": "x", key: {}}) for key in kinds} == kinds


def test_requirements_depend_on_extras_and_markers() -> None:
    """A requirement counts if it is locked, its extra is requested, and its marker matches the stage's Python."""
    lines = ["Dep_One[fast]", "tomli; python_version < '3.11'", "gone; python_version > '3.11'", "other"]
    surveyed = survey(
        distribution("host", requires=lines),
        distribution("Dep_One", requires=["tomli; extra == 'fast'", "host; extra == 'never'", "dep-one[all]"]),
        distribution("tomli"),
        distribution("plug", requires=["host", "tomli; extra == 'png'"]),
        python=interpreter("3.10.4"),
    )
    assert edges(surveyed, []) == {
        "host": ["dep-one", "tomli"],
        "dep-one": ["tomli"],
        "tomli": [],
        "plug": ["host"],
    }
    assert edges(surveyed, [("plug", "png")])["plug"] == ["host", "tomli"]
