"""What a peer may send down the instrument lane: what is not understood is kept and obeyed with
care; what is malformed, forged or hostile is refused with its reasons and becomes no law.

XC's server, keys and log are real; what it says no program of this version would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.treaty_text import TREATY_TEXT_TYPE
from foedus.signing import SigningKey, sign_envelope
from foedus.treaty.instrument import INSTRUMENT_TYPE

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

_DATE = "2026-11-20T08:00:00.000Z"


@pytest.fixture(scope="module", name="bloc")
def _bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    bloc = make_bloc()
    bloc.found("XA", "XB", "XC", "XD")
    return bloc


def sign_of(number: int) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-9003-{number:012d}",
        "created": _DATE,
        "modified": _DATE,
        "name": f"sign {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'sign{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


def said(node: NodeProcess, fields: dict[str, Any], *, key: SigningKey | None = None) -> StixObject:
    """Return something signed as an instrument, whatever it says."""
    authority = key or node.wired.node.identity.authority
    assert authority is not None
    with node.wired.node.database.read() as tx:
        own = node.wired.node.law.view(tx).instruments.of(node.member)
    now = node.wired.node.clock.now()
    payload = canonical_bytes(
        {
            "v": 1,
            "member": node.member,
            "treaty": node.treaty,
            "serial": max(each.serial for each in own) + 1,
            "issued": instant_text(now),
            **fields,
        }
    )
    return wrapped(node, payload, INSTRUMENT_TYPE, authority)


def wrapped(node: NodeProcess, payload: bytes, kind: str, key: SigningKey) -> StixObject:
    envelope = sign_envelope(payload, kind, key)
    return parse_object(
        wrap_document(
            FoedusKind.INSTRUMENT,
            envelope.document(),
            payload=payload,
            issued=node.wired.node.clock.now(),
        )
    )


def send(node: NodeProcess, document: StixObject, *to: str) -> None:
    wired = node.wired
    with wired.node.database.write() as tx:
        send_documents(
            tx,
            wired.node.identity,
            wired.gate,
            [document],
            recipients=[MemberId(each) for each in to],
            lane=LANE_INSTRUMENTS,
            treaty=None,
            at=wired.node.clock.now(),
        )
    wired.node.publish()


def instruments_of(receiver: NodeProcess, sender: str) -> tuple[int, int, str]:
    [lane] = [each for each in receiver.pull(sender).lanes if each.lane == "instruments"]
    return lane.accepted, lane.quarantined, lane.fault


UNKNOWN = [
    pytest.param("XC", {"kind": "teleportation", "whither": "home"}, "teleportation", id="kind"),
    pytest.param(
        "XD", {"v": 2, "kind": "denunciation", "notice": "P1D"}, "version 2", id="version"
    ),
]


@pytest.mark.parametrize(("author", "fields", "says"), UNKNOWN)
def test_what_is_not_understood_is_kept_and_shown_and_stops_new_releases_only(
    bloc: Bloc, author: str, fields: dict[str, Any], says: str
) -> None:
    receiver, sender = bloc["XB"], bloc[author]
    first = sender.hold([sign_of(100 + ord(author[1]))])
    assert sender.disclose(first, "XB")[0].given == 1
    assert receiver.pull(author).lanes[-1].accepted == 1
    send(sender, said(sender, fields), "XB")
    assert instruments_of(receiver, author) == (1, 0, "")
    shown = receiver.run("treaty", "status")
    [row] = [each for each in shown["members"] if each["member"] == author]
    assert says in str(row)
    # Nothing new goes to it, or comes from it; who is not concerned goes on.
    rows = receiver.hold([sign_of(200 + ord(author[1]))])
    to_other, to_author = sorted(
        receiver.disclose(rows, author, "XA"), key=lambda done: done.recipient
    )
    assert (to_author.given, [each.code for each in to_author.withheld]) == (0, ["denied"])
    assert says in to_author.withheld[0].reason
    assert to_other.given == 1
    late = sender.hold([sign_of(300 + ord(author[1]))])
    assert sender.disclose(late, "XB")[0].given == 1, "its author understands itself"
    [bulk] = [each for each in receiver.pull(author).lanes if each.lane == "bulk"]
    assert (bulk.fault, bulk.accepted, bulk.awaiting) == ("", 0, 1)
    # Instruments, orders and receipts go on, and what was held stays.
    assert [lane.fault for lane in sender.pull("XB").lanes[:2]] == ["", ""]
    receiver.pull(author)
    assert all(each.agreed for each in sender.figures().lanes if each.recipient == "XB")
    assert receiver.received(author)["accepted"] == 1


def _unsigned(node: NodeProcess) -> StixObject:
    return said(node, {"kind": "denunciation"}, key=SigningKey.from_seed(bytes(32)))


def _by_the_node_key(node: NodeProcess) -> StixObject:
    return said(node, {"kind": "denunciation"}, key=node.wired.node.identity.node)


def _no_serial(node: NodeProcess) -> StixObject:
    return said(node, {"kind": "denunciation", "serial": 0})


def _not_canonical(node: NodeProcess) -> StixObject:
    authority = node.wired.node.identity.authority
    assert authority is not None
    return wrapped(node, b'{"v": 1, "kind":"denunciation"}', INSTRUMENT_TYPE, authority)


def _deep(node: NodeProcess) -> StixObject:
    authority = node.wired.node.identity.authority
    assert authority is not None
    return wrapped(node, b"[" * 30_000 + b"]" * 30_000, INSTRUMENT_TYPE, authority)


def _long(node: NodeProcess) -> StixObject:
    return said(node, {"kind": "declaration", "text": "x" * 70_000})


def text_of(text: str) -> Callable[[NodeProcess], StixObject]:
    def make(node: NodeProcess) -> StixObject:
        payload = canonical_bytes(
            {
                "v": 1,
                "kind": "text",
                "member": node.member,
                "issued": instant_text(node.wired.node.clock.now()),
                "text": text,
            }
        )
        return wrapped(node, payload, TREATY_TEXT_TYPE, node.wired.node.identity.node)

    return make


_FRONT = '+++\ntitle = "T"\n+++\n'
HOSTILE = [
    pytest.param(_unsigned, "treaty.instrument", id="signed by nobody's key"),
    pytest.param(_by_the_node_key, "treaty.instrument", id="signed by the node, not the authority"),
    pytest.param(_no_serial, "treaty.instrument", id="serial 0"),
    pytest.param(_not_canonical, "treaty.instrument", id="not canonical"),
    pytest.param(_deep, "treaty.instrument", id="nested thirty thousand deep"),
    pytest.param(_long, "treaty.instrument", id="longer than any instrument"),
    pytest.param(text_of("x" * 600_000), "node.refused", id="a text too long"),
    pytest.param(text_of(_FRONT + ">" * 200_000), "treaty.faults", id="quotes in quotes"),
    pytest.param(text_of(_FRONT + "[" * 200_000), "treaty.faults", id="brackets in brackets"),
    pytest.param(text_of(_FRONT + "* " * 100_000), "treaty.faults", id="lists in lists"),
    pytest.param(text_of(_FRONT + "`" * 200_000), "treaty.faults", id="only fences"),
    pytest.param(text_of(_FRONT + "## Article 1 - X\n" * 5_000), "treaty.faults", id="headings"),
    pytest.param(text_of("+++\n" + "a." * 100_000 + "b = 1\n+++\n"), "treaty.faults", id="dots"),
    pytest.param(
        text_of("+++\na = " + "[" * 100_000 + "\n+++\n"), "treaty.faults", id="TOML depth"
    ),
    pytest.param(text_of(""), "treaty.faults", id="an empty text"),
]


@pytest.mark.parametrize(("make", "code"), HOSTILE)
def test_what_is_malformed_forged_or_hostile_is_refused_and_is_no_law(
    bloc: Bloc, make: Callable[[NodeProcess], StixObject], code: str
) -> None:
    receiver, sender = bloc["XA"], bloc["XC"]
    node = receiver.wired.node
    with node.database.read() as tx:
        before = (node.law.view(tx).instruments.digest, set(tx.law.treaties()))
        documents = len(tx.law.instruments())
    marks = len(receiver.quarantine())
    send(sender, make(sender), "XA")
    assert instruments_of(receiver, "XC") == (0, 1, "")
    [kept] = receiver.quarantine()[marks:]
    assert kept.entry.code == code, kept.entry.reason
    assert 0 < len(kept.entry.reason) < 10_000
    with node.database.read() as tx:
        assert (node.law.view(tx).instruments.digest, set(tx.law.treaties())) == before
        assert len(tx.law.instruments()) == documents
    alarm = receiver.alarms()["document.refused", "XC/instruments"]
    assert "is refused" in alarm.text
    assert len(alarm.text) < 1_000


def test_every_reason_is_told(bloc: Bloc) -> None:
    receiver, sender = bloc["XA"], bloc["XC"]
    marks = len(receiver.quarantine())
    send(sender, text_of('+++\ntitle = 5\nspeed = "high"\n+++\n')(sender), "XA")
    receiver.pull("XC")
    [kept] = receiver.quarantine()[marks:]
    assert "title" in kept.entry.reason
    assert "speed" in kept.entry.reason
