"""A failed resolution is explained with the names of the plugins first; the messages of uv are real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.lock.conflict import Held, explain
from onebin.manifest.load import Manifest
from onebin.python.uv import Failure

if TYPE_CHECKING:
    from onebin.errors import OnebinError

MANIFEST = """
[bundle]
name = "x"
[host]
package = "flake8<4"
script = "flake8"
[plugins]
plug-a = "*"
plug-b = { path = "plugins/b" }
flake8-bugbear = "==24.12.12"
"""

TWO_PLUGINS = (
    "No solution found when resolving dependencies\n"
    "Because only plug-a==1.0 is available and plug-a==1.0 depends on click<8, we can conclude that all versions of "
    "plug-a depend on click<8.\n"
    "And because mid-c==1.0 depends on click>=8.1 and plug-b==1.0 depends on mid-c>=1, we can conclude that they are "
    "incompatible."
)


def _explained(text: str) -> OnebinError:
    failure = Failure(text)
    error = explain(failure, Manifest.parse(MANIFEST, file=Path("bundle.toml")), lambda _: ["1.17.0", "1.16.0"])
    assert error.hint or all(finding.hint for finding in error.findings)
    assert error.tail == ("" if failure.fault else f"uv says: {text}")
    return error


def _found(text: str) -> list[str]:
    return [f"{finding.where}: {finding.message}" for finding in _explained(text).findings]


def test_both_chains_are_shown() -> None:
    """If two plugins conflict, the message shows for each the chain of requirements to the disputed package."""
    assert _explained(TWO_PLUGINS).message == "conflicting requirements for click"
    assert set(_found(TWO_PLUGINS)) == {
        "bundle.toml: plugins.plug-a: requires click<8",
        "bundle.toml: plugins.plug-b: requires mid-c>=1 -> click>=8.1",
    }


def test_what_an_artifact_has_is_one_side_of_a_conflict() -> None:
    """If a version must not change because an artifact has it, the other chain is that of who requires it there."""
    text = (
        "No solution found when resolving dependencies\n"
        "Because plug-a==1.0 depends on click>=8.2 and click==8.1, we can conclude that plug-a==1.0 cannot be used."
    )
    held = [
        Held(source="flake8-bugbear", target="helper", version="1.0"),
        Held(source="helper", target="click", version="8.1"),
    ]
    manifest = Manifest.parse(MANIFEST, file=Path("bundle.toml"))
    error = explain(Failure(text), manifest, held=held)
    assert error.message == "conflicting requirements for click"
    assert [f"{finding.where}: {finding.message}" for finding in error.findings] == [
        "bundle.toml: plugins.plug-a: requires click>=8.2",
        "bundle.toml: plugins.flake8-bugbear: requires helper (1.0 in the artifact) -> click (8.1 in the artifact)",
    ]


def test_requirement_of_all_versions_is_one() -> None:
    """What uv says of all versions of a package is a requirement, unless uv only concludes it from others."""
    text = (
        "Because all versions of plug-a depend on flake8<3 and you require flake8<4, we can conclude that all versions "
        "of plug-b depend on flake8>9."
    )
    assert _found(text) == ["bundle.toml: plugins.plug-a: requires flake8<3", "bundle.toml: host: requires flake8<4"]


def test_plugin_against_the_host_comes_first() -> None:
    """If a plugin conflicts with the host's own version, the plugin's line comes before the host's."""
    text = (
        "Because flake8-bugbear==24.12.12 depends on flake8>=6.0.0 and you require flake8<4, we can conclude that "
        "your requirements and flake8-bugbear==24.12.12 are incompatible."
    )
    assert _found(text) == [
        "bundle.toml: plugins.flake8-bugbear: requires flake8>=6.0.0",
        "bundle.toml: host: requires flake8<4",
    ]


def test_unknown_package_names_its_row() -> None:
    """A package that the index does not have is reported at its row."""
    text = "Because plug-a was not found in the package registry and you require plug-a, ..."
    assert _found(text) == ["bundle.toml: plugins.plug-a: no such package: plug-a"]


def test_row_that_is_there_already_is_not_suggested() -> None:
    """A name that no index has does not mean another row, but it may mean another package of the lock."""
    text = "Because plug-a was not found in the package registry and you require plug-a, ..."
    manifest = Manifest.parse(MANIFEST + 'plug-ab = "*"', file=Path("bundle.toml"))
    hints = [
        finding.hint
        for known in (["plug-a", "plug-ab", "plug-ac"], ["plug-ab", "flake8-bugbear"])
        for finding in explain(Failure(text), manifest, known=known).findings
    ]
    assert hints[0] == "did you mean plug-ac?"
    assert "did you mean" not in str(hints[1])


