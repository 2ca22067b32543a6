"""Signatures are compatible with ssh-keygen in both directions, and invalid ones are refused with a reason."""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings, strategies as st

from onebin.errors import SignatureError
from onebin.trust import ed25519, keys, signature, sshsig

if TYPE_CHECKING:
    from pathlib import Path

# The key pair of RFC 8032, 7.1, TEST 1, and the signature of MESSAGE by `ssh-keygen -Y sign -n file` of OpenSSH 9.2.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
MESSAGE = b"one file, anywhere\n"
SIGNED = """\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg11qYAYKxCrfVS/7TyWQHOg7hcv
PapiMlrwIaaPcHURoAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx
OQAAAEBzUwuE1VZ/FD7XmXAqE0v/Z8S7Ycm49G5FxJtxvizNIF94GEPmZaEKmpsSeAtPp8
YHYfupWKzqZhOg7T680dkB
-----END SSH SIGNATURE-----
"""
needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def _never() -> str:
    pytest.fail("asked for a passphrase")


@pytest.fixture
def key() -> Ed25519PrivateKey:
    """Return the private key of the test vector."""
    return Ed25519PrivateKey.from_private_bytes(SEED)


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """Return the file that is signed."""
    file = tmp_path / "message"
    file.write_bytes(MESSAGE)
    return file


def _private(folder: Path, key: Ed25519PrivateKey) -> Path:
    file = folder / "id_ed25519"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(0o600)
    return file


def _public(folder: Path, key: Ed25519PrivateKey) -> Path:
    file = folder / "id_ed25519.pub"
    file.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" somebody\n")
    return file


def _keygen(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, check=False)


def test_signature_is_the_same_as_that_of_openssh(message: Path, key: Ed25519PrivateKey) -> None:
    """The same key and message give exactly the signature of ssh-keygen, which is accepted."""
    assert key.public_key().public_bytes_raw() == PUBLIC
    assert signature.sign(message, key).read_text("ascii") == SIGNED
    assert signature.check_signature(message, [PUBLIC]) == keys.fingerprint(PUBLIC)


@needs_openssh
@pytest.mark.parametrize("hashed", ["sha512", "sha256"])
def test_signature_by_ssh_keygen_is_accepted(
    message: Path, tmp_path: Path, key: Ed25519PrivateKey, hashed: str
) -> None:
    """A signature made by ssh-keygen is accepted with its public key."""
    options = ("-n", "file", "-O", f"hashalg={hashed}")
    made = _keygen("-Y", "sign", "-f", _private(tmp_path, key), *options, message)
    assert made.returncode == 0, made.stderr
    trusted = keys.read_public_keys(_public(tmp_path, key))
    assert signature.check_signature(message, trusted).encode() in _keygen("-l", "-f", _public(tmp_path, key)).stdout


