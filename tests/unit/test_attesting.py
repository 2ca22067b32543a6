"""The provenance of an artifact: what it says, that it is always the same, and that others can read and check it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

import onebin
from onebin.errors import ArtifactError, ManifestError, PackError
from support.attested import COMMIT, PAYLOAD_TYPE, WHEEL_SHA256, Key, attest, attestable, payload_of, write_attestable
from support.reports import facts, write_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Facts

# What checks an envelope with the library of sigstore for JavaScript, with a key instead of its certificates.
SIGSTORE = """
const {bundleFromJSON} = require('@sigstore/bundle');
const {Verifier, toSignedEntity, toTrustMaterial} = require('@sigstore/verify');
const [envelope, pem] = JSON.parse(require('fs').readFileSync(0));
const bundle = bundleFromJSON({
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  verificationMaterial: {publicKey: {hint: 'key'}, tlogEntries: [], timestampVerificationData: {}},
  dsseEnvelope: envelope,
});
const key = {publicKey: require('crypto').createPublicKey(pem), validFor: () => true};
const root = {certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [], publicKey: () => key};
new Verifier(root, {ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0}).verify(toSignedEntity(bundle));
"""


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """Return a key pair."""
    return Key.make(tmp_path)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """Return an artifact that can be attested."""
    return write_attestable(tmp_path / "x")


@pytest.fixture
def text(artifact: Path, key: Key) -> str:
    """Return its provenance."""
    return attest(artifact, key).read_text("utf-8")


def named(statement: Any) -> dict[str, Any]:
    """Return the inputs of a build by their names."""
    return {row["name"]: row for row in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}


def test_provenance_is_beside_the_artifact_in_one_line(artifact: Path, key: Key, tmp_path: Path) -> None:
    """The provenance is in NAME.intoto.jsonl, one line, which everybody may read; nothing else is written."""
    before = {*tmp_path.iterdir()}
    made = onebin.attest(artifact, attestable(), key.attestor)
    assert {*tmp_path.iterdir()} - before == {made.file}
    assert (made.file.name, made.signed_by, made.attestations) == ("x.intoto.jsonl", key.fingerprint, 0)
    assert made.file.read_text("utf-8") == made.text
    assert made.text.endswith("}\n")
    assert made.text.count("\n") == 1
    assert made.file.stat().st_mode & 0o777 == 0o644


def test_statement_names_the_file_and_how_it_was_built(artifact: Path, text: str) -> None:
    """The subject is the file with its digest; the manifest is the parameter, and the options are others."""
    statement = payload_of(text)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [
        {"name": "x", "digest": {"sha256": hashlib.sha256(artifact.read_bytes()).hexdigest()}}
    ]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["manifest"]["budget"] == {"size": "20 MB"}
    assert definition["externalParameters"]["platform"] == "linux-x86_64"
    assert definition["internalParameters"] == {
        "layout": "cached",
        "compression": 3,
        "sourceDateEpoch": 0,
        "fullProbe": False,
        "verified": {"stage": "natively", "artifact": "natively"},
        "development": False,
    }
    assert statement["predicate"]["runDetails"] == {
        "builder": {"id": "urn:onebin:local", "version": {"onebin": "1.0", "zstandard": "0.25.0"}}
    }


def test_every_input_is_named_with_a_digest(text: str) -> None:
    """Each kind of package, the interpreter, the libraries of the system and the tools have an address or a digest."""
    rows = named(payload_of(text))
    lock = attestable()["lock"]["sha256"]
    assert rows["pylock.toml"]["digest"] == {"sha256": lock}
    assert rows["index"]["uri"] == "pkg:pypi/index@1?file_name=index-1-py3-none-any.whl"
    assert rows["index"]["digest"] == {"sha256": WHEEL_SHA256}
    assert rows["index"]["annotations"] == {"role": "distribution", "kind": "wheel"}
    assert rows["source"]["uri"] == "pkg:pypi/source@1?file_name=source-1.tar.gz"
    assert rows["source"]["annotations"]["kind"] == "sdist"
    assert rows["several"]["annotations"]["oneOf"] == ["6" * 64, "7" * 64]
    assert rows["archive"]["digest"] == {"sha256": "8" * 64}
    assert rows["repository"]["uri"] == f"git+https://example.org/r.git@{COMMIT}"
    assert rows["repository"]["digest"] == {"gitCommit": COMMIT}
    assert rows["pyinstaller"]["annotations"]["oneOf"] == ["3" * 64, "4" * 64]
    assert rows["altgraph"]["digest"] == {"sha256": "5" * 64}
    assert rows["onebin-launcher"]["digest"] == {"sha256": "0" * 64}
    assert len(rows["ziglang"]["annotations"]["oneOf"]) == 6
    for row in rows.values():
        assert row.get("digest") or (row.get("uri") and row["annotations"]["oneOf"]), row


def test_digest_of_a_folder_is_that_of_sha256sum(tmp_path: Path, text: str) -> None:
    """What is not one file has the digest `dirHash` of in-toto, which a shell can compute."""
    listing = "".join(f"{'1' * 64}  lib/{name}.py\n" for name in "ab")
    expected = hashlib.sha256(listing.encode()).hexdigest()
    rows = named(payload_of(text))
    assert rows["CPython 3.12.1"]["digest"] == {"dirHash": expected}
    assert rows["folder"]["digest"] == {"dirHash": hashlib.sha256(f"{'1' * 64}  folder.py\n".encode()).hexdigest()}
    assert rows["system"]["digest"] == {"dirHash": hashlib.sha256(f"{'1' * 64}  libm.so\n".encode()).hexdigest()}


def test_no_word_of_the_machine_is_in_it(text: str) -> None:
    """Of a path of the machine, only its last part is left; there is no user, no time and no other name."""
    statement = payload_of(text)
    assert "/home" not in json.dumps(statement)
    assert "somebody" not in json.dumps(statement)
    manifest = statement["predicate"]["buildDefinition"]["externalParameters"]["manifest"]
    assert manifest["bundle"]["python"] == "{elsewhere}/python3"
    assert manifest["plugins"]["folder"]["path"] == "{elsewhere}/folder"
    assert manifest["host"]["package"] == "index @ file:{elsewhere}/index-1-py3-none-any.whl"
    assert "metadata" not in statement["predicate"]["runDetails"]


def test_same_artifact_has_the_same_provenance(artifact: Path, key: Key, tmp_path: Path, text: str) -> None:
    """Another time, folder and home give the same bytes: no time is in it, and the signature is deterministic."""
    (tmp_path / "other").mkdir()
    again = shutil.copy2(artifact, tmp_path / "other" / "x")
    script = (
        "import pathlib, sys\n"
        "from support.attested import attestable\n"
        "import onebin\n"
        "attestor = onebin.Attestor.read(pathlib.Path(sys.argv[2]), str)\n"
        "onebin.attest(pathlib.Path(sys.argv[1]), attestable(), attestor)\n"
    )
    env = {**os.environ, "PYTHONPATH": "tests", "HOME": str(tmp_path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", script, again, key.file], check=True, env=env)
    assert (tmp_path / "other" / "x.intoto.jsonl").read_text("utf-8") == text


def test_library_of_in_toto_reads_it(text: str) -> None:
    """The schemas of in-toto and SLSA know every field of the statement and of its predicate."""
    statement = payload_of(text)
    parsed = json_format.ParseDict(statement, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    predicate = json_format.ParseDict(statement["predicate"], provenance_pb2.Provenance())
    assert len(predicate.build_definition.resolved_dependencies) == len(named(statement))
    assert predicate.run_details.builder.id == "urn:onebin:local"


def test_openssl_checks_the_signature(tmp_path: Path, key: Key, text: str) -> None:
    """Another implementation of Ed25519 checks the signature of what DSSE says is signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    data = json.loads(text)
    payload, signature = (base64.b64decode(each) for each in (data["payload"], data["signatures"][0]["sig"]))
    signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    for name, content in {"signed": signed, "signature": signature, "pem": _pem(key).encode()}.items():
        (tmp_path / name).write_bytes(content)
    options = ["-pubin", "-inkey", "pem", "-rawin", "-in", "signed", "-sigfile", "signature"]
    subprocess.run(["openssl", "pkeyutl", "-verify", *options], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "signed").write_bytes(signed + b" ")
    wrong = subprocess.run(["openssl", "pkeyutl", "-verify", *options], cwd=tmp_path, check=False, capture_output=True)
    assert wrong.returncode != 0


