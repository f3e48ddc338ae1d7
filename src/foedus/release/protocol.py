"""Protocol acts: what members say about the cooperation itself, permitted by fixed rules.

No treaty article decides these, since they must work before a treaty binds, after it ended and
while a picture is stale. Each is logged like every disclosure, and none carries case content:

1. *Instruments* travel in the instrument lane, which carries nothing else.
2. *Orders*, *attestations* and *discrepancies* travel in the order lane, and with them the requests
   and answers about items already given that :data:`CASE_ACTS` names; it carries nothing else.
3. The bulk lane carries no protocol act. Every other request or answer tells of a case: an article
   decides it.
4. A document is exactly the wrapper of a signed payload of its kind, to the byte: nothing rides
   along outside what is signed. Whether the signature is good is for whoever made or reads it.

Spec: design §5, §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from foedus.model.kinds import (
    FoedusKind,
    KindError,
    kind_of,
    unwrap_document,
    wrap_document,
)
from foedus.model.objects import StixObject
from foedus.release.errors import ProtocolActError
from foedus.signing.envelope import parse_envelope
from foedus.signing.errors import EnvelopeError

__all__ = ["CASE_ACTS", "LANE_KINDS", "check_protocol_act"]

LANE_KINDS: Final[Mapping[str, frozenset[FoedusKind]]] = MappingProxyType(
    {
        "instruments": frozenset({FoedusKind.INSTRUMENT}),
        "orders": frozenset(
            {
                FoedusKind.ORDER,
                FoedusKind.ATTESTATION,
                FoedusKind.DISCREPANCY,
                FoedusKind.REQUEST,
                FoedusKind.ANSWER,
            }
        ),
        "bulk": frozenset(),
    }
)
"""Which protocol acts each lane carries."""

CASE_ACTS: Final[Mapping[str, FoedusKind]] = MappingProxyType(
    {
        "application/vnd.foedus.order+json;v=1": FoedusKind.ORDER,
        "application/vnd.foedus.residual-order+json;v=1": FoedusKind.ORDER,
        "application/vnd.foedus.attestation+json;v=1": FoedusKind.ATTESTATION,
        "application/vnd.foedus.onward-notice+json;v=1": FoedusKind.ATTESTATION,
        "application/vnd.foedus.consent-request+json;v=1": FoedusKind.REQUEST,
        "application/vnd.foedus.consent-answer+json;v=1": FoedusKind.ANSWER,
        "application/vnd.foedus.consent-withdrawal+json;v=1": FoedusKind.ANSWER,
        "application/vnd.foedus.request-status+json;v=1": FoedusKind.ANSWER,
        "application/vnd.foedus.challenge+json;v=1": FoedusKind.REQUEST,
        "application/vnd.foedus.challenge-status+json;v=1": FoedusKind.ANSWER,
    }
)
"""Payload type → the kind that carries it. Of requests and answers the order lane carries these
alone: they hold ids the other side gave or was given, closed words, instants and figures; a request
that tells of a case is an item, and an article decides it."""


_CASE_KINDS: Final = frozenset({FoedusKind.REQUEST, FoedusKind.ANSWER})
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def check_protocol_act(document: StixObject, lane: str) -> FoedusKind:
    """Return the kind of a document that may travel in a lane without an article, or raise.

    Raises:
        ProtocolActError: It is no protocol act, not well formed, or not for that lane.
    """
    kind = kind_of(document)
    if kind is None:
        raise ProtocolActError(f"{document.type[:40]!r} is no protocol act: an article decides it")
    if kind not in LANE_KINDS.get(lane, frozenset()):
        raise ProtocolActError(f"the lane {lane[:40]!r} carries no {kind.value}")
    try:
        envelope = parse_envelope(unwrap_document(document))
        again = wrap_document(
            kind,
            envelope.document(),
            payload=envelope.payload,
            issued=document.created or _NEVER,
        )
    except (KindError, EnvelopeError) as error:
        raise ProtocolActError(str(error)) from error
    if kind in _CASE_KINDS and CASE_ACTS.get(envelope.payload_type) is not kind:
        raise ProtocolActError(f"no {kind.value} of that payload type travels without an article")
    if again != document.raw:
        raise ProtocolActError(f"the {kind.value} is not in its one form: it may carry more")
    return kind
