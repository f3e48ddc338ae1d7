"""What a lying line can do between two honest nodes: nothing that is not noticed and healed.

A proxy stands at XA's advertised address. XB, a real node too, pulls through it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.clock import instant_text, parse_instant
from foedus.exchange.lane_names import LANE_HEAD_HEADER
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from foedus.model.kinds import FoedusKind, unwrap_document, wrap_document
from foedus.model.objects import parse_object
from foedus.node.acknowledge import lane_head
from foedus.node.pull import LaneReport, PullReport
from foedus.release.record import DISCLOSURE_TYPE
from foedus.signing import NoteSigner, NoteVerifier, SigningKey, parse_envelope, sign_envelope

if TYPE_CHECKING:
    from tests.federation.conftest import Answer, Bloc, NodeProcess, TamperingProxy

STRANGER = SigningKey.from_seed(b"\x07" * 32)


def numbered_indicator(number: int) -> dict[str, Any]:
    name = f"sign {number}"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": name,
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'tamper-{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@dataclass
class Line:
    """A sender behind a proxy, a receiver, and an onlooker who is a party too.

    Attributes:
        made: How many items were made so far, so that each test has fresh ones.
    """

    sender: NodeProcess
    receiver: NodeProcess
    proxy: TamperingProxy
    made: int = 0
    before: dict[str, int] = field(default_factory=dict)

    def give(self, count: int, to: str = "XB") -> None:
        """Disclose fresh items in one batch."""
        objects = [numbered_indicator(self.made + each) for each in range(count)]
        self.made += count
        rows = self.sender.hold(objects)
        [done] = self.sender.disclose(rows, to)
        assert done.given == count

    def tamper(self, change: Callable[[Answer], Answer], lane: str = "bulk") -> None:
        self.proxy.only_lane("XA", "XB", change, lane=lane)

    def heal(self) -> None:
        self.proxy.tamper = lambda answer: answer

    def pull(self) -> PullReport:
        return self.receiver.pull("XA")

    def bulk(self) -> LaneReport:
        [lane] = [each for each in self.pull().lanes if each.lane == "bulk"]
        return lane

    def held(self) -> int:
        return self.receiver.received("XA").get("accepted", 0)

    def lane_alarms(self) -> list[str]:
        return [code for code, subject in self.receiver.alarms() if subject == "XA/bulk"]


@pytest.fixture(scope="module", name="line")
def _line(make_bloc: Callable[[], Bloc]) -> Iterator[Line]:
    bloc = make_bloc()
    bloc.found("XA", "XB", "XC", proxied=["XA"], silent=["XB", "XC"])
    yield Line(sender=bloc["XA"], receiver=bloc["XB"], proxy=bloc.proxies["XA"])
    bloc.proxies["XA"].tamper = lambda answer: answer


@pytest.fixture(autouse=True)
def _healed(line: Line) -> Iterator[None]:
    """Leave an honest line and a drained lane behind, whatever a test found."""
    yield
    line.heal()
    line.pull()


# What the line does to the objects of a page: [D1, a, b, c, D2, d, e].

Objects = list[bytes]


def one_letter_of_an_item(page: Objects, _line: Line) -> Objects:
    return [page[0], page[1].replace(b'"sign ', b'"sigm '), *page[2:]]


def one_letter_of_the_last_item(page: Objects, _line: Line) -> Objects:
    return [*page[:-1], page[-1].replace(b'"sign ', b'"sigm ')]


def white_space_in_an_item(page: Objects, _line: Line) -> Objects:
    return [page[0], page[1][:-1] + b" }", *page[2:]]


def signed_by_another_key(page: Objects, _line: Line) -> Objects:
    document = parse_object(page[0])
    envelope = parse_envelope(unwrap_document(document))
    forged = sign_envelope(envelope.payload, DISCLOSURE_TYPE, STRANGER)
    issued = parse_instant(json.loads(page[0])["created"])
    wrapped = wrap_document(
        FoedusKind.DISCLOSURE, forged.document(), payload=envelope.payload, issued=issued
    )
    return [wrapped, *page[1:]]


def one_bit_of_a_signature(page: Objects, _line: Line) -> Objects:
    document = json.loads(page[0])
    [signature] = document["envelope"]["signatures"]
    raw = bytearray(base64.b64decode(signature["sig"]))
    raw[10] ^= 1
    signature["sig"] = base64.b64encode(raw).decode()
    return [canonical_bytes(document), *page[1:]]


def another_purpose_stated(page: Objects, _line: Line) -> Objects:
    """Keep the signature, change what it signs, and give the object the id that fits."""
    document = json.loads(page[0])
    envelope = document["envelope"]
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["purpose"] = "investigation"
    raw = canonical_bytes(payload)
    envelope["payload"] = base64.b64encode(raw).decode()
    issued = parse_instant(document["created"])
    return [
        wrap_document(FoedusKind.DISCLOSURE, envelope, payload=raw, issued=issued),
        *page[1:],
    ]


def _intruder() -> bytes:
    return json.dumps(numbered_indicator(999_999)).encode()


def an_item_put_in(page: Objects, _line: Line) -> Objects:
    return [page[0], _intruder(), *page[1:]]


def an_item_put_before_all(page: Objects, _line: Line) -> Objects:
    return [_intruder(), *page]


def an_item_put_after_all(page: Objects, _line: Line) -> Objects:
    return [*page, _intruder()]


def an_item_exchanged(page: Objects, _line: Line) -> Objects:
    return [page[0], _intruder(), *page[2:]]


def last_item_dropped(page: Objects, _line: Line) -> Objects:
    return page[:-1]


def last_batch_dropped(page: Objects, _line: Line) -> Objects:
    return page[:4]


def first_batch_dropped(page: Objects, _line: Line) -> Objects:
    return page[4:]


def two_items_exchanged(page: Objects, _line: Line) -> Objects:
    return [page[0], page[2], page[1], *page[3:]]


def batches_exchanged(page: Objects, _line: Line) -> Objects:
    return [*page[4:], *page[:4]]


def an_item_twice(page: Objects, _line: Line) -> Objects:
    return [page[0], page[1], page[1], *page[3:]]


def the_page_twice(page: Objects, _line: Line) -> Objects:
    return [*page, *page]


def everything_dropped(_page: Objects, _line: Line) -> Objects:
    return []


def no_stix_object(page: Objects, _line: Line) -> Objects:
    return [page[0], b'{"type":"indicator"}', *page[2:]]


def an_older_page(_page: Objects, line: Line) -> Objects:
    """What the sender truly sent first, sent again."""
    first = next(
        answer
        for answer in line.proxy.seen
        if "added_after" not in answer.path
        and answer.headers.get(LANE_HEAD_HEADER)
        and b"indicator" in answer.body
    )
    return first.objects[:4]


def addressed_to_another(_page: Objects, line: Line) -> Objects:
    """What the sender truly disclosed to XC, put into XB's lane."""
    line.give(1, to="XC")
    with line.sender.wired.node.database.read() as tx:
        rows = tx.feeds.page(line.receiver.member.__class__("XC"), "bulk", after=None, limit=1000)
    return [row.raw for row in rows][-2:]


