"""`onebin pack-plugin`: a plugin is packed for an artifact, or refused with a reason before anybody gets it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from onebin.errors import AuditError, LockError, PackError, PlanError, SignatureError, VerifyError
from onebin.sidecar import development_key, read_container
from onebin.sidecar.container import signed_container
from support.bench import Bench
from support.projects import PROJECTS
from support.sidecars import FILES, facts
from support.wheels import make_wheel

from .test_signing import Pair

pytestmark = pytest.mark.network

GREETER = "[tinyhost.greeters]\n{} = {}:greet\n"
SOURCE = "def greet(name):\n    return name\n"


@pytest.fixture(scope="session")
def carrier(shared: Path) -> Bench:
    """Return a bench with a lean artifact that takes side-cars of a key and of the development key, built once."""
    folder = shared / "carrier"
    made = Bench(
        directory=folder / "here",
        cache=folder / "cache",
        temporary=folder / "temporary",
        env={"XDG_CONFIG_HOME": str(folder / "config")},
    )
    with FileLock(shared / "carrier.lock", timeout=300):
        if not made.artifact.exists():
            made.directory.mkdir(parents=True)
            made.temporary.mkdir()
            shutil.copytree(PROJECTS, made.directory / "projects")
            key = Pair.make(made.directory).public.read_text().strip()
            table = f'[freeze]\ncollect = "lean"\n\n[side-cars]\nkeys = ["{key}"]\n'
            made.manifest("needs-old", end=table)
            said = made.accepts("bundle", "--dev", "--no-verify").err
            assert "note: a development build" in said
    return made


@pytest.fixture
def dock(carrier: Bench, tmp_path: Path) -> Bench:
    """Return a private copy of the artifact and of the local sources that it was built from."""
    own = replace(carrier, directory=tmp_path / "dock", temporary=tmp_path / "temporary")
    own.temporary.mkdir()
    shutil.copytree(carrier.directory, own.directory)
    return own


def test_side_car_has_what_the_artifact_lacks(dock: Bench, tmp_path: Path) -> None:
    """A side-car brings the plugin as its wheel installs it; without the host's sources, it is the same."""
    arguments = ("pack-plugin", "--key", "key", "dist/tiny", dock.wheel("greet-servus"), "--sequence", "4")
    dock.accepts(*arguments)
    file = dock.directory / "greet-servus.obplugin"
    read = read_container(file)
    source = dock.project("greet-servus") / "src" / "greet_servus" / "words.py"
    assert read.contents["greet_servus/words.py"] == source.read_bytes()
    assert read.facts["brings"] == [{"name": "greet-servus", "version": "2.0.0"}]
    assert read.facts["requires"] == {"tinyhost": "1.2.3"}
    assert read.facts["entry_points"] == [("tinyhost.greeters", "servus", "greet_servus.words:greet")]
    assert (read.facts["modules"], read.facts["top_level"]) == (["greet_servus.words"], ["greet_servus"])
    assert (read.facts["python"], read.facts["platform"], read.facts["sequence"]) == ("any", "any", 4)
    inspected = json.loads(dock.accepts("inspect", "--json", "dist/tiny").out)["side_cars"]
    assert read.signed_by in inspected["keys"]
    assert read.signed_by != inspected["development"]
    said = dock.accepts("verify", file, "--key", "key.pub", "--artifact", "dist/tiny").out
    assert "greet-servus 2.0.0 for tiny, 9 files; it fits dist/tiny" in said
    assert json.loads(dock.accepts("inspect", "--json", file).out)["sequence"] == 4
    assert "the same, byte for byte" in dock.accepts("diff", file, file).out
    other = replace(dock, directory=tmp_path / "elsewhere" / "deep")
    for name in ("dist/tiny", "key", dock.wheel("greet-servus")):
        (other.directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(dock.directory / name, other.directory / name)
    said = other.accepts(*arguments, env={"SOURCE_DATE_EPOCH": "1700000000"}).err
    assert "the sources of needs-old and tinyhost are not here: what the artifact has of them is used" in said
    assert (other.directory / file.name).read_bytes() == file.read_bytes()


def test_dependencies_come_along(dock: Bench) -> None:
    """What the plugin needs and the artifact does not have is in the file; what it has is required as it is there."""
    helper = make_wheel(dock.directory / "wheels", "helper", files={"helper.py": "X = 1\n"})
    optional = "try:\n    import mailcap\nexcept ImportError:\n    pass\n"
    aside = "import mailbox\n"
    wheel = make_wheel(
        dock.directory / "wheels",
        "carried",
        files={
            "carried/__init__.py": "",
            "carried/greets.py": f"import helper, needs_old\n{optional}{SOURCE}",
            "carried/aside.py": aside,
        },
        entry_points=GREETER.format("carried", "carried.greets")
        + "[console_scripts]\ncarried = carried.greets:greet\n",
        requires=[f"helper @ {helper.as_uri()}", "packaging"],
    )
    said = json.loads(dock.accepts("pack-plugin", "--dev", "dist/tiny", str(wheel), "--json").out)
    assert [each["name"] for each in said["brings"]] == ["carried", "helper"]
    assert said["requires"] == {"needs-old": "1.0.0", "packaging": "21.3", "tinyhost": "1.2.3"}
    assert said["entry_points"] == [["tinyhost.greeters", "carried", "carried.greets:greet"]]
    assert said["notices"] == [
        "left out of carried, because it is outside site-packages: bin/carried",
        "carried/aside.py:1 would use mailbox, which is not in the artifact",
        "carried/greets.py:3 would use mailcap, which is not in the artifact",
    ]


def test_conflict_is_explained_with_both_chains(dock: Bench) -> None:
    """A plugin that needs another version of what the artifact holds is refused with who requires what."""
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", dock.wheel("needs-new"), error=LockError)
    refusal.says("conflicting requirements for packaging", hint="build the artifact again with it")
    assert "plugin needs-new: requires packaging>=24" in refusal.err
    assert "plugin needs-old: requires packaging (21.3 in the artifact)" in refusal.err


def test_imports_that_a_lean_artifact_lacks_are_named(dock: Bench) -> None:
    """An import of what a lean artifact left out is refused, with its line, also one module further."""
    wheel = make_wheel(
        dock.directory / "wheels",
        "wants",
        files={"wants.py": f"import os, further\nimport pyparsing\n{SOURCE}", "further.py": "import mailbox\n"},
        entry_points=GREETER.format("wants", "wants"),
    )
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", str(wheel), error=PlanError)
    refusal.says("further.py:1: it imports mailbox", hint='include = ["mailbox"]')
    refusal.says("wants.py:2: it imports pyparsing", hint='collect = "all"')


def test_what_cannot_be_beside_the_artifact_is_refused(dock: Bench) -> None:
    """Modules that are there already, modules in a package that is there, and .pth files are refused together."""
    wheel = make_wheel(
        dock.directory / "wheels",
        "hides",
        files={
            "hides.py": SOURCE,
            "tinyhost/extra.py": "",
            "packaging/version.py": "",
            "json/more.py": "",
            "hides.pth": "import hides\n",
        },
        entry_points=GREETER.format("hides", "hides"),
    )
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", str(wheel), error=PlanError)
    refusal.says("tinyhost is a package of the artifact", hint="another name")
    refusal.says("packaging is a package of the artifact", hint="another name")
    refusal.says("json is a module of Python itself", hint="another name")
    refusal.says("hides.pth: hides has it for the start of the interpreter", hint="build the artifact with the plugin")


def test_plugin_of_the_artifact_is_refused(dock: Bench) -> None:
    """A side-car cannot replace a plugin or a dependency that the artifact has."""
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", dock.wheel("needs-old"), error=PlanError)
    refusal.says("tiny has it: needs-old 1.0.0", hint="build the artifact again")


def test_broken_plugin_is_refused_as_by_check(dock: Bench) -> None:
    """A plugin whose import fails is refused in the artifact's stage, by its name and not that of a file."""
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", dock.wheel("bad-import"), error=PlanError)
    refusal.says("plugin bad-import: entry point raises", hint="fix the error")


def test_key_that_the_artifact_does_not_accept_is_refused_first(dock: Bench, built: Path, tmp_path: Path) -> None:
    """A foreign key, another user's development key, and an artifact without side-cars end at once."""
    foreign = Pair.make(tmp_path, "foreign")
    refusal = dock.refuses("pack-plugin", "--key", foreign.private, "dist/tiny", "nothing-at-all", error=SignatureError)
    refusal.says("does not accept the key SHA256:", hint="sign with one that it accepts: SHA256:")
    other = {"XDG_CONFIG_HOME": str(tmp_path / "other")}
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", "nothing", env=other, error=SignatureError)
    refusal.says("your development key", hint="build it again with --dev")
    refusal = dock.refuses("pack-plugin", "--dev", built, "nothing", error=PackError)
    refusal.says("takes no side-cars", hint="[side-cars]")
    assert "Give either --key KEY or --dev" in dock.run("pack-plugin", "dist/tiny", "nothing").err


def test_file_that_cannot_be_is_refused_first(dock: Bench) -> None:
    """A file that cannot be written, or that no program would recognise, is refused before anything is resolved."""
    (dock.directory / "folder.obplugin").mkdir()
    for output, message, hint in (
        ("plugin.zip", "no program would recognise plugin.zip", ".obplugin"),
        ("nowhere/x.obplugin", "a parent directory does not exist", "create that directory"),
        ("folder.obplugin", "it is a directory", "-o"),
    ):
        refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", "nothing", "-o", output, error=PackError)
        refusal.says(message, hint=hint)


def test_sources_that_have_changed_are_refused(dock: Bench) -> None:
    """The local sources of the artifact must be as they were: the plugin is checked with them."""
    make_wheel(
        dock.directory / "wheels", "tinyhost", version="1.2.3", files={"tinyhost/__init__.py": "changed = True\n"}
    )
    refusal = dock.refuses("pack-plugin", "--dev", "dist/tiny", dock.wheel("greet-servus"), error=VerifyError)
    refusal.says("project wheels/tinyhost-1.2.3-py3-none-any.whl changed", hint="--sources")


def test_inspect_says_that_it_is_a_development_build(dock: Bench) -> None:
    """An artifact that accepts a development key says so."""
    said = " ".join(dock.accepts("inspect", "dist/tiny").out.split())
    assert "development build: accepts side-cars signed by the development key" in said
    assert "from tiny.plugins, at each start" in said


def test_dev_needs_the_table(bench: Bench) -> None:
    """--dev is for side-cars: without the table, it is an error of usage."""
    bench.manifest("greet-hello")
    done = bench.run("bundle", "--dev", env={"XDG_CONFIG_HOME": str(bench.temporary)})
    assert done.code == 2
    assert "has no [side-cars]" in done.err


def test_audit_and_bill_of_materials_can_have_side_cars(dock: Bench) -> None:
    """With an option, what is in the directory counts, too; what the artifact would refuse is named, and does not."""
    files = {**FILES, "plug-1.0.dist-info/METADATA": b"Name: plug\nVersion: 1.0\nRequires-Dist: tinyhost\n"}
    key = development_key(Path(dock.env["XDG_CONFIG_HOME"]) / "onebin")
    folder = dock.directory / "dist" / "tiny.plugins"
    folder.mkdir()
    (folder / "plug.obplugin").write_bytes(signed_container(facts(files), files, key))
    (folder / "bad.obplugin").write_bytes(signed_container(facts(files, bundle="other"), files, key))
    listed = dock.accepts("inspect", "--sbom", "--with-side-cars", "dist/tiny")
    (component,) = (each for each in json.loads(listed.out)["components"] if each["name"] == "plug")
    assert {"name": "onebin:role", "value": "plugin"} in component["properties"]
    assert "not listed: bad.obplugin, which the artifact would refuse: it was made for other" in listed.err
    affected = [{"package": {"ecosystem": "PyPI", "name": "plug"}, "versions": ["1.0"]}]
    (dock.directory / "db.json").write_text(
        json.dumps({"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "affected": affected})
    )
    assert dock.run("audit", "dist/tiny", "--db", "db.json").code == 0
    found = dock.run("audit", "dist/tiny", "--db", "db.json", "--with-side-cars")
    assert (found.code, "plug 1.0: TEST-1" in found.err) == (AuditError.exit_code, True)
