"""`onebin bundle --provenance` and `onebin verify --provenance`: what is not proven is refused, and nothing is run."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import onebin
from onebin.attestation.indexes import ask_indexes
from onebin.errors import ArtifactError, ManifestError, SignatureError, VerifyError
from support.attested import Key, attest, attestable, envelope, payload_of, write_attestable
from support.bench import steps_of
from support.index import Fault, Index, serving
from support.reports import distribution, facts
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from onebin.errors import OnebinError
    from support.bench import Bench

pytestmark = pytest.mark.network

ORBIT = 'orbit = { version = "*", modules = ["orbit"] }'


@pytest.fixture
def key(bench: Bench) -> Key:
    """Return a key pair."""
    return Key.make(bench.directory)


@pytest.fixture
def stranger(bench: Bench) -> Key:
    """Return the key pair of somebody else."""
    return Key.make(bench.directory, "stranger")


@pytest.fixture
def artifact(bench: Bench) -> Path:
    """Return an artifact that leaves a trace when it is run."""
    return write_attestable(bench.directory / "x")


@pytest.fixture
def beside(artifact: Path, key: Key) -> Path:
    """Return the provenance of that artifact."""
    return attest(artifact, key)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Return an index with two packages, of which one is attested."""
    with serving() as made:
        for name in ("orbit", "meteor"):
            made.add(make_wheel(tmp_path / "served", name, files={f"{name}.py": ""}))
        made.attest("orbit-1.0.0-py3-none-any.whl")
        yield made


def statement_of(beside: Path) -> Any:
    """Return the statement in a provenance."""
    return payload_of(beside.read_text("utf-8"))


def sign(beside: Path, key: Key, statement: Any, **changed: Any) -> None:
    """Replace a provenance by a signed one with another statement."""
    payload = json.dumps(statement).encode()
    signature = {"keyid": key.fingerprint, "sig": key.sign(payload), **changed}
    beside.write_text(envelope(payload, [signature]), "utf-8")


def refuses(bench: Bench, artifact: Path, key: Key, *options: str | Path, error: type[OnebinError]) -> Any:
    """Verify the provenance of an artifact, and expect one clear error; the artifact is not run."""
    refusal = bench.refuses("verify", artifact, "--provenance", "--key", key.public_file, *options, error=error)
    assert not artifact.with_name("ran").exists()
    return refusal


def test_built_artifact_is_attested_and_verified(warm_bench: Bench) -> None:
    """A build writes the provenance and says who signed it; `verify` checks it, and then the file or a rebuild."""
    bench = warm_bench
    key = Key.make(bench.directory)
    built = bench.accepts("bundle", "--provenance", "--key", key.file, "--offline")
    beside = bench.artifact.with_name("tiny.intoto.jsonl")
    assert f"the provenance is dist/tiny.intoto.jsonl, signed by {key.fingerprint}" in built.err
    assert "attestations" not in steps_of(built)  # without a network, no index is asked
    first = beside.read_bytes()
    again = json.loads(bench.accepts("bundle", "--provenance", "--key", key.file, "--offline", "--json").out)
    assert again["provenance"] == str(beside)
    assert beside.read_bytes() == first
    bench.accepts("bundle", "-o", "elsewhere/tiny", "--provenance", "--key", key.file, "--offline")
    assert (bench.directory / "elsewhere" / "tiny.intoto.jsonl").read_bytes() == first
    said = bench.accepts("verify", bench.artifact, "--provenance", "--key", key.public_file, "--probe", "quick").out
    assert f"dist/tiny.intoto.jsonl: signed by {key.fingerprint}\n" in said
    assert "built by urn:onebin:local from" in said
    data = json.loads(
        bench.accepts("verify", bench.artifact, "--provenance", "--key", key.public_file, "--reproduce", "--json").out
    )
    assert (data["ok"], data["reproduced"], data["provenance"]["signed_by"]) == (True, True, key.fingerprint)
    assert data["provenance"]["builder"] == "urn:onebin:local"


