"""Connections to members' nodes, opened only to the keys pinned for them.

Rules, in the order the code applies them:

1. What is pinned for a member is asked for each request, so that a pin that ended, or full powers
   that came meanwhile, count at once: connections opened under other pins are closed first.
2. Where no pin was ever named, the certificate must be one of a public authority, for the host.
3. Else the key of the certificate must be a pinned one, and the certificate within its own dates.
   Host name and issuer do not matter: the member's authority named the key.
4. This is checked before anything is sent, since a signed request is a proof of who we are. With
   TLS 1.3 the handshake ends for the client before the server has looked at anything.

Plain HTTP, to this machine only, has no certificate and is not checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

import httpx

from foedus.clock import Clock
from foedus.errors import FoedusError
from foedus.exchange.certificate import CertificateFacts, read_certificate
from foedus.exchange.errors import CertificateError
from foedus.exchange.transport import http_client, pinned_client
from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerCertificateError

__all__ = ["Connections", "PinsOf", "check_pinned", "no_pins"]

PinsOf = Callable[[MemberId], "frozenset[str] | None"]
"""Which keys a member's node may show now; None if it never named one."""

Told = Callable[[MemberId, str], None]
"""Told what is wrong with a member's certificate, or "" once it is right."""

_LOG: Final = logging.getLogger("foedus.exchange")


def no_pins(_member: MemberId) -> frozenset[str] | None:
    """Say that no member ever named a pin."""
    return None


@dataclass(slots=True, kw_only=True)
class _Pool:
    pins: frozenset[str]
    http: httpx.Client


@dataclass(slots=True, kw_only=True)
class Connections:
    """Every connection of this node to others; safe for several threads.

    Attributes:
        clock: Says whether a certificate is within its dates.
        pins: What is pinned for a member now.
        told: Told of a wrong certificate, and of a right one after that.
    """

    clock: Clock
    pins: PinsOf = no_pins
    told: Told | None = None
    _public: httpx.Client = field(default_factory=http_client, repr=False)
    _pools: dict[MemberId, _Pool] = field(default_factory=dict, repr=False)
    _states: dict[MemberId, str] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def to(self, member: MemberId) -> Iterator[httpx.Client]:
        """Yield the client that speaks to a member under the pins in force now.

        Raises:
            PeerCertificateError: From the block, where a certificate is not one pinned.
        """
        pins = self.pins(member)
        try:
            yield self._public if pins is None else self._pinned(member, pins)
        except PeerCertificateError as error:
            self._tell(member, str(error))
            raise
        if pins is not None:
            self._tell(member, "")

    def close(self) -> None:
        """Close every connection."""
        self._public.close()
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.http.close()

    def _pinned(self, member: MemberId, pins: frozenset[str]) -> httpx.Client:
        with self._lock:
            known = self._pools.get(member)
            if known is not None and known.pins == pins:
                return known.http

            def accept(certificate: bytes) -> None:
                check_pinned(certificate, pins, who=str(member), now=self.clock.now())

            fresh = self._pools[member] = _Pool(pins=pins, http=pinned_client(accept))
        if known is not None:
            known.http.close()  # rule 1: also what is under way ends
        return fresh.http

    def _tell(self, member: MemberId, text: str) -> None:
        """Pass on a change; a member whose certificate is right is told of once."""
        if self.told is None or self._states.get(member) == text:
            return
        self._states[member] = text
        try:
            self.told(member, text)
        except FoedusError as error:  # what went wrong is raised to the caller in any case
            _LOG.warning("certificate peer=%s alarm not kept: %s", member, error.code)
            self._states.pop(member, None)


def check_pinned(certificate: bytes, pins: frozenset[str], *, who: str, now: datetime) -> None:
    """Return if a certificate is one that is pinned, or say what came and what was expected.

    Args:
        certificate: As shown, DER; untrusted.
        pins: Those in force.
        who: For the message.
        now: The present instant; aware.

    Raises:
        PeerCertificateError: Its key is not pinned, or it is outside its own dates (rule 3).
    """
    try:
        facts = read_certificate(certificate)
    except CertificateError as error:
        raise PeerCertificateError(f"{who} showed a certificate that cannot be read") from error
    if facts.spki not in pins:
        pinned = ", ".join(f"sha256:{pin}" for pin in sorted(pins)) or "none is in force"
        raise PeerCertificateError(
            f"{who} showed a certificate that is not its own: the key that came is "
            f"sha256:{facts.spki}; pinned by its instruments: {pinned}. Nothing was sent. Ask that "
            "member by another channel: its key was changed, or somebody stands in between"
        )
    if not facts.covers(now):
        raise PeerCertificateError(
            f"{who} showed a certificate that is {_when(facts, now)}, for the pinned key "
            f"sha256:{facts.spki}. Nothing was sent. That member renews it, or a clock is wrong"
        )


def _when(facts: CertificateFacts, now: datetime) -> str:
    if now < facts.not_before:
        return f"valid from {facts.not_before:%Y-%m-%d %H:%M} only"
    return f"over since {facts.not_after:%Y-%m-%d %H:%M}"
