"""What is shown of a side-car, whether it fits an artifact, and the list of what is revoked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onebin.cli import cli
from onebin.cli.artifact import side_car_views
from onebin.errors import SignatureError
from onebin.sidecar import (
    RevocationRequest,
    diff_side_cars,
    inspect_side_car,
    read_container,
    revoke,
    verify_side_car,
)
from onebin.sidecar.beside import side_cars_in
from onebin.sidecar.checking import unfit
from onebin.sidecar.container import signed_container
from onebin.sidecar.report import schema
from onebin.sidecar.revocation import NAMESPACE
from onebin.trust import signer_of
from support.facts import FACTS
from support.sidecars import FILES, KEY, PRIVATE, facts

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import AcceptedSideCars, Facts, PluginFacts

TAKEN: AcceptedSideCars = {
    "directory": "tiny.plugins",
    "keys": {KEY.fingerprint: KEY.public},
    "revocation_keys": {},
    "load": "start",
    "isolate": False,
    "minimum": {},
    "development": None,
}
HOST = {**FACTS["distributions"][0], "name": "tinyhost", "version": "1.2.3"}
ARTIFACT: Facts = {**FACTS, "bundle": {"name": "tiny"}, "side_cars": TAKEN, "distributions": [HOST]}  # type: ignore[list-item]  # a copy


def made(folder: Path, name: str = "plug.obplugin", **changes: Any) -> Path:
    """Write a side-car with these facts and return its file."""
    file = folder / name
    file.write_bytes(signed_container(facts(**changes), FILES, KEY))
    return file


def test_report_has_the_facts_and_who_signed(tmp_path: Path) -> None:
    """A report fits its schema, and the summary says in short what the side-car is."""
    report = inspect_side_car(made(tmp_path))
    jsonschema.validate(json.loads(json.dumps(report)), schema())
    assert report["signed_by"] == KEY.fingerprint
    shown = "\n".join(side_car_views.summary(report))
    for text in ("plug 1.0: a side-car for tiny", KEY.fingerprint, "any Python on any platform", "tinyhost"):
        assert text in shown
    assert any(line.endswith("plug/run") for line in side_car_views.files(report))


def test_native_side_car_says_where_it_runs(tmp_path: Path) -> None:
    """A side-car with native files is for one Python on one platform."""
    machine = {"python": "cpython-312", "platform": "linux-x86_64"}
    report = inspect_side_car(made(tmp_path, native=["plug/run"], **machine))
    shown = "\n".join(side_car_views.summary(report))
    assert "cpython-312 on linux-x86_64" in shown
    assert ", 1 of them native" in shown
    assert ", none of them native" in "\n".join(side_car_views.summary(inspect_side_car(made(tmp_path))))


def test_difference_names_what_changed(tmp_path: Path) -> None:
    """Two side-cars are compared by their facts and files; equal ones are the same, byte for byte."""
    old = made(tmp_path)
    assert diff_side_cars(old, made(tmp_path, "same.obplugin"))["same"]
    found = diff_side_cars(old, made(tmp_path, "new.obplugin", sequence=2, requires={"tinyhost": "2"}))
    assert found["sequence"] == {"old": "0", "new": "2"}
    assert found["requires"] == [{"name": "tinyhost", "old": "1.2.3", "new": "2"}]
    assert not found["files"]
    shown = [line.strip() for line in side_car_views.difference(found, ("old", "new"))]
    assert any(line.split() == ["sequence", "0", "->", "2"] for line in shown)
    assert any(line.split() == ["~", "tinyhost", "1.2.3", "->", "2"] for line in shown)


def test_key_decides_whose_it_is(tmp_path: Path) -> None:
    """A side-car that another key has signed is not verified."""
    file, key = made(tmp_path), tmp_path / "other.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n")
    with pytest.raises(SignatureError, match="signed with another key"):
        verify_side_car(file, key=key)
    assert verify_side_car(file).signed_by == KEY.fingerprint


def test_side_car_that_fits_has_no_finding(tmp_path: Path) -> None:
    """An artifact with the key, the name and the versions would accept the side-car."""
    assert not list(unfit(read_container(made(tmp_path)), ARTIFACT))


@pytest.mark.parametrize(
    ("changes", "artifact", "message"),
    [
        ({}, {"side_cars": None}, "takes no side-cars"),
        ({}, {"side_cars": {**TAKEN, "keys": {}}}, "does not accept the key"),
        ({}, {"side_cars": {**TAKEN, "minimum": {"plug": 1}}}, "wants 1 or more"),
        ({"bundle": "other"}, {}, "it was made for other"),
        ({"python": "cpython-399"}, {}, "it was made for cpython-399, and the artifact is cpython-312"),
        ({"platform": "win-amd64"}, {}, "it was made for win-amd64, and the artifact is linux-x86_64"),
        ({"requires": {"tinyhost": "9"}}, {}, "it was made for tinyhost 9, and the artifact has 1.2.3"),
        ({"requires": {"click": "8"}}, {}, "it was made for click 8, and the artifact has none"),
        ({"brings": [{"name": "tinyhost", "version": "1"}]}, {}, "it brings tinyhost"),
        (
            {},
            {
                "files": [
                    {
                        "path": "lib/python3.12/site-packages/plug/__init__.py",
                        "owner": "x",
                        "bytes": 1,
                        "sha256": "1" * 64,
                    }
                ]
            },
            "plug is in the artifact already",
        ),
    ],
)
def test_every_reason_to_refuse_is_a_finding(
    tmp_path: Path, changes: dict[str, Any], artifact: dict[str, Any], message: str
) -> None:
    """Whatever makes the artifact refuse a side-car is said before anybody gets it, with what to do."""
    other: Facts = {**ARTIFACT, **artifact}  # type: ignore[typeddict-item]  # values of the same types
    (finding,) = unfit(read_container(made(tmp_path, **changes)), other)
    assert message in finding.message
    assert finding.hint


def test_list_of_what_is_revoked_is_signed(tmp_path: Path) -> None:
    """The list has everything in one order, and its signature is on the lines after it."""
    file = made(tmp_path)
    revoked = revoke(
        RevocationRequest(
            bundle="tiny",
            key=KEY,
            sequence=4,
            keys=("SHA256:b", "SHA256:a", "SHA256:b"),
            files=(file, file),
            minimum={"z": 1, "plug": 4},
            output=tmp_path / "revoked.obrevoked",
        )
    )
    text = revoked.file.read_text()
    at = text.index("-----BEGIN")
    assert signer_of(text[:at].encode(), text[at:], namespace=NAMESPACE).hex() == KEY.public
    assert json.loads(text[:at]) == {
        "format": 1,
        "bundle": "tiny",
        "sequence": 4,
        "keys": ["SHA256:a", "SHA256:b"],
        "files": [read_container(file).sha256],
        "minimum": {"plug": 4, "z": 1},
    }


def test_what_the_artifact_would_refuse_is_not_beside_it(tmp_path: Path) -> None:
    """A revoked file, a link, and an older version are left out with the reason; drafts are not looked at."""
    taken: AcceptedSideCars = {**TAKEN, "revocation_keys": {KEY.fingerprint: KEY.public}}
    artifact: Facts = {**ARTIFACT, "side_cars": taken}
    file = made(tmp_path, "new.obplugin", sequence=3)
    made(tmp_path, "a-copy.obplugin", sequence=3)
    made(tmp_path, "old.obplugin", sequence=2)
    made(tmp_path, ".draft.obplugin", sequence=9)
    (tmp_path / "link.obplugin").symlink_to(file)
    refusing = "which the artifact would refuse:"
    old = f"old.obplugin, {refusing} a-copy.obplugin is as new as this, or newer"
    link = f"link.obplugin, {refusing} it is a link"
    found = side_cars_in(tmp_path, artifact, taken)
    assert ([each.file.name for each in found.accepted], found.refused) == (["a-copy.obplugin"], (link, old))
    for more, reason in (
        ({"minimum": {"plug": 4}}, "its sequence number is 3, and the revocation list wants 4 or more"),
        ({"files": (file,)}, "it has been revoked"),
        ({"keys": (KEY.fingerprint,)}, f"the key that it is signed with has been revoked: {KEY.fingerprint}"),
        ({"bundle": "other"}, "revoked.obrevoked is for other, and this is tiny"),
    ):
        wanted: dict[str, Any] = {"bundle": "tiny", "sequence": 1, **more}
        revoke(RevocationRequest(key=KEY, output=tmp_path / "revoked.obrevoked", **wanted))
        assert f"new.obplugin, {refusing} {reason}" in side_cars_in(tmp_path, artifact, taken).refused
    nobody = "revoked.obrevoked is signed with a key that the artifact does not accept for it"
    assert f"new.obplugin, {refusing} {nobody}" in side_cars_in(tmp_path, ARTIFACT, TAKEN).refused
    (tmp_path / "revoked.obrevoked").write_bytes(b"{}")
    assert side_cars_in(tmp_path, artifact, taken).accepted == ()


def test_entry_point_of_the_artifact_is_not_replaced(tmp_path: Path) -> None:
    """What a dependency in the file registers is compared, too; scripts and other names are no matter."""
    path = "dep_one-1.dist-info/entry_points.txt"
    files = {**FILES, path: b"[console_scripts]\nx = y:z\n\n[greeters]\n# hello = no\nhello = dep:make\nhi=dep:make\n"}
    file = tmp_path / "plug.obplugin"
    file.write_bytes(signed_container(facts(files), files, KEY))
    plugin: PluginFacts = {
        "name": "first",
        "distribution": "first",
        "version": "2",
        "modules": [],
        "entry_points": [("greeters", "hello", "first:make"), ("greeters", "x", "first:x")],
    }
    (found,) = unfit(read_container(file), {**ARTIFACT, "plugins": [plugin]})
    assert (found.where, found.message) == (
        "dep-one",
        "its hello in greeters is in the artifact already, from first 2",
    )


def test_plugin_may_be_named_as_its_project_names_it(tmp_path: Path) -> None:
    """A name in --minimum is written in its normal form, in which side-cars have it."""
    key, output = tmp_path / "key", tmp_path / "revoked.obrevoked"
    key.write_bytes(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    arguments = ["revoke", "--bundle", "tiny", "--key", str(key), "--sequence", "1", "-o", str(output)]
    done = CliRunner().invoke(cli, [*arguments, "--minimum", "Plug_One.x=4", "--json"])
    assert json.loads(done.stdout)["minimum"] == {"plug-one-x": 4}
    assert '"plug-one-x": 4' in output.read_text()
