"""Which certificate this node shows, and which keys its full powers are to name.

State is one file, ``tls.toml`` among the keys: each pin of ours with its validity and, for a
certificate made here, the name of its two files and since when it is shown. Rotation is written
there as a whole: the new pin holds at once, the old one until the overlap ends, and the node goes
over from one certificate to the other half way between. So who learned of the new pin by then is
never cut off, and a node that was stopped meanwhile does the same after it starts.

A certificate of one's own comes from the settings; it is read again when its file changes.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foedus.clock import InstantError, instant_text, parse_instant
from foedus.exchange.certificate import make_certificate, read_certificate
from foedus.exchange.errors import CertificateError
from foedus.signing.errors import KeyringError
from foedus.signing.pins import MAX_PINS, TLSPin

if TYPE_CHECKING:
    import ssl

__all__ = [
    "CIPHERS",
    "CertificateFiles",
    "OwnPin",
    "ServerTLS",
    "add_pin",
    "files_shown",
    "make_pair",
    "read_own_pins",
    "write_own_pins",
]

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Ciphers of TLS 1.2: authenticated ones with forward secrecy. Those of TLS 1.3 are all such."""

_STATE: Final = "tls.toml"
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where a certificate and its private key are; both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPin:
    """One pin of ours.

    Attributes:
        pin: As full powers name it.
        stem: Name of the files of a certificate made here, without their endings; "" for a
            certificate of one's own, or a proxy's.
        shown_from: From when a certificate made here is shown.
    """

    pin: TLSPin
    stem: str
    shown_from: datetime


def make_pair(keys: Path, host: str, *, now: datetime, shown_from: datetime) -> OwnPin:
    """Make a key and a certificate, in files of their own; nothing names them yet.

    Raises:
        CertificateError: The host cannot be named, or a file cannot be written.
    """
    private, certificate = make_certificate(host, now=now)
    spki = read_certificate(certificate).spki
    stem = f"tls-{spki[:12]}"
    try:
        _write(keys / f"{stem}.key", private)
        _write(keys / f"{stem}.crt", certificate)
    except OSError as error:
        raise CertificateError(f"the certificate cannot be written: {error}") from error
    return OwnPin(pin=TLSPin(spki=spki, valid_from=now), stem=stem, shown_from=shown_from)


def add_pin(
    own: Sequence[OwnPin], new: OwnPin, *, now: datetime, others_end: datetime | None
) -> tuple[OwnPin, ...]:
    """Return our pins with another one.

    Args:
        own: What they are now.
        new: The other one; it takes the place of one for the same key.
        now: The present instant; pins that are over are dropped.
        others_end: When the others end at the latest; None to leave them as they are.

    Raises:
        CertificateError: There would be too many.
    """
    kept = []
    for each in own:
        until = each.pin.valid_until
        if others_end is not None:
            until = others_end if until is None else min(until, others_end)
        if each.pin.spki != new.pin.spki and (until is None or now < until):
            kept.append(replace(each, pin=replace(each.pin, valid_until=until)))
    if len(kept) >= MAX_PINS:
        raise CertificateError(f"there are {MAX_PINS} pins already; end some (--only)")
    return tuple(sorted((*kept, new), key=lambda each: each.pin.spki))


def files_shown(keys: Path, own: Sequence[OwnPin], now: datetime) -> CertificateFiles | None:
    """Return which certificate made here is shown now: the newest whose turn has come, if any."""
    made = [each for each in own if each.stem and each.pin.covers(now)]
    if not made:
        return None
    due = [each for each in made if each.shown_from <= now]
    chosen = max(due or made, key=lambda each: (each.shown_from, each.pin.spki))
    return CertificateFiles(
        certificate=keys / f"{chosen.stem}.crt", key=keys / f"{chosen.stem}.key"
    )


def read_own_pins(keys: Path) -> tuple[OwnPin, ...]:
    """Read our pins; empty where none was ever made or named.

    Raises:
        CertificateError: The file is damaged.
    """
    path = keys / _STATE
    try:
        raw = tomllib.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CertificateError(f"{path.name} cannot be read: {error}") from error
    try:
        return tuple(_parsed(each) for each in raw.get("pin", []))
    except (KeyError, TypeError, AttributeError, InstantError, KeyringError) as error:
        raise CertificateError(f"{path.name} is damaged: {error}") from error


def write_own_pins(keys: Path, own: Sequence[OwnPin]) -> None:
    """Write our pins, whole or not at all.

    Raises:
        CertificateError: The file cannot be written.
    """
    lines = ["# Pins of this node's TLS. Written by `foedus keys`; change nothing by hand."]
    for each in own:
        lines += ["", "[[pin]]", f'spki_sha256 = "{each.pin.spki}"', f'files = "{each.stem}"']
        lines.append(f'valid_from = "{instant_text(each.pin.valid_from)}"')
        if each.pin.valid_until is not None:
            lines.append(f'valid_until = "{instant_text(each.pin.valid_until)}"')
        lines.append(f'shown_from = "{instant_text(each.shown_from)}"')
    draft = keys / f"{_STATE}.new"
    try:
        draft.unlink(missing_ok=True)
        _write(draft, ("\n".join(lines) + "\n").encode("ascii"))
        draft.replace(keys / _STATE)
        directory = os.open(keys, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise CertificateError(f"{_STATE} cannot be written: {error}") from error


class ServerTLS:
    """The TLS of this node's server. One for each process; it follows rotation by itself."""

    __slots__ = ("_chosen", "_loaded", "context")

    context: ssl.SSLContext
    _loaded: tuple[object, ...]

    def __init__(self, chosen: Callable[[], CertificateFiles | None]) -> None:
        """Load the certificate to be shown now.

        Args:
            chosen: Returns which one that is at the present instant.

        Raises:
            CertificateError: There is none, or it cannot be loaded.
        """
        import ssl  # noqa: PLC0415  # most commands serve nothing

        self._chosen = chosen
        self._loaded = ()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers(CIPHERS)
        self.context.set_alpn_protocols(["http/1.1"])
        # Every connection shows the certificate: none is taken up again from before a rotation.
        self.context.num_tickets = 0
        self.context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        self.refresh()

    def refresh(self) -> bool:
        """Load the certificate that is to be shown now, if it is another or its file changed.

        Connections that are open keep what they were shown.

        Returns:
            Whether it was loaded.

        Raises:
            CertificateError: There is none, or it cannot be loaded; the one before goes on.
        """
        import ssl  # noqa: PLC0415  # as above

        files = self._chosen()
        if files is None:
            raise CertificateError("no certificate of this node is pinned now (`foedus keys list`)")
        try:
            state = tuple(
                (path, path.stat().st_mtime_ns) for path in (files.certificate, files.key)
            )
            if state == self._loaded:
                return False
            # Elsewhere first: one that fails leaves a context without any key. A passphrase is
            # never asked for on a terminal: the server has none.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CertificateError(
                f"the certificate {files.certificate.name} with its key {files.key.name} cannot be "
                f"used: {error}"
            ) from error
        self._loaded = state
        return True


def _parsed(each: dict[str, str]) -> OwnPin:
    until = each.get("valid_until")
    stem, spki = each["files"], each["spki_sha256"]
    if "/" in stem:
        raise CertificateError(f"{_STATE} is damaged")
    return OwnPin(
        pin=TLSPin(
            spki=spki,
            valid_from=parse_instant(each["valid_from"]),
            valid_until=None if until is None else parse_instant(until),
        ),
        stem=stem,
        shown_from=parse_instant(each["shown_from"]),
    )


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
