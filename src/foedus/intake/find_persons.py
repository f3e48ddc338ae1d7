"""Find phones, handles, document and account numbers in a text (rules: ``extract``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from foedus.intake.scanned import Candidate, Scanned, candidate
from foedus.model.selectors import SelectorKind

__all__ = ["handles", "labelled_numbers", "phones"]

_COUNTRY_CODE: Final = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?:21|22|23|24|25|26|29|35|37|38|42|50|59|67|68|69|80|85|87|88|96|97|99)[0-9])"
)
_PHONE: Final = re.compile(
    rf"(?<![\w+.])\+(?={_COUNTRY_CODE})[0-9][0-9 \u00a0().\-]{{6,24}}[0-9](?!\w)"
)
# The labels in other scripts: tel, mob (Russian); telephone, mobile, fax (Chinese).
_LABELLED_PHONE: Final = re.compile(
    r"(?:\btel|phone|mobile|\bcell|\bfax|whatsapp|viber|signal|\u0442\u0435\u043b|\u043c\u043e\u0431|\u7535\u8bdd|\u624b\u673a|\u4f20\u771f)"
    r"\w{0,8}[ .:\uff1a#]{0,4}((?:\+|00)[0-9 \u00a0().\-]{7,25}[0-9])(?!\w)",
    re.IGNORECASE,
)
_PLATFORM_NAMES: Final = (
    "telegram|twitter|instagram|facebook|tiktok|youtube|threads|vkontakte|vk|wechat|weibo|discord"
    "|skype|signal|viber|icq|snapchat|linkedin|github|gitlab|mastodon|keybase|x"
)
_HANDLE_AFTER: Final = re.compile(
    rf"\b({_PLATFORM_NAMES})\b"
    r"(?: (?:account|channel|handle|user|username|profile|id|group|bot)){0,2}"
    r"[ :\uff1a(\-]{1,3}@([A-Za-z0-9_.]{2,64})",
    re.IGNORECASE,
)
_HANDLE_BEFORE: Final = re.compile(
    rf"(?<![\w.])@([A-Za-z0-9_.]{{2,64}})(?: on | via | at | \(| \| )({_PLATFORM_NAMES})\b",
    re.IGNORECASE,
)
_LABELLED_NUMBER: Final = re.compile(
    r"\b(passport|identity card|id card|national id|driving licen[cs]e|account|acct|a/c)"
    r"(?: (?:no|nr|num|number)\b)?[ .:#№]{1,4}([A-Z0-9][A-Z0-9 \-]{3,30}[A-Z0-9])\b",
    re.IGNORECASE,
)
_DIGITS_IN_NUMBER: Final = 5


def phones(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be phone numbers (rule 8)."""
    for match in _LABELLED_PHONE.finditer(scanned.text):
        yield candidate(SelectorKind.PHONE, match.start(1), match[1])
    for match in _PHONE.finditer(scanned.text):
        yield candidate(SelectorKind.PHONE, match.start(), match[0])


def handles(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be handles (rule 9)."""
    for pattern, platform, name in ((_HANDLE_AFTER, 1, 2), (_HANDLE_BEFORE, 2, 1)):
        for match in pattern.finditer(scanned.text):
            login = match[name].rstrip(".")
            start = match.start(name) - 1
            yield Candidate(
                kind=SelectorKind.HANDLE,
                start=start,
                end=start + 1 + len(login),
                value=f"{match[platform]}:{login}",
            )


def labelled_numbers(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be document and account numbers (rule 9)."""
    for match in _LABELLED_NUMBER.finditer(scanned.text):
        value = _leading_number(match[2])
        if sum(c.isdigit() for c in value) < _DIGITS_IN_NUMBER:
            continue
        is_account = match[1].lower() in {"account", "acct", "a/c"}
        kind = SelectorKind.ACCOUNT if is_account else SelectorKind.DOCUMENT
        yield candidate(kind, match.start(2), value)


def _leading_number(text: str) -> str:
    """Return the printed groups that hold digits, before the words that follow them."""
    end = 0
    for group in re.finditer(r"[A-Za-z0-9-]+", text):
        if end and not any(c.isdigit() for c in group[0]):
            break
        end = group.end()
    return text[:end]
