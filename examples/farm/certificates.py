"""Make certificates for a farm: an authority, and one certificate each for scheduler, workers and clients.

    python certificates.py FOLDER HOST...

FOLDER gets ca.pem, which everybody trusts, and a folder for each role with ca.pem, cert.pem and key.pem. Give each
machine the folder of its role only, and nobody the key of the authority: it is not written. The certificates are valid
for a year, for the hosts that you name and for loopback.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ROLES = ("scheduler", "worker", "client")
YEAR = timedelta(days=365)


def main(folder: Path, hosts: list[str]) -> None:
    """Write the certificates of a new authority."""
    authority = generate_private_key(SECP256R1())
    issuer = _name("onebin farm")
    own_key = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_key)
    authority_only = x509.BasicConstraints(ca=True, path_length=0)
    trusted = _certificate(issuer, issuer, authority, authority, [authority_only, own_key])
    for role in ROLES:
        key = generate_private_key(SECP256R1())
        names = [_host(host) for host in ("localhost", "127.0.0.1", *hosts)]
        certificate = _certificate(_name(role), issuer, key, authority, [x509.SubjectAlternativeName(names), signed_by])
        own = folder / role
        own.mkdir(parents=True)
        (own / "ca.pem").write_bytes(trusted)
        (own / "cert.pem").write_bytes(certificate)
        (own / "key.pem").touch(mode=0o600)
        (own / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "ca.pem").write_bytes(trusted)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    signer: EllipticCurvePrivateKey,
    extensions: list[x509.ExtensionType],
) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + YEAR)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, SHA256()).public_bytes(Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
