"""Protocol acts: what members say about the cooperation itself, permitted by fixed rules.

No treaty article decides these, since they must work before a treaty binds, after it ended and
while a picture is stale. Each is logged like every disclosure, and none carries case content:

1. *Instruments* travel in the instrument lane, which carries nothing else.
2. *Orders*, *attestations* and *discrepancies* travel in the order lane, which carries nothing
   else.
3. The bulk lane carries no protocol act. Requests and answers tell of a case: an article decides
   them.
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

__all__ = ["LANE_KINDS", "check_protocol_act"]

LANE_KINDS: Final[Mapping[str, frozenset[FoedusKind]]] = MappingProxyType(
    {
        "instruments": frozenset({FoedusKind.INSTRUMENT}),
        "orders": frozenset({FoedusKind.ORDER, FoedusKind.ATTESTATION, FoedusKind.DISCREPANCY}),
        "bulk": frozenset(),
    }
)
"""Which protocol acts each lane carries."""


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
    if again != document.raw:
        raise ProtocolActError(f"the {kind.value} is not in its one form: it may carry more")
    return kind