PAGES = [
    pytest.param(one_letter_of_an_item, "commitment", 0, id="one letter of an item changed"),
    pytest.param(one_letter_of_the_last_item, "commitment", 3, id="one letter of the last item"),
    pytest.param(white_space_in_an_item, "commitment", 0, id="a space added inside an item"),
    pytest.param(signed_by_another_key, "signature", 0, id="a disclosure signed by a stranger"),
    pytest.param(one_bit_of_a_signature, "signature", 0, id="one bit of a signature flipped"),
    pytest.param(another_purpose_stated, "signature", 0, id="another purpose, the old signature"),
    pytest.param(an_item_put_in, "not-covered", 0, id="an item no disclosure covers, inside"),
    pytest.param(an_item_put_before_all, "not-covered", 0, id="an item before every disclosure"),
    pytest.param(an_item_put_after_all, "not-covered", 5, id="an item after every disclosure"),
    pytest.param(an_item_exchanged, "not-covered", 0, id="an item exchanged for another"),
    pytest.param(last_item_dropped, "sequence", 3, id="the last item held back"),
    pytest.param(last_batch_dropped, "sequence", 3, id="the last disclosure held back"),
    pytest.param(first_batch_dropped, "sequence", 0, id="the first disclosure held back"),
    pytest.param(everything_dropped, "sequence", 0, id="everything held back"),
    pytest.param(two_items_exchanged, "commitment", 0, id="two items in the other order"),
    pytest.param(batches_exchanged, "sequence", 0, id="two disclosures in the other order"),
    pytest.param(an_item_twice, "commitment", 0, id="an item twice, another left out"),
    pytest.param(the_page_twice, "sequence", 5, id="the whole page twice"),
    pytest.param(an_older_page, "sequence", 0, id="an old page sent again"),
    pytest.param(no_stix_object, "form", 0, id="an item that is no STIX object"),
    pytest.param(addressed_to_another, "form", 0, id="a disclosure made to another member"),
]


