"""A lane with a row that was erased, over HTTP: every TAXII resource treats it as the object it is.

Spec: TAXII 2.1 §5.3 (manifest), §5.4 (objects), §5.6 (an object), §5.8 (its versions), §3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.release.withheld import WithheldItem, open_withheld
from foedus.signing import parse_envelope

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

NOTE = (
    b'{"type":"note","spec_version":"2.1","id":"note--00000000-0000-4000-8000-%012d",'
    b'"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z",'
    b'"content":"c","object_refs":["note--00000000-0000-4000-8000-000000000000"]}'
)
EVERY = "match[version]=all"


def ask(live: Live, resource: str) -> Any:
    answer = live.as_member(live.lane_url("bulk", MemberId("XB")) + resource)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_row_that_was_erased_is_an_object_of_its_own_everywhere(live: Live) -> None:
    live.disclose([NOTE % number for number in range(3)])
    erased = parse_object(NOTE % 1).id
    with live.database.write() as tx:
        [row] = tx.items.by_object_id(erased)
        tx.erasure.erase_items(
            [row.handle], [ObjectId("note--7b0f3a52-7c6e-5d0c-8f52-0a8f4d1c9e11")]
        )
    objects = ask(live, f"objects/?{EVERY}")["objects"]
    assert [each["type"] for each in objects[1:]] == ["note", "foedus-withheld", "note"]
    stands = objects[2]
    # Signed by the node, about this very row.
    raw = live.as_member(live.lane_url("bulk", MemberId("XB")) + f"objects/{stands['id']}/")
    [alone] = raw.json()["objects"]
    assert alone == stands
    document = parse_object(_bytes_of(raw.content))
    told = open_withheld(parse_envelope(unwrap_document(document)), (live.identity.node.public,))
    assert isinstance(told, WithheldItem)
    assert (told.place.lane, told.place.position, told.place.recipient) == ("bulk", 3, "XB")
    with live.database.read() as tx:
        batch = tx.feeds.batch_at(MemberId("XB"), "bulk", 1)
    assert batch is not None
    assert told.commitment == batch.rows[1].commitment
    # Manifest, filters and versions agree with it.
    manifest = ask(live, f"manifest/?{EVERY}")["objects"]
    assert [each["id"] for each in manifest] == [each["id"] for each in objects]
    assert manifest[2]["version"] == stands["modified"]
    assert ask(live, f"objects/?{EVERY}&match[type]={FoedusKind.WITHHELD}")["objects"] == [stands]
    assert ask(live, f"objects/?match[id]={stands['id']}")["objects"] == [stands]
    versions = ask(live, f"objects/{stands['id']}/versions/")["versions"]
    assert versions == [stands["modified"]]
    # The name that was erased is as absent as one that never was.
    base = live.lane_url("bulk", MemberId("XB"))
    gone = live.as_member(f"{base}objects/{erased}/")
    never = live.as_member(f"{base}objects/note--00000000-0000-4000-8000-000000009999/")
    assert gone.status_code == never.status_code == 404


def _bytes_of(envelope: bytes) -> bytes:
    """Return the exact bytes of the one object of an envelope."""
    start = envelope.index(b"[") + 1
    return envelope[start : envelope.rindex(b"]", 0, envelope.rindex(b"}"))]