def test_signature_of_the_file_is_not_needed(bench: Bench, artifact: Path, key: Key, beside: Path) -> None:
    """The provenance has the digest of the file: with it, the file is trusted, and run."""
    assert not artifact.with_name("x.sig").exists()
    done = bench.run("verify", artifact, "--provenance", "--key", key.public_file)
    assert f"signed by {key.fingerprint}" in done.out
    assert artifact.with_name("ran").exists()


def test_builder_is_checked(bench: Bench, artifact: Path, key: Key) -> None:
    """The builder of a provenance must be the one that is asked for."""
    own = "https://builds.example.org/onebin"
    attestor = onebin.Attestor(private=key.private, fingerprint=key.fingerprint, builder=own)
    beside = onebin.attest(artifact, attestable(), attestor).file
    found = onebin.check_provenance(artifact, key=key.public_file, builder=own)
    assert (found.builder, found.file) == (own, beside)
    refusal = refuses(bench, artifact, key, "--builder", "urn:onebin:local", error=VerifyError)
    refusal.says(f"'{own}' has built it, not 'urn:onebin:local'", hint="from that builder")


def test_default_builder_is_in_the_help(bench: Bench, artifact: Path, key: Key, beside: Path) -> None:
    """The help says who builds by default, which is what the provenance has."""
    found = onebin.check_provenance(artifact, key=key.public_file, provenance=beside)
    assert f"[default: {found.builder}]" in " ".join(bench.accepts("bundle", "--help").out.split())


def test_provenance_elsewhere_is_named(bench: Bench, artifact: Path, key: Key, beside: Path) -> None:
    """The provenance need not be beside the file, and none that is missing is accepted."""
    other = beside.rename(bench.directory / "other.jsonl")
    refusal = refuses(bench, artifact, key, error=SignatureError)
    refusal.says("cannot read the provenance x.intoto.jsonl: no such file", hint="onebin bundle --provenance")
    assert onebin.check_provenance(artifact, key=key.public_file, provenance=other).dependencies > 5


def test_one_of_several_signatures_is_enough(artifact: Path, key: Key, stranger: Key, beside: Path) -> None:
    """Others may have signed, too; a signature may have no keyid, and the URL-safe form of base64 (DSSE)."""
    payload = base64.b64decode(json.loads(beside.read_text("utf-8"))["payload"])
    own = {"keyid": key.fingerprint, "sig": key.sign(payload)}
    other = {"keyid": stranger.fingerprint, "sig": stranger.sign(payload)}
    unnamed = {"keyid": None, "sig": own["sig"].replace("+", "-").replace("/", "_")}
    for signatures in ([other, own], [own, other], [{"sig": own["sig"]}], [{"sig": other["sig"]}, own], [unnamed]):
        beside.write_text(envelope(payload, signatures), "utf-8")
        assert onebin.check_provenance(artifact, key=key.public_file).signed_by == key.fingerprint


def test_any_of_the_trusted_keys_may_have_signed(artifact: Path, key: Key, stranger: Key, beside: Path) -> None:
    """The file of keys may have several."""
    both = key.public_file.with_name("both")
    both.write_bytes(stranger.public_file.read_bytes() + b"\n" + key.public_file.read_bytes())
    assert onebin.check_provenance(artifact, key=both).signed_by == key.fingerprint


