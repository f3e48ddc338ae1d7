"""What ``doctor`` finds about TLS: our own certificate, and on request how each peer answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from foedus.compose import Wired
from foedus.exchange.certificate import CertificateFacts, read_certificate
from foedus.exchange.errors import CertificateError
from foedus.exchange.http_signature import WINDOW_S
from foedus.exchange.own_tls import CertificateFiles, files_shown, read_own_pins
from foedus.node.doctor import FAULT, GOOD, NOTE, DoctorFinding
from foedus.node.endpoints import endpoints
from foedus.node.peer_ports import PeerEndpoint, PeerError

__all__ = ["EXPIRES_SOON", "SKEW_NOTED", "own_findings", "peer_findings"]

EXPIRES_SOON: Final = timedelta(days=30)
"""How long before its end a certificate is spoken of."""

SKEW_NOTED: Final = timedelta(seconds=5)
"""From which difference on a peer's clock is spoken of."""

_AT_ONCE: Final = 8
_RENEW: Final = "`foedus keys renew --new tls` makes another"


def own_findings(wired: Wired) -> Iterator[DoctorFinding]:
    """Say whether others can open a TLS connection to this node, by what they know of it."""
    settings, node = wired.settings, wired.node
    if not settings.address.startswith("https://"):
        return
    now = node.clock.now()
    with node.database.read() as tx:
        pins = node.law.view(tx).pins(settings.member, now)
    if not pins:
        yield DoctorFinding(
            level=NOTE if pins is None else FAULT,
            subject="tls pins",
            text="none: others ask a public authority who this node is; `foedus keys pin FILE`"
            if pins is None
            else f"none is in force: others refuse every certificate of this node; {_RENEW}",
        )
    if settings.proxy_tls:
        yield DoctorFinding(
            level=NOTE, subject="tls certificate", text="shown by a proxy in front, not seen here"
        )
        return
    try:
        files = _shown(wired)
        if files is None:
            level, text = NOTE, f"none: this node speaks plain HTTP; {_RENEW}"
        else:
            level, text = _judged(read_certificate(files.certificate.read_bytes()), wired, pins)
    except (CertificateError, OSError) as error:
        level, text = FAULT, f"{error}; {_RENEW}"
    yield DoctorFinding(level=level, subject="tls certificate", text=text)


def peer_findings(wired: Wired) -> list[DoctorFinding]:
    """Ask each peer's node whether it answers, with which key, and what its clock says."""
    node = wired.node
    with node.database.read() as tx:
        peers = endpoints(tx, node)
    if not peers:
        return []
    _ = wired.client  # made here, once, for all threads
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="foedus-probe") as pool:
        return list(pool.map(lambda peer: _probed(wired, peer), peers))


def _shown(wired: Wired) -> CertificateFiles | None:
    settings = wired.settings
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return CertificateFiles(certificate=settings.tls_certificate, key=settings.tls_key)
    return files_shown(settings.keys, read_own_pins(settings.keys), wired.node.clock.now())


def _judged(facts: CertificateFacts, wired: Wired, pins: frozenset[str] | None) -> tuple[str, str]:
    now = wired.node.clock.now()
    until = f"{facts.not_after:%Y-%m-%d}"
    if pins is not None and facts.spki not in pins:
        return FAULT, (
            f"its key sha256:{facts.spki} is not pinned, so others refuse it; `foedus keys pin "
            "FILE` names it"
        )
    if not facts.covers(now):
        return FAULT, f"outside its dates (until {until}), so others refuse it; {_RENEW}"
    if facts.not_after - now < EXPIRES_SOON:
        return NOTE, f"ends soon, on {until}; {_RENEW}"
    return GOOD, f"valid until {until}, key sha256:{facts.spki}"


def _probed(wired: Wired, peer: PeerEndpoint) -> DoctorFinding:
    subject = f"wire {peer.member}"
    try:
        skew = wired.client.clock_of(peer)
    except PeerError as error:
        return DoctorFinding(level=FAULT, subject=subject, text=str(error))
    if skew is None:
        return DoctorFinding(level=NOTE, subject=subject, text="answers without a date")
    seconds = round(skew.total_seconds())
    ahead = f"its clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(skew) > timedelta(seconds=WINDOW_S):
        text = f"{ahead}: signed requests are refused beyond {WINDOW_S} s; correct one of the two"
        return DoctorFinding(level=FAULT, subject=subject, text=text)
    if abs(skew) > SKEW_NOTED:
        return DoctorFinding(level=NOTE, subject=subject, text=ahead)
    secure = "its pinned key" if peer.address.startswith("https://") else "plain HTTP"
    return DoctorFinding(level=GOOD, subject=subject, text=f"answers, {secure}, clocks agree")