@needs_openssh
def test_ssh_keygen_accepts_our_signature(message: Path, tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """ssh-keygen accepts a signature of an allowed signer, and refuses it for another file."""
    made = signature.sign(message, keys.read_private_key(_private(tmp_path, key), _never))
    allowed = tmp_path / "allowed"
    allowed.write_text(f"me@example.org {_public(tmp_path, key).read_text()}")
    check = ("-Y", "verify", "-f", allowed, "-I", "me@example.org", "-n", "file", "-s", made)
    assert _keygen(*check, stdin=MESSAGE).returncode == 0
    assert _keygen(*check, stdin=MESSAGE + b"x").returncode != 0


@needs_openssh
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_key_is_read_with_its_passphrase(tmp_path: Path, cipher: str) -> None:
    """An encrypted key of ssh-keygen is read with its passphrase, and a wrong or empty passphrase is refused."""
    file = tmp_path / "key"
    made = _keygen("-q", "-t", "ed25519", "-Z", cipher, "-a", "4", "-N", "open sesame", "-f", file)
    assert made.returncode == 0, made.stderr
    opened = keys.read_private_key(file, lambda: "open sesame")
    trusted = keys.read_public_keys(file.with_suffix(".pub"))
    assert trusted == (opened.public_key().public_bytes_raw(),)
    for wrong in ("open barley", ""):
        with pytest.raises(SignatureError, match="wrong passphrase for"):
            keys.read_private_key(file, lambda given=wrong: given)  # type: ignore[misc]  # bound early


@needs_openssh
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_keys_of_another_kind_are_refused(message: Path, tmp_path: Path, kind: str) -> None:
    """RSA and ECDSA keys are refused for signing and checking, and the error for their signatures names their type."""
    file = tmp_path / "key"
    assert _keygen("-q", "-t", kind, "-N", "", "-f", file).returncode == 0
    with pytest.raises(SignatureError, match="is not an Ed25519 key"):
        keys.read_private_key(file, _never)
    with pytest.raises(SignatureError, match=f"has no Ed25519 key, only [a-z]*-?.*{kind}"):
        keys.read_public_keys(file.with_suffix(".pub"))
    assert _keygen("-Y", "sign", "-f", file, "-n", "file", message).returncode == 0
    with pytest.raises(SignatureError, match=f"by a key of type [a-z]*-?.*{kind}"):
        signature.check_signature(message, [PUBLIC])


PRIME = 2**255 - 19


def _small_order() -> set[int]:
    """Return the y of each point whose order divides 8: the multiples of a point of order 8, by the curve's addition.

    Twice that point has y = 0, so x^2 = -y^2 and d*y^4 + 2*y^2 - 1 = 0.
    """
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    halves = [(sign * (_root(1 + d) or 0) - 1) * pow(d, -1, PRIME) % PRIME for sign in (1, -1)]
    y = next(y for half in halves if (y := _root(half)) is not None)
    x = _root(-y * y)
    assert x is not None
    point, found = (0, 1), set()
    for _ in range(8):
        crossed = d * point[0] * x * point[1] * y
        point = (
            (point[0] * y + x * point[1]) * pow(1 + crossed, -1, PRIME) % PRIME,
            (point[1] * y + point[0] * x) * pow(1 - crossed, -1, PRIME) % PRIME,
        )
        found.add(point[1])
    assert point == (0, 1)
    return found


def _root(number: int) -> int | None:
    """Return a square root modulo the prime, or None (RFC 8032, 5.1.3)."""
    root = pow(number, (PRIME + 3) // 8, PRIME)
    roots = (root, root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME)
    return next((each for each in roots if (each * each - number) % PRIME == 0), None)


@pytest.mark.parametrize("sign", [0, 1])
def test_key_of_small_order_is_refused(message: Path, tmp_path: Path, sign: int) -> None:
    """A signature that was made without a private key is refused with its key, which is a point of small order."""
    assert len(_small_order()) == 5
    for y in (*_small_order(), PRIME, PRIME + 1):
        weak = (y | sign << 255).to_bytes(32, "little")
        blob = base64.b64encode(sshsig.packed(b"ssh-ed25519", weak)).decode()
        file = tmp_path / "weak.pub"
        file.write_text(f"ssh-ed25519 {blob} somebody\n")
        with pytest.raises(SignatureError, match="a point of small order: anybody can sign with it"):
            keys.read_public_keys(file)
        forged = sshsig.Signature(key=weak, namespace="file", hash="sha512", value=(1).to_bytes(64, "little"))
        signature.signature_file(message).write_text(forged.text())
        with pytest.raises(SignatureError, match="a point of small order"):
            signature.check_signature(message, [weak])


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_keys_that_were_made_are_strong(seed: bytes) -> None:
    """The public key of a private key is never taken for a weak one."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert not ed25519.is_weak(key)


def test_changed_file_is_refused(message: Path, key: Ed25519PrivateKey) -> None:
    """A file with an additional byte does not match its signature."""
    signature.sign(message, key)
    message.write_bytes(MESSAGE + b"x")
    with pytest.raises(SignatureError, match="not the file that was signed"):
        signature.check_signature(message, [PUBLIC])


def test_untrusted_key_is_reported_with_its_fingerprint(message: Path, key: Ed25519PrivateKey) -> None:
    """A good signature by a key that is not trusted is refused with that key's fingerprint."""
    signature.sign(message, key)
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(SignatureError) as caught:
        signature.check_signature(message, [stranger])
    assert keys.fingerprint(PUBLIC) in caught.value.message
    assert signature.check_signature(message, [stranger, PUBLIC])


def test_signature_for_something_else_is_refused(message: Path, key: Ed25519PrivateKey) -> None:
    """A signature for another purpose, such as a git commit, is refused."""
    signature.sign(message, key, namespace="git")
    with pytest.raises(SignatureError, match="made for 'git', not for 'file'"):
        signature.check_signature(message, [PUBLIC])


def test_missing_signature_is_reported(message: Path) -> None:
    """A missing signature is an error that names the expected file and the remedy."""
    with pytest.raises(SignatureError, match=r"message\.sig: no such file") as caught:
        signature.check_signature(message, [PUBLIC])
    assert caught.value.hint


def test_private_and_public_keys_are_distinguished(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """A public key in place of a private one, or the reverse, is reported as such."""
    with pytest.raises(SignatureError, match="is a public key"):
        keys.read_private_key(_public(tmp_path, key), _never)
    with pytest.raises(SignatureError, match="is a private key"):
        keys.read_public_keys(_private(tmp_path, key))


def test_one_of_several_keys_is_enough(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """A signature by one of several keys is accepted; the list may have comments and keys of other types."""
    file = tmp_path / "keys"
    file.write_text(f"# of somebody\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB\n\n{_public(tmp_path, key).read_text()}")
    assert keys.read_public_keys(file) == (PUBLIC,)


@pytest.mark.parametrize("text", [b"", b"garbage", b"\xff\x00" * 99, b"ssh-ed25519 AAAA\n", b"ssh-ed25519 !\n"])
def test_garbage_is_not_a_key(tmp_path: Path, text: bytes) -> None:
    """A file that is not a key is an error of one line with a hint."""
    file = tmp_path / "key"
    file.write_bytes(text)
    with pytest.raises(SignatureError) as caught:
        keys.read_public_keys(file)
    assert caught.value.hint
    with pytest.raises(SignatureError):
        keys.read_private_key(file, _never)


@pytest.mark.parametrize("place", [".", "nowhere"])
def test_unreadable_file_is_reported(tmp_path: Path, place: str) -> None:
    """A folder or a missing file in place of a key is an error of one line."""
    for read in (lambda file: keys.read_private_key(file, _never), keys.read_public_keys):
        with pytest.raises(SignatureError, match="cannot read the key"):
            read(tmp_path / place)


def test_missing_file_is_not_signed(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    """Signing a missing file is an error of one line and leaves nothing."""
    with pytest.raises(SignatureError, match="cannot read"):
        signature.sign(tmp_path / "nowhere", key)
    assert not list(tmp_path.iterdir())


FUZZED = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FUZZED
@given(data=st.data())
def test_changed_signature_is_refused(message: Path, data: st.DataObject) -> None:
    """A changed signature is refused, unless the change does not affect its content."""
    text = bytearray(SIGNED.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    signature.signature_file(message).write_bytes(text)
    try:
        signature.check_signature(message, [PUBLIC])
    except SignatureError:
        return
    assert sshsig.parse(text.decode("ascii")) == sshsig.parse(SIGNED)


@FUZZED
@given(data=st.data())
def test_changed_key_is_refused_with_a_reason(tmp_path: Path, data: st.DataObject) -> None:
    """A changed private key file is either refused with a SignatureError or still a valid key."""
    file = _private(tmp_path, Ed25519PrivateKey.from_private_bytes(SEED))
    text = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(32, 126))
    file.write_bytes(text)
    try:
        keys.read_private_key(file, lambda: "x")
    except SignatureError:
        return


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_signature_or_a_value_error(text: str) -> None:
    """Reading any text as a signature raises only ValueError, with and without armour."""
    for each in (text, f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"):
        try:
            sshsig.parse(each)
        except ValueError:
            continue
