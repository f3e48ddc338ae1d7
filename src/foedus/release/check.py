"""Everything wrong with a treaty file at once: its form, its machine rules and their reach.

One report for whoever drafts (``foedus treaty check``) and for whatever takes a text in: a text
with a fault is refused with all of them and stored nowhere. Rules of the report:

1. Faults of form (:mod:`foedus.treaty.parser`) and of the rules (:mod:`foedus.release.rules`) stand
   together, as far as the file can be read at all.
2. How far the rules reach (:mod:`foedus.release.breadth`) is examined once there is no fault, and
   what the figures of witnessing are worth.
3. The report is in the order of the file. Line and column count from 1; a fault of the file as a
   whole has zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foedus.model.identifiers import PolicyId, article_of_policy
from foedus.release.breadth import Remark, Severity, examine
from foedus.release.compile import assemble
from foedus.release.errors import CompileFault, CompileFaults
from foedus.release.rules import Rules, read_rules
from foedus.treaty.articles import Treaty
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.parser import read_treaty

__all__ = ["Finding", "Report", "accept_treaty", "check_treaty"]

_BILATERAL: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        severity: What follows from it.
        line: Line of the file, from 1; 0 for the file as a whole.
        column: Character of that line, from 1; 0 for the line or file as a whole.
        article: Number of the article; empty where it is about none.
        rule: Id of the machine rule (``7/2``); empty where it is about none.
        text: What was found and, where it can be told, what would be right.
    """

    severity: Severity
    line: int
    column: int
    article: str
    rule: str
    text: str

    def document(self) -> dict[str, object]:
        """Return the finding for programs."""
        return {
            "severity": self.severity.value,
            "line": self.line,
            "column": self.column,
            "article": self.article,
            "rule": self.rule,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in a treaty file.

    Attributes:
        treaty: The treaty, where the text has no fault.
        findings: In the order of the file.
    """

    treaty: Treaty | None
    findings: tuple[Finding, ...]
    _form: tuple[Fault, ...]
    _rules: tuple[CompileFault, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(each for each in self.findings if each.severity is severity)

    def require(self) -> Treaty:
        """Return the treaty.

        Raises:
            TreatyFaults: The file is no treaty; the faults of its rules are listed with the rest.
            CompileFaults: It is one, and its machine rules have faults.
        """
        if self.treaty is not None:
            return self.treaty
        if not self._form:
            raise CompileFaults(self._rules)
        faults = [*self._form]
        faults += [Fault(each.line, _told(each), each.column) for each in self._rules]
        raise TreatyFaults(tuple(sorted(faults, key=lambda each: (each.line, each.column))))


def check_treaty(raw: bytes) -> Report:
    """Check a treaty file and report everything found.

    Args:
        raw: The exact bytes; untrusted.
    """
    reading = read_treaty(raw)
    treaty = reading.treaty
    rules = Rules() if treaty is None else read_rules(treaty)
    findings = [_of_form(fault) for fault in reading.faults]
    faults = list(rules.faults)
    if treaty is not None and not reading.faults and not faults:
        faults += _refused(treaty, rules)
        findings += _of_witnessing(treaty)
        for remark in examine(rules.policies, treaty) if not faults else ():
            findings.append(_of_remark(remark, rules))
            if remark.severity is Severity.FAULT and remark.policy is not None:
                faults.append(_fault_of(remark, remark.policy, rules))
    else:
        treaty = None
    findings += [_of_rule(each) for each in faults if _of_rule(each) not in findings]
    findings.sort(key=lambda each: (each.line, each.column, each.severity.value, each.text))
    return Report(
        treaty=None if faults else treaty,
        findings=tuple(dict.fromkeys(findings)),
        _form=reading.faults,
        _rules=tuple(faults),
    )


def accept_treaty(raw: bytes) -> Treaty:
    """Return the treaty in a file that has no fault; warnings do not matter here.

    Raises:
        TreatyFaults: The file is no treaty.
        CompileFaults: A machine rule does not hold up.
    """
    return check_treaty(raw).require()


def _refused(treaty: Treaty, rules: Rules) -> tuple[CompileFault, ...]:
    """Return what the engine has against rules in which nothing was found wrong."""
    try:
        assemble(treaty, rules)
    except CompileFaults as error:
        return error.faults
    return ()


def _of_witnessing(treaty: Treaty) -> list[Finding]:
    """Say of a treaty of two that each is the other's only witness."""
    if treaty.witnessing is None or len(treaty.parties) != _BILATERAL:
        return []
    one, other = (party.member for party in treaty.parties)
    return [
        Finding(
            severity=Severity.NOTE,
            line=0,
            column=0,
            article="",
            rule="",
            text=f"{one} and {other} are each the only witness of the other's log, which proves "
            "less: what the two agree to hide nobody can show, and either alone can keep the other "
            "from releasing anything new",
        )
    ]


def _of_form(fault: Fault) -> Finding:
    return Finding(
        severity=Severity.FAULT,
        line=fault.line,
        column=fault.column,
        article="",
        rule="",
        text=fault.text,
    )


def _of_rule(fault: CompileFault) -> Finding:
    return Finding(
        severity=Severity.FAULT,
        line=fault.line,
        column=fault.column,
        article=fault.article,
        rule=fault.policy,
        text=fault.reason,
    )


def _of_remark(remark: Remark, rules: Rules) -> Finding:
    line, column = rules.places[remark.policy] if remark.policy is not None else (0, 0)
    return Finding(
        severity=remark.severity,
        line=line,
        column=column,
        article="" if remark.policy is None else article_of_policy(remark.policy),
        rule=remark.policy or "",
        text=remark.text,
    )


def _fault_of(remark: Remark, policy: PolicyId, rules: Rules) -> CompileFault:
    line, column = rules.places[policy]
    return CompileFault(
        article=article_of_policy(policy),
        policy=policy,
        reason=remark.text,
        line=line,
        column=column,
    )


def _told(fault: CompileFault) -> str:
    where = f"rule {fault.policy}" if fault.policy else f"article {fault.article}"
    return f"{where}: {fault.reason}"
