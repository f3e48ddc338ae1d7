"""Signed documents: the type is signed too, and a parser raises only its own error."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.signing import envelope as envelope_module
from foedus.signing.envelope import (
    Envelope,
    EnvelopeSignature,
    parse_envelope,
    pre_authentication_encoding,
    sign_envelope,
    verify_envelope,
)
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import SigningKey

ALFA = SigningKey.from_seed(b"a" * 32)
BRAVO = SigningKey.from_seed(b"b" * 32)
TYPE = "application/vnd.foedus.head+json;v=1"
OTHER_TYPE = "application/vnd.foedus.credence+json;v=1"
PAYLOAD = b'{"v":1}'
SIGNED = sign_envelope(PAYLOAD, TYPE, ALFA)


def test_the_signed_bytes_hold_both_lengths() -> None:
    assert pre_authentication_encoding("t/\u00e9", b"\x00ab") == b"DSSEv1 4 t/\xc3\xa9 3 \x00ab"


def test_a_document_survives_the_wire() -> None:
    document = SIGNED.document()
    assert document == {
        "payload": base64.b64encode(PAYLOAD).decode(),
        "payloadType": TYPE,
        "signatures": [
            {
                "keyid": ALFA.public.key_id,
                "sig": base64.b64encode(SIGNED.signatures[0].signature).decode(),
            }
        ],
    }
    assert parse_envelope(document) == SIGNED
    assert verify_envelope(parse_envelope(document), [ALFA.public], payload_type=TYPE) == PAYLOAD


def _with(signed: Envelope, *signatures: EnvelopeSignature) -> Envelope:
    return dataclasses.replace(signed, signatures=signatures)


def test_verification_needs_one_signature_by_one_expected_key() -> None:
    good = SIGNED.signatures[0]
    bad = dataclasses.replace(good, signature=bytes(64))
    by_bravo = sign_envelope(PAYLOAD, TYPE, BRAVO).signatures[0]
    nameless = dataclasses.replace(good, key_id="")
    for accepted in (
        SIGNED,
        _with(SIGNED, by_bravo, good),
        _with(SIGNED, bad, good),
        _with(SIGNED, nameless),
    ):
        keys = [BRAVO.public, ALFA.public]
        assert verify_envelope(accepted, keys, payload_type=TYPE) == PAYLOAD
    for refused in (
        _with(SIGNED),
        _with(SIGNED, bad),
        _with(SIGNED, by_bravo),
        _with(SIGNED, dataclasses.replace(by_bravo, key_id=ALFA.public.key_id)),
        dataclasses.replace(SIGNED, payload=b'{"v":2}'),
    ):
        with pytest.raises(EnvelopeError):
            verify_envelope(refused, [ALFA.public], payload_type=TYPE)
    with pytest.raises(EnvelopeError):
        verify_envelope(SIGNED, [], payload_type=TYPE)


def test_a_document_is_never_accepted_as_another_kind() -> None:
    with pytest.raises(EnvelopeError):
        verify_envelope(SIGNED, [ALFA.public], payload_type=OTHER_TYPE)
    relabelled = dataclasses.replace(SIGNED, payload_type=OTHER_TYPE)
    with pytest.raises(EnvelopeError):
        verify_envelope(relabelled, [ALFA.public], payload_type=OTHER_TYPE)


def _document(**changes: object) -> dict[str, object]:
    return {**SIGNED.document(), **changes}


def _signature(**changes: object) -> list[dict[str, object]]:
    document: Any = SIGNED.document()
    return [{**document["signatures"][0], **changes}]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="empty"),
        pytest.param(_document(payload=None), id="payload missing"),
        pytest.param(_document(payload="YR=="), id="payload with stray bits"),
        pytest.param(_document(payload="+_8="), id="two alphabets"),
        pytest.param(_document(payload="\ud800"), id="lone surrogate"),
        pytest.param(_document(payloadType=""), id="empty type"),
        pytest.param(_document(payloadType="\ud800"), id="type not Unicode"),
        pytest.param(_document(payloadType="x" * 257), id="type too long"),
        pytest.param(_document(payloadType=3), id="type not text"),
        pytest.param(_document(signatures={}), id="signatures no list"),
        pytest.param(_document(signatures=[]), id="no signature"),
        pytest.param(_document(signatures=_signature() * 17), id="too many signatures"),
        pytest.param(_document(signatures=["x"]), id="signature no object"),
        pytest.param(_document(signatures=_signature(sig="AAAA")), id="signature too short"),
        pytest.param(_document(signatures=_signature(sig=None)), id="signature missing"),
        pytest.param(_document(signatures=_signature(keyid=1)), id="key id not text"),
        pytest.param(_document(signatures=_signature(keyid="x" * 257)), id="key id too long"),
    ],
)
def test_a_malformed_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(EnvelopeError):
        parse_envelope(document)


def test_a_payload_beyond_the_limit_is_refused_before_decoding() -> None:
    encoded = "A" * ((envelope_module.MAX_PAYLOAD_BYTES + 2) // 3 * 4 + 4)
    with pytest.raises(EnvelopeError):
        parse_envelope(_document(payload=encoded))


def test_what_the_specification_lets_others_write_is_read() -> None:
    payload = b"\xff\xfe\xfd"
    signed = sign_envelope(payload, TYPE, ALFA)
    document: Any = signed.document()
    document["payload"] = base64.urlsafe_b64encode(payload).decode()
    document["later"] = {"anything": 1}
    del document["signatures"][0]["keyid"]
    parsed = parse_envelope(document)
    assert parsed.signatures[0].key_id == ""
    assert verify_envelope(parsed, [ALFA.public], payload_type=TYPE) == payload


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures"]), JSON_VALUES))
def test_the_parser_raises_only_its_own_error(document: dict[str, object]) -> None:
    try:
        parse_envelope(document)
    except EnvelopeError:
        return