def test_unknown_package_of_a_dependency_names_the_way_to_it() -> None:
    """A package that something else requires is reported at the row that leads to it."""
    text = (
        "Because mid-c==1.0 depends on lost and lost was not found in the package registry, and plug-b==1.0 depends "
        "on mid-c>=1, ..."
    )
    (found,) = _found(text)
    assert found == "bundle.toml: plugins.plug-b: no such package: lost, which plug-b -> mid-c>=1 requires"


def test_version_that_does_not_exist_names_its_row() -> None:
    """A version that the index does not have is reported at its row, with the versions that it has."""
    text = "Because only plug-a<=1.17.0 is available and you require plug-a>=99, your requirements are unsatisfiable."
    assert _found(text) == ["bundle.toml: plugins.plug-a: no version of plug-a matches plug-a"]
    assert _explained(text).findings[0].hint == "the newest are 1.17.0, 1.16.0"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Failed to fetch: `https://host/index/plug-a/`\ncause: something new", "plug-a cannot be fetched"),
        ("Failed to build `plug-a==1.0`\ncause: nope", "plug-a does not build"),
        ("Failed to download `flake8-bugbear==24.12.12`", "flake8-bugbear cannot be fetched"),
    ],
)
def test_package_that_fails_names_its_row(text: str, found: str) -> None:
    """A package that cannot be fetched or built is reported at its row."""
    assert _found(text) == [f"bundle.toml: plugins.{found.partition(' ')[0]}: {found}"]


REFUSED = "Failed to fetch: `https://host/index/plug-a/`\ncause: Connection refused"
ANSWER = "HTTP status server error (503 Service Unavailable) for url (https://host/flake8/)"
DENIED = (
    "Because mid-c==1.0 depends on lost and lost was not found in the package registry, and plug-b==1.0 depends on "
    "mid-c>=1, ...\nhint: An index URL (https://host/simple) could not be queried due to a lack of valid "
    "authentication credentials (401 Unauthorized)."
)
LOST = "lost, which plug-b -> mid-c>=1 requires: the index https://host/simple needs credentials (HTTP 401)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (REFUSED, "plugins.plug-a: https://host/index/plug-a/: connection refused"),
        (
            f"Failed to fetch: `https://host/flake8/`\ncause: {ANSWER}",
            "host: https://host/flake8/ answered HTTP 503 Service Unavailable",
        ),
        (DENIED, f"plugins.plug-b: {LOST}"),
    ],
    ids=["connection", "answer", "denied"],
)
def test_fault_of_the_network_is_all_that_is_said_of_its_row(
    text: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the network is one line at the row that leads to the package, with a hint of its own."""
    for variable in ("UV_INDEX", "UV_DEFAULT_INDEX", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    assert _explained(text).message == "cannot lock bundle.toml"
    assert _found(text) == [f"bundle.toml: {found}"]
    assert _explained(text).hint is None


def test_fault_about_no_row_is_the_error_itself() -> None:
    """A fault of the network that is about no package of the manifest is in the message."""
    text = "Failed to fetch: `https://host/index/other/`\ncause: Connection refused"
    assert _explained(text).message.startswith("cannot lock bundle.toml: https://host/index/other/")
    assert _found(text) == []


@pytest.mark.parametrize("text", ["", "something new that uv may say one day", "x depends on", "depends on y<1"])
def test_unknown_message_is_passed_on(text: str) -> None:
    """A message of unknown form is shown unchanged."""
    assert _explained(text).message == "cannot lock bundle.toml"
    assert _found(text) == []


def test_package_that_has_no_wheel_and_no_source_is_named() -> None:
    """Of the packages without a wheel, the one at the end of the requirements is named, and not its old users."""
    text = (
        "No solution found when resolving dependencies\n"
        "Because plug-a<=302 has no wheels with a matching Python ABI tag (e.g., `cp311`) and only the following "
        "versions of plug-a are available:\nplug-a<=302\nplug-a>=303\nwe can conclude that plug-a<303 cannot be used.\n"
        "And because plug-a>=303 has no wheels with a matching platform tag (e.g., `musllinux_1_2_x86_64`) and you "
        "require plug-a, we can conclude that your requirements are unsatisfiable."
    )
    assert _found(text) == ["bundle.toml: plugins.plug-a: plug-a has no wheel for this machine"]
    (finding,) = _explained(text).findings
    assert "it has no source distribution" in str(finding.hint)
    inner = (
        "Because mid-c==1.0 has no wheels with a matching platform tag (e.g., `win_amd64`) and plug-a>=303 depends on "
        "mid-c, we can conclude that plug-a>=303 cannot be used.\n"
        "And because plug-a<=302 has no wheels with a matching Python ABI tag (e.g., `cp311`), we can conclude that "
        "your requirements are unsatisfiable."
    )
    assert _found(inner) == ["bundle.toml: plugins.plug-a: mid-c, which plug-a requires, has no wheel for this machine"]
