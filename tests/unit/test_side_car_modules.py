"""Which modules of a side-car an artifact would not see, and which imports it cannot satisfy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from onebin.sidecar.modules import Modules, hidden
from support.facts import FACTS

if TYPE_CHECKING:
    from onebin.card import Facts, FileFacts

INSTALLED = frozenset({"app", "app.cli", "space.one", "six"})
LIBRARY = frozenset({"json", "_ssl"})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("six.py", "six is in the artifact already"),
        ("app/__init__.py", "app is in the artifact already"),
        ("app/more.py", "app is a package of the artifact"),
        ("app/words.txt", "app is a package of the artifact"),
        ("space/one.py", "space.one is in the artifact already"),
        ("space/one/deep.py", "space.one is a package of the artifact"),
        ("space/__init__.py", "space is a namespace in the artifact"),
        ("json/more.py", "json is a module of Python itself"),
        ("_ssl.cpython-312-x86_64-linux-gnu.so", "_ssl is a module of Python itself"),
    ],
)
def test_what_is_hidden_is_found(path: str, message: str) -> None:
    """A file that is behind a module or a package of the artifact would never be seen."""
    (finding,) = hidden([path], INSTALLED, LIBRARY)
    assert message in finding.message


@pytest.mark.parametrize(
    "path", ["plug.py", "space/two.py", "space/words.txt", "plug/app.py", "README.md", "six-1.dist-info/six.py"]
)
def test_what_is_beside_the_artifact_is_seen(path: str) -> None:
    """A module of its own, one more in a namespace, and metadata can be beside the artifact."""
    assert not list(hidden([path], INSTALLED, LIBRARY))


def test_modules_of_an_artifact_are_those_on_its_card() -> None:
    """Modules are files of site-packages and of the library, and what only has compiled code, as in a lean artifact."""

    def file(path: str) -> FileFacts:
        return {"path": path, "owner": "x", "bytes": 1, "sha256": "0" * 64}

    coded: Any = [
        {"name": "email.message", "owner": "interpreter", "bytes": 1, "sha256": "0" * 64},
        {"name": "x.coded", "owner": "x", "bytes": 1, "sha256": "0" * 64},
    ]
    facts: Facts = {
        **FACTS,
        "files": [
            file("lib/python3.12/site-packages/x/__init__.py"),
            file("lib/python3.12/site-packages/x/data.txt"),
            file("python/lib/python3.12/json/__init__.py"),
            file("python/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.so"),
            file("onebin/onebin_start.py"),
            file("bin/x"),
        ],
        "modules": coded,
    }
    found = Modules.on(facts)
    assert found.every == {"x", "x.coded", "json", "_ssl", "onebin_start", "email.message"}
    assert found.installed == {"x", "x.coded"}
    assert found.library == {"json", "_ssl", "email"}
