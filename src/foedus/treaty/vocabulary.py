"""The words a treaty's machine rules may use: the Cedar schema, annotations and their meaning.

A rule stands in a fenced ``cedar`` block under the article it implements. It may look only at what
is listed here. Instants come first, never ages: compare ``resource.expiry`` with ``context.now``.

Annotations on a ``permit`` carry obligations, joined strictest-first with every duty that applies:

=================  ==========================================================================
``@redact``        space-separated targets removed before release: ``property:NAME`` (a top-level
                   STIX property) or ``kind:KIND`` (every selector of that kind, wherever it stands)
``@retain``        ISO 8601 duration the recipient may keep the item without a new decision
``@acknowledge``   ISO 8601 duration within which the recipient must acknowledge
``@approvals``     ``1`` or ``2`` distinct persons who must approve exactly what is released
``@review``        ISO 8601 duration within which the sender must review a release that came first
``@duty``          marks a ``permit`` as a duty: it never permits; when its condition holds its
                   obligations are added to every release. The value says what the duty is.
=================  ==========================================================================

Durations are whole weeks, days, hours, minutes (``P180D``, ``PT24H``); months and years have no
fixed length and are refused. Spec: Cedar policy language 4, schema syntax; ISO 8601-1 §5.5.2.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ACTIONS", "ANNOTATIONS", "ATTRIBUTES", "SCHEMA"]

ACTIONS: Final = ("disclose", "screen", "query")
"""What may be asked: disclose an item, feed a screening list, ask whether another holds it."""

ANNOTATIONS: Final = frozenset({"redact", "retain", "acknowledge", "approvals", "review", "duty"})

SCHEMA: Final = """
entity Member;

entity Terms = {
  originator: Member,
  purposes: Set<String>,
  offence: String,
  person: String,
  personal: Bool,
  tlp: String,
  handling: Set<String>,
  source: String,
  information: String,
  neutral: Bool,
  exercise: Bool,
  review?: datetime,
  expiry?: datetime,
};

type Question = {
  sender: Member,
  purpose: String,
  now: datetime,
  kind: String,
  onward: Bool,
  consent: Bool,
  recognised: Bool,
  concerns_recipient: Bool,
  threat_to_life: Bool,
};

action disclose, screen, query appliesTo {
  principal: Member,
  resource: Terms,
  context: Question,
};
"""
"""Cedar schema. The principal is the recipient; the resource is the item's class of terms with the
markings found in the item joined in; ``recognised`` says both sides recognise the offence category;
``onward`` that the sender is not the originator; ``concerns_recipient`` that the item is about one
the recipient itself gave (a sighting of its item, an answer)."""

ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "resource": (
        "originator",
        "purposes",
        "offence",
        "person",
        "personal",
        "tlp",
        "handling",
        "source",
        "information",
        "neutral",
        "exercise",
        "review",
        "expiry",
    ),
    "context": (
        "sender",
        "purpose",
        "now",
        "kind",
        "onward",
        "consent",
        "recognised",
        "concerns_recipient",
        "threat_to_life",
    ),
}
"""The attributes of the schema, by the name a rule reaches them under."""