def _unsigned(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_text(envelope(json.dumps(statement_of(beside)).encode(), []), "utf-8")


def _by_another_key(beside: Path, _key: Key, stranger: Key) -> None:
    sign(beside, stranger, statement_of(beside))


def _by_another_key_in_this_name(beside: Path, key: Key, stranger: Key) -> None:
    sign(beside, stranger, statement_of(beside), keyid=key.fingerprint)


def _with_another_keyid(beside: Path, key: Key, stranger: Key) -> None:
    sign(beside, key, statement_of(beside), keyid=stranger.fingerprint)


def _by_several_others(beside: Path, _key: Key, stranger: Key) -> None:
    payload = json.dumps(statement_of(beside)).encode()
    signatures = [{"keyid": name, "sig": stranger.sign(payload)} for name in (stranger.fingerprint, "cosign")]
    beside.write_text(envelope(payload, signatures), "utf-8")


def _payload_changed(beside: Path, key: Key, _stranger: Key) -> None:
    data = json.loads(beside.read_text("utf-8"))
    changed = base64.b64decode(data["payload"]).replace(b'"1.0"', b'"1.1"')
    beside.write_text(envelope(changed, data["signatures"]), "utf-8")


def _kind_changed(beside: Path, key: Key, _stranger: Key) -> None:
    payload = json.dumps(statement_of(beside)).encode()
    beside.write_text(envelope(payload, [{"keyid": key.fingerprint, "sig": key.sign(payload)}], "text/plain"), "utf-8")


def _truncated(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_bytes(beside.read_bytes()[:-100])


def _huge(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_bytes(beside.read_bytes() + b" " * 20_000_000)


def _deep(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_bytes(b"[" * 200_000)


def _many_values(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_bytes(b"[" + b"{}," * 1_000_000 + b"{}]")


def _deep_inside(beside: Path, key: Key, _stranger: Key) -> None:
    payload = b"[" * 200_000
    beside.write_text(envelope(payload, [{"keyid": key.fingerprint, "sig": key.sign(payload)}]), "utf-8")


def _other_statement(beside: Path, key: Key, _stranger: Key) -> None:
    sign(beside, key, {"hello": "world"})


def _not_base64(beside: Path, _key: Key, _stranger: Key) -> None:
    data = json.loads(beside.read_text("utf-8"))
    beside.write_text(json.dumps({**data, "payload": "é" + data["payload"]}), "utf-8")


def _signature_is_short(beside: Path, key: Key, _stranger: Key) -> None:
    sign(beside, key, statement_of(beside), sig=base64.b64encode(b"short").decode())


def _twice(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.write_bytes(beside.read_bytes() * 2)


def _folder(beside: Path, _key: Key, _stranger: Key) -> None:
    beside.unlink()
    beside.mkdir()


Case = tuple[Any, str, str]  # how a provenance is changed, and what the error and its hint say


@pytest.mark.parametrize(
    "case",
    [
        (_unsigned, "is not signed", "--provenance"),
        (_by_another_key, "is signed with another key: SHA256:", "if you trust that key"),
        (_by_another_key_in_this_name, "its signature does not match it", "do not trust it"),
        (_with_another_keyid, "is signed with another key: SHA256:", "if you trust that key"),
        (_by_several_others, "is signed with another key: SHA256:", "if you trust that key"),
        (_payload_changed, "its signature does not match it", "do not trust it"),
        (_kind_changed, "has a payload of type 'text/plain'", "download it again"),
        (_truncated, "is not a signed envelope (DSSE), or is damaged", "download it again"),
        (_huge, "it is larger than 16.0 MB", "download it again"),
        (_deep, "is not a signed envelope (DSSE), or is damaged", "download it again"),
        (_many_values, "is not a signed envelope (DSSE), or is damaged", "download it again"),
        (_deep_inside, "does not contain a statement of in-toto", "ask whoever signed it"),
        (_other_statement, "does not contain a statement of in-toto", "ask whoever signed it"),
        (_not_base64, "is damaged: it is not base64", "download it again"),
        (_signature_is_short, "its signature does not match it", "do not trust it"),
        (_twice, "has 2 attestations", "--provenance-file"),
        (_folder, "it is a directory", "download it again"),
    ],
    ids=lambda case: case[0].__name__.strip("_"),
)
def test_provenance_that_proves_nothing_is_refused(
    bench: Bench, artifact: Path, key: Key, stranger: Key, beside: Path, case: Case
) -> None:
    """A provenance that nobody trusted has signed like this is one error (exit code 14), in bounded time."""
    change, said, hint = case
    change(beside, key, stranger)
    started = time.monotonic()
    refuses(bench, artifact, key, error=SignatureError).says("x.intoto.jsonl", said, hint=hint)
    assert time.monotonic() - started < 20


def _other_predicate(statement: Any) -> None:
    statement["predicateType"] = "https://slsa.dev/verification_summary/v1"


def _other_type(statement: Any) -> None:
    statement["_type"] = "https://in-toto.io/Statement/v0.1"


def _other_subject(statement: Any) -> None:
    statement["subject"][0]["digest"]["sha256"] = "0" * 64


def _no_subject(statement: Any) -> None:
    statement["subject"] = []


def _inputs(statement: Any) -> list[Any]:
    rows: list[Any] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return rows


def _other_package(statement: Any) -> None:
    next(row for row in _inputs(statement) if row["name"] == "index")["digest"]["sha256"] = "0" * 64


def _package_is_missing(statement: Any) -> None:
    _inputs(statement)[:] = [row for row in _inputs(statement) if row["name"] != "index"]


def _package_more(statement: Any) -> None:
    _inputs(statement).append({"name": "evil", "uri": "pkg:pypi/evil@1", "annotations": {"role": "distribution"}})


def _no_inputs(statement: Any) -> None:
    del statement["predicate"]["buildDefinition"]["resolvedDependencies"]


def _odd_inputs(statement: Any) -> None:
    _inputs(statement)[0] = ["pylock.toml"]


def _package_twice(statement: Any) -> None:
    _inputs(statement).append(_inputs(statement)[1])


def _other_manifest(statement: Any) -> None:
    statement["predicate"]["buildDefinition"]["externalParameters"]["manifest"]["bundle"]["name"] = "y"


def _other_options(statement: Any) -> None:
    statement["predicate"]["buildDefinition"]["internalParameters"]["compression"] = 19


def _other_build_type(statement: Any) -> None:
    statement["predicate"]["buildDefinition"]["buildType"] = "urn:other"


def _other_onebin(statement: Any) -> None:
    statement["predicate"]["runDetails"]["builder"]["version"]["onebin"] = "7"


def _empty_predicate(statement: Any) -> None:
    statement["predicate"] = {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_predicate, "it states 'https://slsa.dev/verification_summary/v1'"),
        (_other_type, "it states 'https://in-toto.io/Statement/v0.1'"),
        (_other_subject, "no subject of it is x with sha256:"),
        (_no_subject, "no subject of it is x with sha256:"),
        (_other_package, "index: it is another one on the card"),
        (_package_is_missing, "index: it is missing from it"),
        (_package_more, "evil: it is not on the card"),
        (_no_inputs, "index: it is missing from it"),
        (_odd_inputs, "pylock.toml: it is missing from it"),
        (_package_twice, "inputs: one of them is there twice"),
        (_other_manifest, "manifest: it is not that of the card"),
        (_other_options, "options: it is not that of the card"),
        (_other_build_type, "kind of build: it is not that of the card"),
        (_other_onebin, "builder: its versions"),
        (_empty_predicate, "manifest: it is not that of the card"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_provenance_of_something_else_is_refused(
    bench: Bench, artifact: Path, key: Key, beside: Path, change: Callable[[Any], None], said: str
) -> None:
    """A provenance that a trusted key has signed, but that is not about this file as its card says, is exit code 9."""
    statement = statement_of(beside)
    change(statement)
    sign(beside, key, statement)
    refuses(bench, artifact, key, error=VerifyError).says(said, hint="")


def test_damaged_artifact_is_refused_before_its_provenance(
    bench: Bench, artifact: Path, key: Key, beside: Path
) -> None:
    """What is no artifact has no provenance."""
    artifact.write_bytes(artifact.read_bytes()[:-1])
    refuses(bench, artifact, key, error=ArtifactError).says("is not an artifact", hint="build it again")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "x", "--provenance"], "--provenance needs --key"),
        (["verify", "x", "--builder", "urn:x"], "--provenance needs --key"),
        (["bundle", "--provenance"], "--provenance needs --key"),
        (["bundle", "--key", "key"], "--key is for --provenance"),
        (["bundle", "--provenance", "--key", "key", "--builder", "me"], "'me' is not a URI"),
    ],
)
def test_options_that_do_not_go_together(bench: Bench, key: Key, arguments: list[str], said: str) -> None:
    """Options that make no sense alone are refused as wrong usage."""
    done = bench.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())


def test_folder_and_bad_key_are_refused_before_the_build(bench: Bench, key: Key) -> None:
    """What cannot be attested is refused before anything is locked; so is a key that cannot sign."""
    bench.manifest("greet-hello", end='[freeze]\nlayout = "onedir"\n')
    asked = ("bundle", "--provenance", "--key")
    refusal = bench.refuses(*asked, key.file, error=ManifestError, may_write=())
    refusal.says("provenance is for one file", hint='layout = "cached"')
    refusal = bench.refuses(*asked, key.public_file, error=SignatureError, may_write=())
    refusal.says("is a public key", hint="without .pub")


def test_attestations_of_an_index_are_recorded(warm_bench: Bench, index: Index) -> None:
    """Where the index has attestations of a package (PEP 740), their path and digest are there; of others, nothing."""
    bench = warm_bench
    key = Key.make(bench.directory)
    bench.manifest("greet-hello", ORBIT, 'meteor = { version = "*", modules = ["meteor"] }')
    env = {"UV_INDEX": index.url}
    built = bench.run("bundle", "--provenance", "--key", key.file, "--no-verify", env=env)
    assert built.code == 0, built.err
    assert "attestations: 1 of 2 packages have some" in built.err
    beside = bench.artifact.with_name("tiny.intoto.jsonl")
    rows = {row["name"]: row for row in _inputs(statement_of(beside))}
    wheel = "orbit-1.0.0-py3-none-any.whl"
    content = index.attestations[wheel]
    expected = {"path": f"/integrity/{wheel}", "sha256": hashlib.sha256(content).hexdigest()}
    assert rows["orbit"]["annotations"]["pep740"] == expected
    assert "pep740" not in rows["meteor"]["annotations"]
    assert "127.0.0.1" not in json.dumps(rows)
    found = onebin.check_provenance(bench.artifact, key=key.public_file)
    assert found.attested == 1
    assert "1 of them with attestations of their index" in found.summary


MATRIX = '[matrix]\nplatforms = ["linux-x86_64"]\nname = "{name}"\n'


@pytest.mark.skipif(sys.platform != "linux", reason="the cell is for linux-x86_64")
def test_cells_of_a_matrix_are_attested(warm_bench: Bench) -> None:
    """The store keeps the provenance of a cell; from a store that others write to, only what this key has signed."""
    bench = warm_bench
    key, stranger = Key.make(bench.directory), Key.make(bench.directory, "stranger")
    bench.manifest("greet-hello", end=MATRIX)
    beside = bench.artifact.with_name("tiny.intoto.jsonl")

    def run(by: Key, *options: str) -> Any:
        beside.unlink(missing_ok=True)
        asked = ("--store", "store", "--provenance", "--key", by.file, "--offline", "--json")
        return json.loads(bench.accepts("matrix", *asked, *options).out)["cells"][0]

    built = run(key)
    assert (built["status"], built["provenance"]) == ("built", str(beside))
    first = beside.read_bytes()
    assert onebin.check_provenance(bench.artifact, key=key.public_file).signed_by == key.fingerprint
    kept = list((bench.directory / "store" / "provenance").iterdir())
    assert [(file.name, file.read_bytes()) for file in kept] == [(f"{built['key']}.intoto.jsonl", first)]

    again = run(key)
    assert (again["status"], again["provenance"]) == ("stored", str(beside))
    assert beside.read_bytes() == first

    other = run(stranger)
    assert (other["status"], other["provenance"]) == ("stored", None)
    kept[0].write_bytes(b"[" * 100_000)
    assert run(key)["provenance"] is None
    said = bench.accepts("matrix", "--store", "store", "--provenance", "--key", key.file, "--offline").err
    assert "is not attested: it is from the store" in said
    assert not beside.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the cell is for linux-x86_64")
def test_stored_cell_of_the_own_store_is_attested(warm_bench: Bench) -> None:
    """What this user has built before, and keeps in a store in the cache, can be attested later."""
    bench = warm_bench
    key = Key.make(bench.directory)
    bench.manifest("greet-hello", end=MATRIX)
    bench.accepts("matrix", "--offline")
    cell = json.loads(bench.accepts("matrix", "--provenance", "--key", key.file, "--offline", "--json").out)["cells"][0]
    assert cell["status"] == "stored"
    assert onebin.check_provenance(bench.artifact, key=key.public_file).signed_by == key.fingerprint


def asked_facts(index: Index) -> Any:
    """Return facts with the packages of an index."""
    rows = [
        {**distribution(name), "sha256": [index.stated[f"{name}-1.0.0-py3-none-any.whl"]]}
        for name in ("orbit", "meteor")
    ]
    return facts(distributions=rows)


@pytest.fixture
def source(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> onebin.PackageSource:
    """Return where the packages of that index come from."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return onebin.PackageSource(project=tmp_path)


def test_index_with_a_login_is_asked_with_it(
    index: Index, source: onebin.PackageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credentials of uv's settings are used for the pages and for the attestations."""
    index.login = "me:secret"
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.with_login)
    found = ask_indexes(asked_facts(index), source)
    assert ([*found.found], found.asked, found.unanswered) == (["orbit"], 2, 0)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    assert ask_indexes(asked_facts(index), source).unanswered == 2


def test_login_of_a_configuration_file_is_used(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials in the project's configuration of uv count for the pages, and for attestations on the same server."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    index.login = "me:secret"
    project = tmp_path / "project"
    project.mkdir()
    (project / "uv.toml").write_text(f'[[index]]\nurl = "{index.with_login}"\ndefault = true\n', "utf-8")
    found = ask_indexes(asked_facts(index), onebin.PackageSource(project=project))
    assert ([*found.found], found.unanswered) == (["orbit"], 0)


def test_login_is_not_sent_to_another_server(
    index: Index, source: onebin.PackageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attestations may lie on another server, which does not get the credentials of the index."""
    index.login = "me:secret"
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.with_login)
    with serving() as other:
        other.attestations = index.attestations
        index.attested_at = other.url
        found = ask_indexes(asked_facts(index), source)
        assert [*found.found] == ["orbit"]
        assert (len(other.seen), other.logins) == (1, [None])


@pytest.mark.parametrize("fault", ["cut", "short", "other", "endless", "silent", "slow", "login", "text", 404, 500])
def test_index_that_fails_costs_bounded_time_only(
    index: Index, source: onebin.PackageSource, fault: Fault | int
) -> None:
    """A server that fails in any way, for the pages or the attestations, is no error, and asked for a while only."""
    for pages, attestations in ((fault, None), (None, fault)):
        index.page_fault, index.attestation_fault = pages, attestations
        started = time.monotonic()
        found = ask_indexes(asked_facts(index), source, seconds=2)
        assert time.monotonic() - started < 8
        assert not found.found
        assert found.unanswered == (2 if pages else 1)


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"version": 2, "attestation_bundles": []}', b"{" * 100_000])
def test_what_is_not_an_attestation_is_not_recorded(index: Index, source: onebin.PackageSource, content: bytes) -> None:
    """An answer of another form does not count as attestations."""
    index.attestations["orbit-1.0.0-py3-none-any.whl"] = content
    found = ask_indexes(asked_facts(index), source)
    assert (dict(found.found), found.unanswered) == ({}, 1)


def test_other_bytes_under_the_name_are_not_attested(index: Index, source: onebin.PackageSource) -> None:
    """Attestations count only for the file that is locked: an index that has another one under its name has none."""
    said = asked_facts(index)
    index.change("orbit-1.0.0-py3-none-any.whl", b"other")
    assert ask_indexes(said, source).unanswered == 1


def test_offline_no_index_is_asked(index: Index, artifact: Path, key: Key, source: onebin.PackageSource) -> None:
    """Offline, or with a folder of wheels, there is no step that asks an index, and no request."""
    del source
    told: list[onebin.Event] = []

    def note(event: onebin.Event) -> None:
        told.append(event)

    for quiet in (onebin.PackageSource(offline=True), onebin.PackageSource(wheelhouse=artifact.parent)):
        onebin.attest(artifact, attestable(), key.attestor, source=quiet, events=note)
    assert told == []
    assert index.seen == []


def test_copy_under_another_name_is_accepted(artifact: Path, key: Key, beside: Path) -> None:
    """The digest counts, not the name: a file that was renamed is still what was attested."""
    other = artifact.rename(artifact.with_name("renamed"))
    assert onebin.check_provenance(other, key=key.public_file, provenance=beside).signed_by == key.fingerprint
