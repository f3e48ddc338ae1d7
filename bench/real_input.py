"""Run the main job on real public data and reconcile at every step.

``python -m bench.real_input [SHARED_DATA]``. Needs the folder of public data beside the project and
says so where it is absent. Six nodes in one process, real stores, every verification; one sender.
Steps: read = taken + duplicates + refused; given + withheld = asked, for each member; given =
received (held, known or quarantined); lane counts and digests equal on both sides.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bloc import EVERYBODY, Bloc, make_bloc
from foedus.compose import Wired
from foedus.intake.limits import DEFAULT_LIMITS, IntakeError
from foedus.model.identifiers import MemberId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, InformationGrade, SourceGrade
from foedus.node.disclose import Disclosed, disclose
from foedus.node.ports import ItemState
from foedus.node.preview import Wish
from foedus.node.reconcile import figures
from foedus.node.submit import Submission, Submitted, submit
from foedus.node.vouch import TermsOffer, vouch

MEMBERS = ("XA", "XB", "XC", "XD", "XE", "XF")
SENDER = MemberId("XA")
NEWS_REPORTS = 100


@dataclass
class Tally:
    """Figures of one kind of source."""

    files: int = 0
    read: int = 0
    taken: int = 0
    duplicates: int = 0
    refused: int = 0
    added: int = 0
    new: int = 0
    known: int = 0
    conflicts: int = 0
    delisted: int = 0
    held: int = 0
    personal: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


def sources(data: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield (kind, name, bytes) of every source, in order."""
    for path in sorted((data / "eset-misp-events").glob("**/*.json")):
        yield "MISP events", path.name, path.read_bytes()
    for name in ("un-consolidated-2018-10-29.xml", "un-consolidated-2021-03-12.xml"):
        yield f"UN list {name[16:20]}", name, (data / "un-sc-list" / name).read_bytes()
    for path in sorted((data / "mitre-attack" / "ics-attack").glob("*.json")):
        yield "ICS ATT&CK", path.name, path.read_bytes()
    for number, text in enumerate(_news(data)):
        yield "news reports", f"news-{number:03d}.txt", text.encode()
    for path in sorted((data / "news-html").glob("*.html")):
        yield "advisory pages", path.name, path.read_bytes()
    for path in sorted((data / "mvt-indicators").glob("**/*.stix2")):
        yield "MVT indicators", path.name, path.read_bytes()


