"""What a machine rule asks for, in words: for people who read reasons, not rules.

A rule's `when` is a chain of conditions. Those that the vocabulary of treaties makes possible and
treaties use have words here; any other is shown as it is written, cut to a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["condition_in_words"]

_SHOWN_CHARS: Final = 70
_SHOWN_NAMES: Final = 5
_WORD: Final = re.compile(r'"([^"]*)"')
_EQUALS: Final = re.compile(r'(?P<what>[a-z_.]+) == "(?P<one>[^"]*)"')
_ONE_OF: Final = re.compile(r'\[(?P<many>"[^\]]*")\]\.contains\((?P<what>[a-z_.]+)\)')
_HANDLING: Final = re.compile(r'(?P<not>!)?\(?resource\.handling\.contains\("(?P<one>[^"]*)"\)\)?')

_PLAIN: Final = {
    "resource.purposes.contains(context.purpose)": "a purpose that its terms name",
    "context.recognised": "an offence that both recognise",
    "resource.personal": "personal data",
    "!resource.personal": "no personal data",
    "context.concerns_recipient": "an item about what the recipient gave",
    "!context.concerns_recipient": "an item that is not about what the recipient gave",
    "context.threat_to_life": "a threat to life",
    "!context.threat_to_life": "no threat to life",
    "context.onward": "an item of another originator",
    "!context.onward": "an item of the sender's own",
    "context.consent": "the originator's consent",
    "resource.neutral": "a review of its neutrality",
    "resource.exercise": "an item of an exercise",
    "!resource.exercise": "an item of no exercise",
    "if resource has expiry then context.now < resource.expiry else true": (
        "an item that has not expired"
    ),
    "resource has review": "a review date",
    "context.now < resource.review": "a review date still ahead",
}


def _named(names: Sequence[str]) -> str:
    shown = list(names[:_SHOWN_NAMES])
    if len(names) > _SHOWN_NAMES:
        shown.append(f"one of {len(names) - _SHOWN_NAMES} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _person(names: Sequence[str]) -> str:
    return "no person in it" if list(names) == ["none"] else f"a person as {_named(names)}"


_OF: Final[dict[str, Callable[[Sequence[str]], str]]] = {
    "context.purpose": lambda names: f"the purpose {_named(names)}",
    "context.kind": lambda names: f"an item of type {_named(names)}",
    "resource.offence": lambda names: f"the offence {_named(names)}",
    "resource.person": _person,
    "resource.tlp": lambda names: f"the marking {_named([f'TLP:{n.upper()}' for n in names])}",
    "resource.source": lambda names: f"a source graded {_named(names)}",
    "resource.information": lambda names: f"information graded {_named(names)}",
    "resource.originator": lambda names: f"the originator {_named(names)}",
    "context.sender": lambda names: f"the sender {_named(names)}",
}


def condition_in_words(condition: str) -> str:
    """Return a condition of a rule in words, to follow "it wants"."""
    text = " ".join(condition.split())
    bare = text.replace("(resource has expiry)", "resource has expiry")
    bare = bare.replace("(context.now < resource.expiry)", "context.now < resource.expiry")
    if words := _PLAIN.get(bare):
        return words
    if (found := _HANDLING.fullmatch(text)) is not None:
        return f"{'no ' if found['not'] else ''}handling condition {found['one']}"
    for pattern, group in ((_EQUALS, "one"), (_ONE_OF, "many")):
        found = pattern.fullmatch(text)
        if found is not None and (told := _OF.get(found["what"])) is not None:
            return told([found["one"]] if group == "one" else _WORD.findall(found["many"]))
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
