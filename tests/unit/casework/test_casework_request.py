"""Requests for information and words on them: one form on the wire, and nothing else is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.casework.errors import RequestError
from foedus.casework.request import (
    MAX_DESCRIPTION,
    REQUEST_TYPE,
    ItemName,
    Request,
    Urgency,
    answer_time,
    claimed_instant,
    open_request,
    request_name,
    sign_request,
)
from foedus.casework.request_status import (
    STATUS_TYPE,
    Feedback,
    Ground,
    RequestStatus,
    Word,
    open_status,
    sign_status,
)
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, statement_of, wrap_object
from foedus.model.objects import StixObject
from foedus.model.observables import mentions_of, selectors_of
from foedus.model.selectors import SelectorKind, normalise
from foedus.release.facts import holds_personal_data
from foedus.release.redact import residue
from foedus.signing.envelope import Envelope, sign_envelope
from foedus.signing.keys import SigningKey
from foedus.treaty.clocks import CaseClocks

GOLDEN = Path(__file__).parents[2] / "golden" / "casework"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
XA, XB = MemberId("XA"), MemberId("XB")
KEY = SigningKey.from_seed(hashlib.sha256(b"a node of XA").digest())
ITEM = ItemName(
    object_id=ObjectId("indicator--00000000-0000-4000-8000-000000000001"),
    version="2026-11-20T00:00:00.000Z",
)
REQUEST = Request(
    exercise=True,
    name="XA-R-2026-00007",
    asker=XA,
    asked=XB,
    treaty=TreatyId("a" * 64),
    article=ArticleId("8"),
    purpose="investigation",
    offence="financing",
    legal_basis="Act 1, section 2",
    urgency=Urgency.URGENT,
    at=NOW,
    due=NOW + 24 * HOUR,
    selectors=(
        normalise(SelectorKind.DOMAIN, "bad1.example"),
        normalise(SelectorKind.IPV4, "192.0.2.7"),
    ),
    about=(ITEM,),
    description="Who pays for it?\nSince when?",
)
STATUS = RequestStatus(
    exercise=True,
    speaker=XB,
    to=XA,
    request=ObjectId("foedus-request--c2509a72-0bfb-578f-bc94-5ee702ca2e99"),
    word=Word.ANSWERED,
    at=NOW + HOUR,
    items=(ITEM,),
)


def wrapped(request: Request) -> StixObject:
    envelope = sign_request(request, KEY)
    return wrap_object(
        FoedusKind.REQUEST, envelope.document(), payload=envelope.payload, issued=request.at
    )


@pytest.mark.parametrize(
    ("file", "envelope"),
    [
        ("request.json", sign_request(REQUEST, KEY)),
        ("request-status.json", sign_status(STATUS, KEY)),
    ],
)
def test_the_form_on_the_wire_never_changes(file: str, envelope: Envelope) -> None:
    assert envelope.payload == (GOLDEN / file).read_bytes().rstrip(b"\n")


def test_what_was_signed_is_read_back() -> None:
    assert open_request(sign_request(REQUEST, KEY), (KEY.public,)) == REQUEST
    bare = replace(REQUEST, article=ArticleId(""), offence="", selectors=(), about=())
    assert open_request(sign_request(bare, KEY), (KEY.public,)) == bare
    assert claimed_instant(sign_request(REQUEST, KEY)) == NOW
    assert open_status(sign_status(STATUS, KEY), (KEY.public,)) == STATUS


@pytest.mark.parametrize(
    "status",
    [
        replace(STATUS, word=Word.ACKNOWLEDGED, items=()),
        replace(STATUS, word=Word.EXTENDED, items=(), due=NOW + 48 * HOUR),
        replace(STATUS, word=Word.PARTIAL),
        replace(STATUS, word=Word.REFUSED, items=(), ground=Ground.LAW_FORBIDS),
        replace(STATUS, word=Word.WITHDRAWN, items=()),
        replace(STATUS, word=Word.CLOSED, items=()),
        replace(STATUS, word=Word.CLOSED, items=(), usefulness=5, feedback=Feedback.CONFIRMED),
    ],
)
def test_every_word_is_read_back(status: RequestStatus) -> None:
    assert open_status(sign_status(status, KEY), (KEY.public,)) == status


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("another's name", {"name": "XB-R-2026-00007"}),
        ("an order's name", {"name": "XA-O-2026-00007"}),
        ("itself", {"asked": XA}),
        ("due at once", {"due": NOW}),
        ("no basis", {"legal_basis": ""}),
        ("no purpose", {"purpose": ""}),
        ("a purpose of prose", {"purpose": "What we like"}),
        ("nothing asked", {"selectors": (), "about": (), "description": ""}),
        ("selectors out of order", {"selectors": REQUEST.selectors[::-1]}),
        ("an item twice", {"about": (ITEM, ITEM)}),
        ("a long story", {"description": "a" * (MAX_DESCRIPTION + 1)}),
        ("control characters", {"description": "a\x07b"}),
        ("no treaty", {"treaty": TreatyId("b")}),
    ],
)
def test_what_is_no_request_is_not_signed(case: str, changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        sign_request(replace(REQUEST, **changes), KEY)
    assert case


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("an answer of nothing", {"items": ()}),
        ("items of no answer", {"word": Word.ACKNOWLEDGED}),
        ("put off to no day", {"word": Word.EXTENDED, "items": ()}),
        ("a day and no delay", {"due": NOW}),
        ("refused on no ground", {"word": Word.REFUSED, "items": ()}),
        ("a ground of no refusal", {"ground": Ground.HARM}),
        ("six of five", {"word": Word.CLOSED, "items": (), "usefulness": 6}),
        ("of use before the end", {"usefulness": 3}),
        ("itself", {"to": XB}),
        ("of something else", {"request": ITEM.object_id}),
    ],
)
def test_what_is_no_word_on_a_request_is_not_signed(case: str, changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        sign_status(replace(STATUS, **changes), KEY)
    assert case


READERS: list[tuple[Callable[..., object], str, Envelope]] = [
    (open_request, REQUEST_TYPE, sign_request(REQUEST, KEY)),
    (open_status, STATUS_TYPE, sign_status(STATUS, KEY)),
]


@pytest.mark.parametrize(("read", "payload_type", "envelope"), READERS)
def test_another_hand_or_one_more_field_is_refused(
    read: Callable[..., object], payload_type: str, envelope: Envelope
) -> None:
    other = SigningKey.from_seed(hashlib.sha256(b"somebody").digest())
    with pytest.raises(RequestError):
        read(envelope, (other.public,))
    body = parse_json(envelope.payload)
    assert isinstance(body, dict)
    for more in ({"note": "hello"}, {"v": 2}, {"kind": "order"}, {"exercise": 1}):
        payload = canonical_bytes({**body, **more})
        with pytest.raises(RequestError):
            read(sign_envelope(payload, payload_type, KEY), (KEY.public,))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abiv", max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(READERS), st.data())
def test_a_reader_raises_its_own_error_and_no_other(
    reader: tuple[Callable[..., object], str, Envelope], data: st.DataObject
) -> None:
    read, payload_type, envelope = reader
    body = parse_json(envelope.payload)
    assert isinstance(body, dict)
    field = data.draw(st.sampled_from(sorted(body)))
    value: JSONValue = data.draw(JSON)
    changed = sign_envelope(canonical_bytes({**body, field: value}), payload_type, KEY)
    garbage = sign_envelope(data.draw(st.binary(max_size=40)), payload_type, KEY)
    for each in (changed, garbage):
        try:
            read(each, (KEY.public,))
        except RequestError:
            continue
        assert each is changed


def test_its_values_are_matched_and_its_words_are_read() -> None:
    obj = wrapped(REQUEST)
    assert selectors_of(obj) == mentions_of(obj) == frozenset(REQUEST.selectors)
    assert not holds_personal_data(obj)
    email = (normalise(SelectorKind.EMAIL, "a@b.example"),)
    assert holds_personal_data(wrapped(replace(REQUEST, selectors=email)))
    assert holds_personal_data(wrapped(replace(REQUEST, description="Ask +49 30 901820.")))


def test_what_must_be_redacted_is_seen_through_the_envelope() -> None:
    targets = frozenset({"property:description", "kind:domain", "kind:phone"})
    assert residue(wrapped(REQUEST), targets) == ("kind:domain", "property:description")
    bare = replace(REQUEST, description="", selectors=())
    assert residue(wrapped(bare), targets) == ()
    told = replace(bare, description="Ask +49 30 901820.")
    assert residue(wrapped(told), targets) == ("kind:phone", "property:description")


def test_what_is_no_statement_says_nothing() -> None:
    envelope = sign_envelope(b"[1]", REQUEST_TYPE, KEY)
    for payload, payload_type in ((b"[1]", REQUEST_TYPE), (b"{", REQUEST_TYPE), (b"{}", "a/b")):
        envelope = sign_envelope(payload, payload_type, KEY)
        obj = wrap_object(FoedusKind.REQUEST, envelope.document(), payload=payload, issued=NOW)
        assert statement_of(obj) is None
        assert selectors_of(obj) == frozenset()


def test_the_time_to_answer_is_that_of_the_treaty() -> None:
    clocks = CaseClocks()
    assert [answer_time(each, clocks) for each in Urgency] == [HOUR, 24 * HOUR, 240 * HOUR]
    assert request_name(XA, 2026, 7) == REQUEST.name