def held_elsewhere(data: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield what another member holds beforehand, so that there is something to match."""
    for path in sorted((data / "amnesty-spyware").glob("**/*.stix2")):
        yield "Amnesty (XB)", path.name, path.read_bytes()
    for path in sorted((data / "eset-misp-events" / "turla").glob("**/*.json")):
        yield "MISP turla (XB)", path.name, path.read_bytes()


def _news(data: Path) -> list[str]:
    found = []
    for line in (data / "muc4-terror-news" / "doc_dev").read_text(encoding="utf-8").splitlines():
        if line.strip():
            found.append(str(next(iter(json.loads(line).values()))))
        if len(found) == NEWS_REPORTS:
            break
    return found


def main(data: Path) -> int:
    """Run everything and return 0 only if every figure agrees."""
    if not data.is_dir():
        print(f"the public data is not at {data}; nothing was run")
        return 1
    with tempfile.TemporaryDirectory(prefix="foedus-real-") as name:
        bloc = make_bloc(Path(name), MEMBERS)
        try:
            return _run(bloc, data)
        finally:
            bloc.close()


def _run(bloc: Bloc, data: Path) -> int:
    tallies: dict[str, Tally] = {}
    _take_in(bloc, MemberId("XB"), held_elsewhere(data), tallies)
    handles = _take_in(bloc, SENDER, sources(data), tallies)
    _print_sources(tallies)
    faults = _release(bloc, handles)
    faults += _agree(bloc)
    for fault in faults:
        print(f"DOES NOT AGREE: {fault}")
    print("every figure agrees" if not faults else f"{len(faults)} figures do not agree")
    return 1 if faults else 0


def _take_in(
    bloc: Bloc,
    member: MemberId,
    given: Iterator[tuple[str, str, bytes]],
    tallies: dict[str, Tally],
) -> list[int]:
    wired = bloc.nodes[member]
    handles: list[int] = []
    for kind, name, raw in given:
        tally = tallies.setdefault(kind, Tally())
        tally.files += 1
        start = time.perf_counter()
        try:
            submitted = submit(
                wired.node, EVERYBODY, Submission(data=raw, name=name), limits=DEFAULT_LIMITS
            )
        except IntakeError as error:
            tally.reasons[f"whole file: {error.reason}"] += 1
            continue
        handles.extend(_held(wired, bloc, submitted, tally, kind))
        tally.seconds += time.perf_counter() - start
    return handles


def _held(wired: Wired, bloc: Bloc, submitted: Submitted, tally: Tally, kind: str) -> list[int]:
    result = submitted.result
    tally.read += result.read
    tally.taken += result.taken
    tally.duplicates += len(result.duplicates)
    tally.refused += len(result.refused)
    tally.added += len(result.added)
    tally.new += submitted.new
    tally.known += submitted.known
    tally.conflicts += len(submitted.conflicts)
    tally.delisted += len(result.delisted)
    tally.reasons.update(refusal.reason for refusal in result.refused)
    drafts = [row.handle for row in submitted.rows if row.state is ItemState.DRAFT]
    if not drafts:
        return []
    done = vouch(wired.node, EVERYBODY, drafts, _offer(bloc, kind))
    tally.held += len(done.held)
    tally.personal += done.personal
    return list(done.held)


def _offer(bloc: Bloc, kind: str) -> TermsOffer:
    now = datetime.now(UTC)
    is_list = kind.startswith("UN")
    return TermsOffer(
        treaties=frozenset({bloc.treaty}),
        purposes=frozenset({"prevention", "investigation"}),
        legal_basis="Exercise Act, s. 1",
        offence="financing" if is_list else "recruitment" if "news" in kind else "attack-planning",
        person=CategoryOfPerson.SUSPECT,
        tlp=TLP.CLEAR if is_list else TLP.GREEN,
        handling=frozenset(),
        source=SourceGrade.B,
        information=InformationGrade.TWO,
        review=now + timedelta(days=180),
        expiry=now + timedelta(days=365),
        neutrality_reason="Public source, read in an exercise.",
    )


def _print_sources(tallies: dict[str, Tally]) -> None:
    print(
        f"{'source':<16}{'files':>6}{'read':>8}{'taken':>8}{'dupl.':>7}{'refused':>8}{'added':>7}"
        f"{'new':>8}{'known':>7}{'confl.':>7}{'delisted':>9}{'held':>8}{'personal':>9}{'s':>7}"
    )
    for kind, tally in tallies.items():
        assert tally.read == tally.taken + tally.duplicates + tally.refused, kind
        print(
            f"{kind:<16}{tally.files:>6}{tally.read:>8}{tally.taken:>8}{tally.duplicates:>7}"
            f"{tally.refused:>8}{tally.added:>7}{tally.new:>8}{tally.known:>7}"
            f"{tally.conflicts:>7}{tally.delisted:>9}{tally.held:>8}{tally.personal:>9}"
            f"{tally.seconds:>7.1f}"
        )
    for kind, tally in tallies.items():
        for reason, number in tally.reasons.most_common(12):
            print(f"  {kind}: {number} refused: {reason[:140]}")


def _release(bloc: Bloc, handles: list[int]) -> list[str]:
    wired = bloc.nodes[SENDER]
    faults: list[str] = []
    start = time.perf_counter()
    wish = Wish(treaty=bloc.treaty, purpose="prevention")
    results = disclose(wired.node, EVERYBODY, wired.gate, handles, wish)
    print(f"\ndisclosed {len(handles)} items to 5 members in {time.perf_counter() - start:.1f} s")
    for each in results:
        faults += _received(bloc, each, len(handles))
    return faults


def _received(bloc: Bloc, given: Disclosed, asked: int) -> list[str]:
    articles = Counter[str]()
    for batch in given.sent:
        articles[batch.article] += batch.items
    codes = Counter(one.code for one in given.withheld)
    start = time.perf_counter()
    report = bloc.pull(given.recipient, SENDER)
    took = time.perf_counter() - start
    bulk = report.lanes[-1]
    print(
        f"{given.recipient}: given {given.given} ({_counts(articles, 'Art. ')}), withheld "
        f"{len(given.withheld)} ({_counts(codes)}); received {bulk.accepted} held, {bulk.known} "
        f"known, {bulk.quarantined} quarantined, {bulk.hits} hits in {took:.1f} s {bulk.fault}"
    )
    for reason, number in Counter(one.reason for one in given.withheld).most_common(4):
        print(f"    withheld {number}: {reason[:160]}")
    faults = []
    if given.given + given.already + len(given.withheld) != asked:
        faults.append(f"{given.recipient}: given + withheld is not {asked}")
    if bulk.accepted + bulk.known + bulk.quarantined != given.given:
        faults.append(f"{given.recipient}: received is not given")
    if bulk.fault or bulk.quarantined:
        faults.append(f"{given.recipient}: {bulk.fault or bulk.quarantined}")
    return faults


def _counts(counts: Counter[str], before: str = "") -> str:
    return ", ".join(f"{before}{name}: {number}" for name, number in sorted(counts.items()))


def _agree(bloc: Bloc) -> list[str]:
    faults: list[str] = []
    for member, wired in bloc.nodes.items():
        with wired.node.database.read() as tx:
            found = figures(tx, wired.node.identity)
        faults += [f"{member}: {line}" for line in found.unbalanced]
        faults += [
            f"{member} → {lane.recipient}: {lane.count} rows, {lane.confirmed} confirmed"
            for lane in found.lanes
            if not lane.agreed and lane.lane == "bulk"
        ]
    return faults


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
