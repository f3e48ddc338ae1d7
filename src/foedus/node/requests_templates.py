"""Templates of requests: the purpose, the basis and the words that drafts of one sort share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports.requests import RequestTemplate

__all__ = ["TEMPLATE_FIELDS", "find_template", "put_template", "remove_template"]

TEMPLATE_FIELDS: Final = frozenset(
    {"treaty", "article", "purpose", "offence", "legal_basis", "urgency", "text", "person", "tlp"}
)
"""What a template may say beforehand: never whom to ask, nor about whom or what."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_MAX_CHARS: Final = 8_000


def put_template(node: Node, actor: Actor, name: str, values: Mapping[str, str]) -> None:
    """Keep a template, in place of one of that name.

    Raises:
        AccessDeniedError: The actor is neither analyst nor supervisor.
        RefusedError: The name is none, it says nothing, or what no template says.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    if not _NAME.fullmatch(name):
        raise RefusedError("a template is named in small letters, digits and hyphens, at most 40")
    unknown = values.keys() - TEMPLATE_FIELDS
    if unknown or not values:
        raise RefusedError(f"a template says some of {', '.join(sorted(TEMPLATE_FIELDS))}")
    if any(len(value) > _MAX_CHARS for value in values.values()):
        raise RefusedError(f"a template's texts have at most {_MAX_CHARS} characters")
    with node.database.write() as tx:
        tx.requests.put_template(
            RequestTemplate(name=name, values=dict(values), by=actor.user, at=node.clock.now())
        )
        note_act(tx, node, actor, "request.template", name)


def find_template(node: Node, name: str) -> RequestTemplate:
    """Return a template.

    Raises:
        NotFoundError: There is none of that name.
    """
    with node.database.read() as tx:
        found = tx.requests.template(name)
    if found is None:
        raise NotFoundError(f"no template {name!r}; `foedus request template list` shows them")
    return found


def remove_template(node: Node, actor: Actor, name: str) -> None:
    """Forget a template.

    Raises:
        AccessDeniedError: The actor is neither analyst nor supervisor.
        NotFoundError: There is none of that name.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR)
    with node.database.write() as tx:
        if not tx.requests.remove_template(name):
            raise NotFoundError(f"no template {name!r}")
        note_act(tx, node, actor, "request.template.remove", name)