@pytest.mark.parametrize(("change", "fault", "taken"), PAGES)
def test_a_changed_page_stops_the_lane_and_an_honest_one_heals_it(
    line: Line, change: Callable[[Objects, Line], Objects], fault: str, taken: int
) -> None:
    if not line.held():  # what may be sent again later
        line.give(1)
        line.pull()
    line.give(3)
    line.give(2)
    before, marks = line.held(), len(line.receiver.quarantine())
    line.tamper(lambda answer: answer.with_objects(change(answer.objects, line)))
    lane = line.bulk()
    line.heal()
    assert lane.fault.startswith(f"{fault}: "), lane
    assert lane.accepted == taken
    assert line.held() == before + taken, "nothing of a batch at fault is held"
    assert line.lane_alarms() == [f"lane.{fault}"]
    [kept] = line.receiver.quarantine()[marks:]
    assert (kept.entry.code, kept.entry.sender, kept.entry.lane) == (fault, "XA", "bulk")
    assert kept.entry.reason
    healed = line.bulk()
    assert healed.fault == ""
    assert healed.accepted == 5 - taken
    assert line.held() == before + 5
    assert line.lane_alarms() == []


# What the line does to the signed head of a page.


def _head(answer: Answer, raw: bytes) -> Answer:
    headers = {**answer.headers, LANE_HEAD_HEADER: base64.b64encode(raw).decode()}
    return replace(answer, headers=headers)


def head_signed_by_another(answer: Answer, _line: Line) -> Answer:
    document = parse_json(base64.b64decode(answer.headers[LANE_HEAD_HEADER]))
    assert isinstance(document, dict)
    envelope = parse_envelope(document)
    forged = sign_envelope(envelope.payload, envelope.payload_type, STRANGER)
    return _head(answer, canonical_bytes(forged.document()))


def head_with_another_count(answer: Answer, _line: Line) -> Answer:
    document = json.loads(base64.b64decode(answer.headers[LANE_HEAD_HEADER]))
    payload = json.loads(base64.b64decode(document["payload"]))
    payload["count"] += 1
    document["payload"] = base64.b64encode(canonical_bytes(payload)).decode()
    return _head(answer, canonical_bytes(document))


def head_of_another_lane(answer: Answer, line: Line) -> Answer:
    node = line.sender.wired.node
    with node.database.read() as tx:
        return _head(answer, lane_head(tx, node, line.receiver.member, "orders"))


def head_for_another_member(answer: Answer, line: Line) -> Answer:
    node = line.sender.wired.node
    with node.database.read() as tx:
        return _head(answer, lane_head(tx, node, type(line.receiver.member)("XC"), "bulk"))


def an_older_head(answer: Answer, line: Line) -> Answer:
    path = answer.path.partition("?")[0]
    first = next(each for each in line.proxy.seen if each.path.startswith(path))
    return replace(
        answer, headers={**answer.headers, LANE_HEAD_HEADER: first.headers[LANE_HEAD_HEADER]}
    )


