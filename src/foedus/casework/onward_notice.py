"""Onward notices: who passed an item on tells its originator to whom.

The record is canonical JSON, ``v kind exercise holder originator recipient treaty instant items``;
an item is ``id version``, as the holder holds it. It is signed by a node key of the holder, goes to
the originator alone, and holds no content.

Spec: design §2 rule 4; Convention Article 18 (4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.casework.errors import NoticeError
from foedus.casework.form import CaseForm
from foedus.casework.payload import Fields
from foedus.clock import instant_text
from foedus.model.identifiers import (
    MemberId,
    ObjectId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.signing import Envelope, PublicKey, SigningKey

__all__ = ["MAX_PASSED", "NOTICE_TYPE", "OnwardNotice", "open_notice", "sign_notice"]

NOTICE_TYPE: Final = "application/vnd.foedus.onward-notice+json;v=1"
"""Payload type of the envelope of an onward notice."""

MAX_PASSED: Final = 1_000
"""Most items one notice names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardNotice:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        holder: Who passed the items on, and speaks.
        originator: Whose items they are, and who is told.
        recipient: To whom they were passed on; neither of the two.
        treaty: Under which treaty.
        at: When; aware UTC.
        items: (id, version) of each, rising; 1 to :data:`MAX_PASSED`.
    """

    exercise: bool
    holder: MemberId
    originator: MemberId
    recipient: MemberId
    treaty: TreatyId
    at: datetime
    items: tuple[tuple[ObjectId, str], ...]


def sign_notice(notice: OnwardNotice, key: SigningKey) -> Envelope:
    """Sign a notice with a node key of the holder.

    Raises:
        NoticeError: It could not be opened again, with the reason.
    """
    return _FORM.sign(
        lambda: {
            "exercise": notice.exercise,
            "holder": notice.holder,
            "originator": notice.originator,
            "recipient": notice.recipient,
            "treaty": notice.treaty,
            "instant": instant_text(notice.at),
            "items": [{"id": name, "version": version} for name, version in notice.items],
        },
        key,
    )


def open_notice(envelope: Envelope, keys: tuple[PublicKey, ...]) -> OnwardNotice:
    """Verify a notice and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the holder.

    Raises:
        NoticeError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def _item(fields: Fields) -> tuple[ObjectId, str]:
    return object_id(fields.text("id")), fields.text("version")


def _read(fields: Fields) -> OnwardNotice:
    notice = OnwardNotice(
        exercise=fields.flag("exercise"),
        holder=fields.member("holder"),
        originator=fields.member("originator"),
        recipient=fields.member("recipient"),
        treaty=treaty_id(fields.text("treaty")),
        at=fields.instant("instant"),
        items=tuple(_item(each) for each in fields.objects("items")),
    )
    if len({notice.holder, notice.originator, notice.recipient}) < 3:  # noqa: PLR2004 - each another
        raise NoticeError("no onward notice: it is between three members")
    if not notice.items or list(notice.items) != sorted(set(notice.items)):
        raise NoticeError("no onward notice: its items rise, and there is at least one")
    return notice


_FORM: Final = CaseForm(
    payload_type=NOTICE_TYPE,
    kind="onward-notice",
    what="onward notice",
    error=NoticeError,
    fields=_read,
)