def test_library_of_sigstore_checks_it(key: Key, text: str, tmp_path: Path) -> None:
    """The library of sigstore for JavaScript, where it is installed, accepts the envelope, and rejects another key."""
    find = "require.resolve('@sigstore/verify'); require.resolve('@sigstore/bundle')"
    if (
        shutil.which("node") is None
        or subprocess.run(["node", "-e", find], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs node with @sigstore/verify and @sigstore/bundle, in NODE_PATH")

    def check(other: Key) -> int:
        question = json.dumps([json.loads(text), _pem(other)])
        done = subprocess.run(
            ["node", "-e", SIGSTORE], input=question, text=True, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0 or "VerificationError" in done.stderr, done.stderr
        return done.returncode

    assert check(key) == 0
    assert check(Key.make(tmp_path, "other")) != 0


def _pem(key: Key) -> str:
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_another_artifact_under_the_name_is_not_attested(artifact: Path, key: Key) -> None:
    """If something else has replaced the artifact since it was built, nothing is written."""
    write_artifact(artifact, facts(**{**attestable(), "onebin": "2.0"}))
    with pytest.raises(PackError, match="was replaced meanwhile"):
        onebin.attest(artifact, attestable(), key.attestor)
    assert not artifact.with_name("x.intoto.jsonl").exists()


def test_folder_is_not_attested(key: Key, tmp_path: Path) -> None:
    """A bundle that makes a folder is refused before it is built."""
    text = '[bundle]\nname = "x"\n[host]\npackage = "x"\nscript = "x"\n[freeze]\nlayout = "onedir"\n'
    manifest = onebin.Manifest.parse(text, file=tmp_path / "bundle.toml")
    with pytest.raises(ManifestError) as caught:
        key.attestor.check(manifest)
    assert "makes a folder" in caught.value.findings[0].message
    assert caught.value.findings[0].hint


@pytest.mark.parametrize("builder", ["me", "", "https://example.org/a b", "urn:é"])
def test_builder_is_a_uri(key: Key, builder: str) -> None:
    """A builder that is not a URI is refused."""
    with pytest.raises(ValueError, match="not a URI"):
        onebin.Attestor(private=key.private, fingerprint=key.fingerprint, builder=builder)


def test_private_key_is_not_shown(key: Key) -> None:
    """The text of an attestor, as in a log, does not have its key."""
    assert "private" not in repr(key.attestor)


def _without(part: str) -> Facts:
    found: Any = attestable()
    return facts(**{**found, "lock": {**found["lock"], "text": found["lock"]["text"].replace(part, "")}})


@pytest.mark.parametrize("part", ['name = "index"\n', "tool.onebin.", "hashes", '"'])
def test_unusual_lock_on_a_card_is_one_error(tmp_path: Path, key: Key, part: str) -> None:
    """A card whose lock is not what this onebin writes is an ArtifactError."""
    said = _without(part)
    artifact = write_artifact(tmp_path / "y", said)
    with pytest.raises(ArtifactError, match="the lock or the manifest on the card"):
        onebin.attest(artifact, said, key.attestor)
