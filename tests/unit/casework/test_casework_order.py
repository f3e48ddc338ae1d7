"""Orders and attestations as documents: what is signed is what is read, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes, parse_json
from foedus.casework.attestation import (
    ATTESTATION_TYPE,
    Attestation,
    Beyond,
    BeyondKind,
    Kept,
    Outcome,
    ReservedGround,
    open_attestation,
    read_attestation,
    sign_attestation,
)
from foedus.casework.errors import AttestationError, CaseCourseError, CaseworkError, OrderError
from foedus.casework.order import (
    MAX_LINES,
    ORDER_TYPE,
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    Replacement,
    claimed_originator,
    digest_of,
    open_order,
    order_name,
    read_order,
    sign_order,
)
from foedus.casework.order_course import TRANSITIONS, OrderEvent, OrderState, next_state
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.signing import Envelope, PublicKey, SigningKey, sign_envelope

GOLDEN = Path(__file__).parents[2] / "golden" / "casework"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB = MemberId("XA"), MemberId("XB")
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(range(1, 33)))


def item(number: int) -> ObjectId:
    return ObjectId(f"indicator--00000000-0000-4000-8000-{number:012d}")


VERSION = "2026-11-20T00:00:00.000Z"
ORDER = Order(
    exercise=True,
    name=order_name(XA, 2026, 7),
    action=OrderAction.RECALL,
    originator=XA,
    holder=XB,
    treaty=TreatyId("ab" * 32),
    article=ArticleId("21"),
    at=NOW,
    due=NOW + timedelta(days=3),
    life=False,
    reason=OrderReason.WRONG,
    lines=(OrderLine(object_id=item(1), versions=(VERSION,)),),
)
CORRECTION = replace(
    ORDER,
    action=OrderAction.CORRECT,
    lines=(
        OrderLine(
            object_id=item(1),
            versions=(VERSION,),
            replacement=Replacement(
                object_id=item(1), version="2026-11-21T00:00:00.000Z", sha256="cd" * 32
            ),
        ),
    ),
)
ATTESTATION = Attestation(
    exercise=True,
    order=ORDER.name,
    order_digest="ef" * 32,
    holder=XB,
    originator=XA,
    received=NOW,
    executed=NOW + timedelta(minutes=1),
    at=NOW + timedelta(minutes=2),
    outcome=Outcome.IN_PART,
    counts={"selectors": 3, "versions": 2},
    kept=(Kept(ground=ReservedGround.COURT_FILE, items=1, until=NOW + timedelta(days=30)),),
    beyond=(Beyond(kind=BeyondKind.EXPORT, count=1),),
    passed_on=(MemberId("XC"),),
    final=False,
)


def test_an_order_is_read_as_it_was_signed() -> None:
    for order in (ORDER, CORRECTION):
        envelope = sign_order(order, KEY)
        assert open_order(envelope, (OTHER.public, KEY.public)) == order
        assert read_order(envelope.payload) == order
        assert claimed_originator(envelope) == (XA, NOW)
        assert len(digest_of(envelope)) == 64
        with pytest.raises(OrderError):
            open_order(envelope, (OTHER.public,))
        with pytest.raises(OrderError):
            open_order(envelope, ())


def test_an_attestation_is_read_as_it_was_signed() -> None:
    envelope = sign_attestation(ATTESTATION, KEY)
    assert open_attestation(envelope, (KEY.public,)) == ATTESTATION
    assert read_attestation(envelope.payload) == ATTESTATION
    with pytest.raises(AttestationError):
        open_attestation(envelope, (OTHER.public,))


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("order", sign_order(ORDER, KEY).payload),
        ("correction", sign_order(CORRECTION, KEY).payload),
        ("attestation", sign_attestation(ATTESTATION, KEY).payload),
    ],
)
def test_the_bytes_that_are_signed_stay_what_they_are(name: str, payload: bytes) -> None:
    assert payload == (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("ordered of itself", {"holder": XA}),
        ("named as another member names", {"name": "XB-O-2026-00007"}),
        ("not named as orders are", {"name": "XA-2026-00007"}),
        ("due when it is given", {"due": NOW}),
        ("naming nothing", {"lines": ()}),
        ("naming an item twice", {"lines": ORDER.lines * 2}),
        (
            "naming items out of order",
            {"lines": tuple(OrderLine(object_id=item(n), versions=(VERSION,)) for n in (2, 1))},
        ),
        ("naming no version", {"lines": (OrderLine(object_id=item(1), versions=()),)}),
        (
            "naming versions out of order",
            {"lines": (OrderLine(object_id=item(1), versions=("b", "a")),)},
        ),
        ("a recall that replaces", {"lines": CORRECTION.lines}),
        ("a correction without what replaces", {"action": OrderAction.CORRECT}),
        ("an expiry without a day", {"action": OrderAction.EXPIRE}),
        (
            "a recall with a day",
            {"lines": (OrderLine(object_id=item(1), versions=(VERSION,), expiry=NOW),)},
        ),
        (
            "naming too many",
            {
                "lines": tuple(
                    OrderLine(object_id=item(n), versions=(VERSION,)) for n in range(MAX_LINES + 1)
                )
            },
        ),
    ],
)
def test_an_order_that_makes_no_sense_is_not_signed(why: str, change: dict[str, Any]) -> None:
    with pytest.raises(OrderError):
        sign_order(replace(ORDER, **change), KEY)
    assert why


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("attested to itself", {"holder": XA}),
        ("carried out before it was received", {"executed": NOW - timedelta(seconds=1)}),
        ("signed before it was carried out", {"at": NOW}),
        ("with a count of nothing", {"counts": {"versions": 0}}),
        ("with a store that is no word", {"counts": {"The Store": 1}}),
        ("with a digest that is none", {"order_digest": "ef"}),
        ("with members out of order", {"passed_on": (MemberId("XD"), MemberId("XC"))}),
    ],
)
def test_an_attestation_that_makes_no_sense_is_not_signed(why: str, change: dict[str, Any]) -> None:
    with pytest.raises(AttestationError):
        sign_attestation(replace(ATTESTATION, **change), KEY)
    assert why


@pytest.mark.parametrize("which", ["order", "attestation"])
@pytest.mark.parametrize(
    "change",
    [
        {"remark": "call me"},
        {"v": 2},
        {"kind": "other"},
        {"exercise": "yes"},
        {"lines": None, "counts": None},
        {"reason": "because", "outcome": "done"},
        {"due": "tomorrow", "executed": "tomorrow"},
        {"lines": [{"id": "x", "versions": ["a"]}], "kept": [{"ground": "memory", "items": 1}]},
    ],
)
def test_a_document_with_other_fields_is_refused(which: str, change: dict[str, Any]) -> None:
    signed = sign_order(ORDER, KEY) if which == "order" else sign_attestation(ATTESTATION, KEY)
    body = parse_json(signed.payload)
    assert isinstance(body, dict)
    kind = ORDER_TYPE if which == "order" else ATTESTATION_TYPE
    envelope = sign_envelope(canonical_bytes({**body, **change}), kind, KEY)
    opened: Callable[[Envelope, tuple[PublicKey, ...]], object] = (
        open_order if which == "order" else open_attestation
    )
    with pytest.raises(CaseworkError):
        opened(envelope, (KEY.public,))


def test_one_document_is_not_taken_for_another() -> None:
    for payload, kind in (
        (sign_order(ORDER, KEY).payload, ATTESTATION_TYPE),
        (sign_attestation(ATTESTATION, KEY).payload, ORDER_TYPE),
    ):
        envelope = sign_envelope(payload, kind, KEY)
        with pytest.raises(OrderError):
            open_order(envelope, (KEY.public,))
        with pytest.raises(AttestationError):
            open_attestation(envelope, (KEY.public,))


@settings(max_examples=80, deadline=None)
@given(
    payload=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_readers_raise_their_own_errors_only(payload: bytes) -> None:
    for kind in (ORDER_TYPE, ATTESTATION_TYPE):
        envelope = sign_envelope(payload, kind, KEY)
        with pytest.raises(OrderError):
            open_order(envelope, (KEY.public,))
        with pytest.raises(OrderError):
            claimed_originator(envelope)
        with pytest.raises(AttestationError):
            open_attestation(envelope, (KEY.public,))


def test_a_thousand_lines_fit_one_document() -> None:
    lines = tuple(
        replace(
            CORRECTION.lines[0], object_id=item(n), versions=(VERSION, "2026-11-20T01:00:00.000Z")
        )
        for n in range(MAX_LINES)
    )
    order = replace(CORRECTION, lines=lines)
    assert open_order(sign_order(order, KEY), (KEY.public,)) == order


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("event", list(OrderEvent))
def test_only_what_the_table_says_follows(state: OrderState, event: OrderEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(CaseCourseError):
            next_state(state, event)