@pytest.mark.parametrize(
    ("change", "fault", "taken"),
    [
        pytest.param(head_signed_by_another, "signature", 0, id="head signed by a stranger"),
        pytest.param(head_with_another_count, "signature", 0, id="head with another count"),
        pytest.param(head_of_another_lane, "form", 0, id="head of another lane"),
        pytest.param(head_for_another_member, "form", 0, id="head for another member"),
        pytest.param(an_older_head, "lane-rollback", 2, id="an old head replayed"),
    ],
)
def test_a_changed_lane_head_stops_the_lane(
    line: Line, change: Callable[[Answer, Line], Answer], fault: str, taken: int
) -> None:
    line.give(2)
    before = line.held()
    line.tamper(lambda answer: change(answer, line))
    lane = line.bulk()
    line.heal()
    assert lane.fault.startswith(f"{fault}: "), lane
    assert line.held() == before + taken
    assert line.lane_alarms() == [f"lane.{fault}"]
    assert line.bulk().fault == ""
    assert line.held() == before + 2
    assert line.lane_alarms() == []


def test_a_stale_copy_of_everything_never_makes_the_sender_look_alive(line: Line) -> None:
    """A line that repeats what was true yesterday hides the new, and is told apart from it."""
    line.pull()
    recorded: dict[str, Answer] = {}

    def record(answer: Answer) -> Answer:
        recorded[answer.path] = answer
        return answer

    line.proxy.tamper = record
    line.pull()
    heard = _heard(line)
    line.give(1)
    line.proxy.tamper = lambda answer: recorded.get(answer.path, answer)
    before = line.held()
    report = line.pull()
    line.heal()
    assert not report.unreachable
    assert line.held() == before
    assert _heard(line) == heard, "the sender's own instant in the replayed head counts"
    line.pull()
    assert line.held() == before + 1
    assert _heard(line) != heard


def _heard(line: Line) -> str:
    with line.receiver.wired.node.database.read() as tx:
        row = tx.peers.get(line.sender.member)
    assert row is not None
    assert row.heard is not None
    return instant_text(row.heard)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda answer: replace(
                answer,
                headers={k: v for k, v in answer.headers.items() if k != LANE_HEAD_HEADER},
            ),
            id="a page without its signed head",
        ),
        pytest.param(lambda answer: replace(answer, body=answer.body[:-20]), id="a page cut off"),
        pytest.param(lambda answer: replace(answer, body=b"\xff" * 100), id="no JSON at all"),
        pytest.param(lambda answer: replace(answer, body=b"[" * 100_000), id="a deep nest"),
        pytest.param(
            lambda answer: replace(answer, body=b'{"more":true,"objects":[]}'),
            id="more promised, nothing sent",
        ),
        pytest.param(
            lambda answer: replace(answer, body=answer.body + b" " * (25 * 1024 * 1024)),
            id="a page of more bytes than are read",
        ),
        pytest.param(lambda answer: replace(answer, status=500), id="an error of the server"),
        pytest.param(
            lambda answer: replace(
                answer, status=302, headers={"location": "http://127.0.0.1:9/elsewhere"}
            ),
            id="a redirection elsewhere",
        ),
    ],
)
def test_an_answer_outside_the_protocol_is_like_none(
    line: Line, change: Callable[[Answer], Answer]
) -> None:
    line.give(1)
    before = line.held()
    line.tamper(change)
    report = line.pull()
    line.heal()
    assert report.unreachable
    assert line.held() == before
    assert line.lane_alarms() == []
    assert line.bulk().accepted == 1


# What the line does to the sender's log.


def a_tile_altered(answer: Answer, _line: Line) -> Answer:
    if "/tile/0/" not in answer.path:
        return answer
    return replace(answer, body=bytes([answer.body[0] ^ 1]) + answer.body[1:])


def every_tile_altered(answer: Answer, _line: Line) -> Answer:
    return answer if "/tile/" not in answer.path else replace(answer, body=b"\0" * 64)


def head_of_the_log_signed_by_another(answer: Answer, line: Line) -> Answer:
    if not answer.path.endswith("checkpoint"):
        return answer
    origin = line.sender.wired.node.identity.log_origin
    forged = Checkpoint(origin, 10_000, b"\1" * 32)
    return replace(answer, body=sign_checkpoint(forged, NoteSigner(origin, STRANGER)))


