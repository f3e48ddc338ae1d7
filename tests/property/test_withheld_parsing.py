"""What stands for an erased row: whatever is signed, its parser raises its own error only."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import MemberId
from foedus.release.errors import DisclosureError
from foedus.release.withheld import (
    WITHHELD_TYPE,
    RowPlace,
    WithheldBatch,
    WithheldItem,
    open_withheld,
)
from foedus.signing import SigningKey, sign_envelope

KEY = SigningKey.from_seed(bytes(32))
PLACE = RowPlace(
    exercise=True, sender=MemberId("XA"), recipient=MemberId("XB"), lane="bulk", position=4
)
DOCUMENTS = (
    WithheldItem(place=PLACE, commitment=bytes(32)).document(),
    WithheldBatch(
        place=PLACE,
        entry=bytes(32),
        log_origin="xa.example/log",
        log_index=7,
        lane_count=5,
        lane_digest=bytes(32),
        left=None,
        erased={0: bytes(32)},
    ).document(),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=8)
    | st.just("ab" * 32),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["place", "v"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    document=st.sampled_from(DOCUMENTS),
    name=st.sampled_from(sorted(DOCUMENTS[1])),
    value=VALUES,
)
def test_one_field_of_any_form(document: dict[str, object], name: str, value: object) -> None:
    changed = {**document, name: value}
    payload = canonical_bytes(changed)  # type: ignore[arg-type]  # JSON by construction
    with suppress(DisclosureError):
        open_withheld(sign_envelope(payload, WITHHELD_TYPE, KEY), (KEY.public,))


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=64))
def test_any_bytes(payload: bytes) -> None:
    with suppress(DisclosureError):
        open_withheld(sign_envelope(payload, WITHHELD_TYPE, KEY), (KEY.public,))
