"""The giving: what members enter and vouch for, what the first previews, what it discloses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foedus.demo.errors import DemoError
from foedus.demo.members import FIRST, OTHERS
from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Cell, Entered, Given, Previewed
from foedus.demo.plan import PURPOSE, Entry, held_by, terms_options
from foedus.demo.run import Run

__all__ = ["by_item", "cell_of", "disclose", "enter", "preview"]

_AGAINST_NOTHING: Final = frozenset({"permit", "duty"})
"""Kinds of reasons that do not speak against a release."""

_WANTED_VERDICTS: Final = ("permit", "permit-redacted", "needs-approval", "deny")


def enter(run: Run) -> None:
    """Each member enters what it has and vouches for it: the first its files, the others a list."""

    def enter_at(node: NodeProcess) -> list[Entered]:
        if node is run.bloc.first:
            return _enter_files(run, node)
        entry = held_by(node.member)
        (source,) = node.run("submit", str(entry.file)).document["sources"]
        return [_vouch(run, node, entry, source, {})]

    for entered in run.bloc.each(enter_at).values():
        for each in entered:
            run.checks.equal(
                f"{each.name}: read = taken + duplicates + refused",
                each.taken + each.duplicates + len(each.refused),
                each.read,
            )
            run.checks.that(f"{each.name}: something of it is held", holds=each.items > 0)
        run.outcome.entered.extend(entered)
    if run.plan.shipped:
        run.checks.equal("every file is read", run.outcome.refused_files, [])


def _enter_files(run: Run, node: NodeProcess) -> list[Entered]:
    """Enter the files of the plan; each source is vouched for on the terms of its entry."""
    files = [str(entry.file) for entry in run.plan.entries]
    answer = node.run("submit", *files, accept=(0, 1))
    run.outcome.refused_files.extend(answer.document.get("refused_files", ()))
    sources = answer.document.get("sources", [])
    if not sources:
        raise DemoError(f"none of these files could be read: {answer.words}")
    entries = list(run.plan.entries)
    entered = []
    for source in sources:
        # Files may share a name; sources come in the order of the files, refused ones left out.
        while entries[0].file.name != source["name"]:
            entries.pop(0)
        entry = entries.pop(0)
        if any(draft["id"] not in run.entry_of for draft in source["drafts"]):
            entered.append(_vouch(run, node, entry, source, run.entry_of))
    return entered


def _vouch(
    run: Run, node: NodeProcess, entry: Entry, source: Mapping[str, Any], known: dict[str, Entry]
) -> Entered:
    """Vouch for the drafts of a source; ``known`` learns which entry each is of."""
    done = node.run("vouch", source["source"], *terms_options(entry, now=run.now)).document
    for draft in source["drafts"]:
        known.setdefault(draft["id"], entry)
    return Entered(
        member=node.member.code,
        source=source["source"],
        name=source["name"],
        format=source["format"],
        offence=entry.offence,
        read=source["read"],
        taken=source["taken"],
        duplicates=len(source["duplicates"]),
        refused=tuple(f"{each['place']}: {each['reason']}" for each in source["refused"]),
        items=done["held"],
        personal=done["personal"],
        remark=entry.remark,
    )


def preview(run: Run) -> None:
    """The first member asks who would see what, under which article, and why not."""
    first = run.bloc.first
    sources = _sources(run)
    decisions = first.run("preview", *sources, "--purpose", PURPOSE).document["decisions"]
    entered = [each for each in run.outcome.entered if each.member == FIRST.code]
    # Decisions come item by item in the order of the sources, and a file's items are its own: the
    # same value in two files is two versions, each on its own terms.
    names = [each.name for each in entered for _ in range(each.items)]
    rows = by_item(decisions)
    run.checks.equal("every item held is in the preview", len(rows), len(names))
    run.outcome.previewed.extend(
        Previewed(
            number=row[0]["number"],
            id=row[0]["id"],
            type=row[0]["type"],
            title=row[0]["title"],
            source=name,
            cells={each["recipient"]: cell_of(each) for each in row},
        )
        for row, name in zip(rows, names, strict=False)
    )
    run.checks.that(
        "every item has a decision for each member",
        holds=all(len(row.cells) == len(OTHERS) for row in run.outcome.previewed),
    )
    if run.plan.shipped:
        found = run.outcome.verdicts()
        for verdict in _WANTED_VERDICTS:
            run.checks.that(f"the preview has a {verdict}", holds=found[verdict] > 0)


def by_item(decisions: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return the decisions of a preview item by item; each item has each member once."""
    rows: list[list[Mapping[str, Any]]] = []
    told: set[str] = set()
    for each in decisions:
        if not rows or each["recipient"] in told:
            rows.append([])
            told = set()
        rows[-1].append(each)
        told.add(each["recipient"])
    return rows


def cell_of(decision: Mapping[str, Any]) -> Cell:
    """Return the decision of one preview row."""
    against = [each for each in decision["reasons"] if each["kind"] not in _AGAINST_NOTHING]
    return Cell(
        verdict=decision["verdict"],
        article=decision["article"] or "",
        why=against[0]["text"] if against else "",
        redact=tuple(decision["obligations"].get("redact", ())),
    )


def disclose(run: Run) -> None:
    """The first member gives everything to everyone; the treaty decides what each gets."""
    answer = run.bloc.first.run("disclose", *_sources(run), "--purpose", PURPOSE).document
    asked = answer["items"]
    for member in answer["members"]:
        articles = Counter[str]()
        for batch in member["batches"]:
            articles[batch["article"]] += batch["items"]
        withheld = Counter((each["code"], each["reason"]) for each in member["withheld"])
        run.outcome.given.append(
            Given(
                member=member["member"],
                asked=asked,
                given=member["given"],
                already=member["already"],
                articles=dict(sorted(articles.items(), key=lambda each: int(each[0]))),
                withheld=tuple(
                    (code, reason, number) for (code, reason), number in withheld.most_common()
                ),
            )
        )
    run.checks.equal(
        "every other member is told of",
        [each.member for each in run.outcome.given],
        [member.code for member in OTHERS],
    )
    for each in run.outcome.given:
        _check_given(run, each)
    run.checks.that("something was given", holds=any(each.given for each in run.outcome.given))


def _check_given(run: Run, each: Given) -> None:
    """Every item is accounted for, and the release is what the preview showed."""
    run.checks.equal(
        f"{each.member}: asked = given + had already + withheld",
        each.given + each.already + each.kept,
        each.asked,
    )
    shown = Counter(row.cells[each.member].verdict for row in run.outcome.previewed)
    kept = Counter[str]()
    for code, _, number in each.withheld:
        kept[code] += number
    run.checks.equal(
        f"{each.member} is given what the preview showed",
        (each.given + kept["redaction"], kept["needs-approval"], kept["denied"]),
        (
            shown["permit"] + shown["permit-redacted"],
            shown["needs-approval"],
            shown["deny"],
        ),
    )


def _sources(run: Run) -> list[str]:
    return [each.source for each in run.outcome.entered if each.member == FIRST.code]
