"""Verdicts, obligations, reasons and changes in words, the same in every command."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from foedus.cli.conditions import condition_in_words

if TYPE_CHECKING:
    from foedus.casework.attestation import Kept
    from foedus.model.identifiers import ArticleId
    from foedus.release.counterfactual import Change
    from foedus.release.decide import Reason, Verdict
    from foedus.release.obligations import Obligations

__all__ = [
    "change_document",
    "changes_in_words",
    "counted",
    "grounds_in_words",
    "kept_in_words",
    "obligations_in_words",
    "outcome",
    "reason_document",
    "reasons_in_words",
    "verdict_in_words",
    "went_in_words",
]

_VERDICTS: Final = {
    "permit": "given",
    "permit-redacted": "given redacted",
    "needs-approval": "needs approval",
    "needs-consent": "needs the originator's consent",
    "deny": "not given",
}
_OTHER_ACTION: Final = "the rule is about another action"


def outcome(verdict: Verdict | None, article: ArticleId | None, unredactable: str) -> str:
    """Return what an item comes to for a member, for a cell of a table."""
    if verdict is None:
        return "its own"
    if verdict.value == "deny":
        return "no"
    if unredactable:
        return "nothing left"
    word = {"permit": "yes", "permit-redacted": "redacted"}.get(verdict.value, verdict.value)
    return f"{word} Art. {article}"


def verdict_in_words(verdict: Verdict) -> str:
    """Return a verdict as it stands in a sentence."""
    return _VERDICTS[verdict.value]


def counted(number: int, thing: str) -> str:
    """Return "1 item", "2 items"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def obligations_in_words(obligations: Obligations) -> list[str]:
    """Return what a release binds to, one thing each; empty where it binds to nothing."""
    from foedus.treaty.durations import length_text  # noqa: PLC0415

    told = []
    if obligations.redact:
        told.append(f"removed before it leaves: {_targets(obligations.redact)}")
    if obligations.approvals:
        persons = "person approves" if obligations.approvals == 1 else "persons approve"
        told.append(f"{obligations.approvals} {persons} exactly this before it leaves")
    if obligations.retain is not None:
        told.append(f"kept for at most {length_text(obligations.retain)} without a new decision")
    if obligations.acknowledge is not None:
        told.append(f"receipt acknowledged within {length_text(obligations.acknowledge)}")
    if obligations.review is not None:
        told.append(f"reviewed by us within {length_text(obligations.review)} of the release")
    return told


def _targets(redact: Collection[str]) -> str:
    words = {"property": "the property", "kind": "every"}
    return ", ".join(
        f"{words.get(sort, sort)} {name}"
        for sort, _, name in (target.partition(":") for target in sorted(redact))
    )


def reasons_in_words(reasons: Iterable[Reason]) -> str:
    """Return reasons as one line, each with its own remedy where it has one."""
    return "; ".join(each.text + _remedy(each) for each in reasons)


def _remedy(reason: Reason) -> str:
    if not reason.change:
        return ""
    if reason.kind.value != "condition":
        return f" (would change it: {reason.change})"
    wanted = reason.change != _OTHER_ACTION
    return f": it wants {condition_in_words(reason.change)}" if wanted else ""


def grounds_in_words(reasons: Iterable[Reason]) -> list[str]:
    """Return what reasons rest on, each once; what a rule wants and lacks stands together.

    Remedies are left out: they are told as smallest changes, which were decided again.
    """
    told: dict[str, list[str]] = {}
    for each in reasons:
        wanted = told.setdefault(each.text, [])
        if each.kind.value == "condition" and each.change and each.change != _OTHER_ACTION:
            wanted.append(condition_in_words(each.change))
    return [
        f"{text}: it wants {' and '.join(wanted)}" if wanted else text
        for text, wanted in told.items()
    ]


def changes_in_words(changes: Sequence[Change], *, most: int) -> list[str]:
    """Return the smallest changes, freest first, with what each leads to; at most so many."""
    told = [
        f"{each.text}: then {verdict_in_words(each.decision.verdict)}"
        + (f" under article {each.decision.article}" if each.decision.article else "")
        for each in changes[:most]
    ]
    if len(changes) > most:
        told.append(f"… and {len(changes) - most} other ways; `--json` lists all")
    return told


def reason_document(reason: Reason) -> dict[str, str]:
    """Return a reason as data."""
    return {
        "kind": reason.kind.value,
        "ref": reason.ref,
        "text": reason.text,
        "change": reason.change,
    }


def change_document(change: Change) -> Mapping[str, Any]:
    """Return a smallest change as data: its steps and what is decided with them."""
    return {
        "text": change.text,
        "steps": [
            {"kind": step.kind.value, "ref": step.ref, "text": step.text} for step in change.steps
        ],
        "verdict": change.decision.verdict.value,
        "article": change.decision.article,
    }


def went_in_words(counts: Mapping[str, int]) -> list[str]:
    """Return what an order took away, store by store, each with how many rows went."""
    return [f"{name}: {count}" for name, count in sorted(counts.items())]


def kept_in_words(kept: Kept) -> str:
    """Return what is kept on one reserved ground; in a backup nothing can be counted."""
    return f"kept for {kept.ground.value}" + (f": {kept.items}" if kept.items else "")
