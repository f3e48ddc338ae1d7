"""Certificates of TLS: one is made, and of any the public key and the dates are read.

Beside ML-DSA the one module that asks the ``cryptography`` library for anything, loaded at first
use. What a certificate says about names is not looked at here: between nodes its public key is
pinned, and for everybody else the library of TLS checks the chain.

Spec: RFC 5280; RFC 7469 §2.4 for the hash of a public key.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from foedus.exchange.errors import CertificateError

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["BACKDATED", "MADE_FOR", "CertificateFacts", "make_certificate", "read_certificate"]

MADE_FOR: Final = timedelta(days=3650)
"""How long a certificate made here is valid: its key is changed by full powers, not by its end."""

BACKDATED: Final = timedelta(days=1)
"""How far its validity begins in the past, so that a peer whose clock is behind takes it."""

_MAX_BYTES: Final = 256 * 1024
_PEM: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What is read of a certificate.

    Attributes:
        spki: SHA-256 of its SubjectPublicKeyInfo, 64 hex digits: what a pin names.
        not_before: First second of its validity; aware UTC.
        not_after: Last second of it.
        self_signed: Whether it names itself as its issuer.
    """

    spki: str
    not_before: datetime
    not_after: datetime
    self_signed: bool

    def covers(self, at: datetime) -> bool:
        """Say whether an aware instant lies in its validity (RFC 5280 §4.1.2.5)."""
        return self.not_before <= at < self.not_after + timedelta(seconds=1)


def make_certificate(host: str, *, now: datetime) -> tuple[bytes, bytes]:
    """Make a key (ECDSA P-256) and a certificate signed by itself, for a host.

    Args:
        host: Name or IP address under which the node is reached.
        now: The present instant; aware.

    Returns:
        Private key and certificate, PEM.

    Raises:
        CertificateError: The host is none that a certificate can name.
    """
    from cryptography import x509  # noqa: PLC0415  # only where certificates are used
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "foedus node")])
    try:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + MADE_FOR)
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )
    except ValueError as error:
        raise CertificateError(f"no certificate can be made for {host[:60]!r}") from error
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(encoding)


def read_certificate(raw: bytes) -> CertificateFacts:
    """Read a certificate.

    Args:
        raw: DER, or PEM whose first certificate is read; untrusted.

    Raises:
        CertificateError: It is none.
    """
    from cryptography import x509  # noqa: PLC0415  # only where certificates are used
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    if len(raw) > _MAX_BYTES:
        raise CertificateError(f"a certificate of more than {_MAX_BYTES} bytes is not read")
    try:
        read = x509.load_pem_x509_certificate if _PEM in raw else x509.load_der_x509_certificate
        certificate = read(raw)
        spki = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return CertificateFacts(
            spki=hashlib.sha256(spki).hexdigest(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            self_signed=certificate.issuer == certificate.subject,
        )
    except Exception as error:  # the library has many; any of them means the same here
        raise CertificateError("this is no certificate that can be read") from error


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415  # only where certificates are used

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