def head_of_the_log_without_text(answer: Answer, _line: Line) -> Answer:
    return replace(answer, body=b"") if answer.path.endswith("checkpoint") else answer


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(a_tile_altered, id="one bit of a tile"),
        pytest.param(every_tile_altered, id="tiles of another log"),
        pytest.param(head_of_the_log_signed_by_another, id="a log head signed by a stranger"),
        pytest.param(head_of_the_log_without_text, id="an empty log head"),
    ],
)
def test_a_disclosure_that_the_log_does_not_show_is_not_taken(
    line: Line, change: Callable[[Answer, Line], Answer]
) -> None:
    line.give(2)
    before = line.held()
    line.proxy.only_path("/ledger/", lambda answer: change(answer, line))
    lane = line.bulk()
    line.heal()
    assert lane.fault.startswith("not-in-log: "), lane
    assert line.held() == before
    assert line.lane_alarms() == ["lane.not-in-log"]
    assert line.bulk().accepted == 2
    assert line.lane_alarms() == []


def test_what_was_disclosed_a_moment_ago_is_in_the_log_that_a_peer_is_shown(line: Line) -> None:
    """Publication follows the commit; a peer that asks in between is not led astray."""
    wired = line.sender.wired
    slow = replace(wired.node, settle=lambda: None)
    wired.node, node = slow, wired.node
    try:
        for _ in range(8):
            line.give(1)
            lane = line.bulk()
            assert lane.fault == ""
            assert lane.accepted == 1
    finally:
        wired.node = node


def test_a_log_that_went_back_is_noticed(line: Line) -> None:
    line.give(1)
    line.pull()
    older = line.sender.wired.ledger.read("checkpoint")
    line.give(1)
    line.pull()
    line.give(1)
    before = line.held()
    line.proxy.only_path("checkpoint", lambda answer: replace(answer, body=older))
    lane = line.bulk()
    line.heal()
    assert lane.fault.startswith("log-rollback: "), lane
    assert line.held() == before
    assert line.lane_alarms() == ["lane.log-rollback"]
    assert line.bulk().accepted == 1
    assert line.lane_alarms() == []


def test_two_log_heads_of_one_size_are_kept_as_proof(line: Line) -> None:
    """A sender that signs two logs is caught by whoever saw the other; both heads are kept."""
    line.give(1)
    line.pull()
    identity = line.sender.wired.node.identity
    true = line.sender.wired.ledger.read("checkpoint")
    signer = NoteSigner(identity.log_origin, identity.log)
    verifier = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    size = open_checkpoint(true, verifier).size
    forked = sign_checkpoint(Checkpoint(identity.log_origin, size, b"\2" * 32), signer)
    line.give(1)
    before = line.held()
    line.proxy.only_path("checkpoint", lambda answer: replace(answer, body=forked))
    lane = line.bulk()
    line.heal()
    assert lane.fault.startswith("log-fork: "), lane
    assert line.held() == before
    kept = line.receiver.quarantine()[-1].entry
    assert kept.code == "log-fork"
    assert true in kept.raw
    assert forked in kept.raw
    assert line.bulk().accepted == 1


def test_the_command_line_says_where_a_lane_stands_still(line: Line) -> None:
    line.give(2)
    line.tamper(lambda answer: answer.with_objects(one_letter_of_an_item(answer.objects, line)))
    told = line.receiver.run("pull", "XA", expect=7)
    line.heal()
    [bulk] = [lane for lane in told["lanes"] if lane["lane"] == "bulk"]
    assert bulk["fault"].startswith("commitment: the bytes of indicator--")
    doctor = line.receiver.run("doctor", expect=7)
    assert any("XA/bulk" in each["subject"] for each in doctor["findings"])
    assert line.receiver.run("pull", "XA")["lanes"][2]["accepted"] == 2


def test_after_all_that_both_sides_count_the_same(line: Line) -> None:
    line.pull()
    [lane] = [
        each
        for each in line.sender.figures().lanes
        if (each.recipient, each.lane) == ("XB", "bulk")
    ]
    assert lane.agreed
    assert line.held() == lane.items
    states = line.receiver.figures().states
    assert sum(n for state, n in states.items() if state.value == "held") == lane.items
