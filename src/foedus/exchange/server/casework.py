"""Casework over HTTP: the table of routes at ``/api/v1/``, and what becomes of each call.

What every route shares is in :mod:`foedus.exchange.server.casework_call`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import msgspec
from starlette.routing import Route

from foedus.access import require_role
from foedus.errors import FoedusError
from foedus.exchange.errors import ForbiddenError, NoSuchResourceError, StillWorkingError
from foedus.exchange.server.casework_call import (
    MAX_CASE_BODY_BYTES,
    Ask,
    CaseRoute,
    Desk,
    Document,
    NoQuery,
    check_media,
    purpose_of,
    read_body,
    read_query,
)
from foedus.exchange.server.casework_challenges import CHALLENGE_ROUTES
from foedus.exchange.server.casework_consents import CONSENT_ROUTES, FEEDBACK_ROUTES
from foedus.exchange.server.casework_keeping import KEEPING_ROUTES
from foedus.exchange.server.casework_orders import ORDER_ROUTES
from foedus.exchange.server.casework_repeat import Repeats
from foedus.exchange.server.casework_requests import REQUEST_ROUTES
from foedus.exchange.server.credentials import TOKEN_CHALLENGES, Credentials, ToolCaller
from foedus.exchange.server.edge import Call, Edge, Handler, Reply, challenged, log_event
from foedus.exchange.server.errors import (
    PROBLEM_TYPE,
    Answer,
    answer_to,
    problem,
    problem_of,
)
from foedus.exchange.server.media import TAXII_TYPE

__all__ = ["CASE_ROUTES", "CASE_SCOPE", "CaseworkRoutes", "as_problem", "case_answer"]

CASE_SCOPE: Final = "case"
"""Scope of the tokens that do casework."""

_JSON: Final = "application/json"
_OURS: Final = 500
_REFUSED: Final = Answer(422, "The request is refused", text=True)
_ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "canonical": _REFUSED,
        "casework": _REFUSED,
        "casework.course": Answer(409, "This does not follow in the state it is in", text=True),
        "clock": _REFUSED,
        "intake": _REFUSED,
        "model": _REFUSED,
        "node.refused": _REFUSED,
        "release": _REFUSED,
        "treaty": _REFUSED,
    }
)
"""What is answered otherwise than on other routes: the user is told what the command line tells.
A code that is not named takes the row of its longest prefix, if :mod:`.errors` has none."""


def _about(ask: Ask[NoQuery, None]) -> Document:
    identity = ask.node.identity
    return {
        "member": identity.member,
        "name": identity.name,
        "exercise": identity.exercise,
        "user": ask.actor.user,
        "roles": sorted(role.value for role in ask.actor.roles),
    }


CASE_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(method="GET", path="", does="Whose node this is, and who asks", work=_about),
    *ORDER_ROUTES,
    *REQUEST_ROUTES,
    *CONSENT_ROUTES,
    *FEEDBACK_ROUTES,
    *CHALLENGE_ROUTES,
    *KEEPING_ROUTES,
)
"""Every route of casework; of two that fit a path the first counts."""


def case_answer(error: FoedusError) -> Answer:
    """Return how an error of casework is answered."""
    code = error.code
    if code in _ANSWERS:
        return _ANSWERS[code]
    known = answer_to(error)
    while known.status == _OURS and "." in code:
        code = code.rpartition(".")[0]
        known = _ANSWERS.get(code, known)
    return known


def as_problem(reply: Reply) -> Reply:
    """Return an error of the edge as a problem document. Spec: RFC 9457."""
    if reply.media_type != TAXII_TYPE or not reply.body:
        return reply
    return replace(reply, body=problem_of(reply.body, reply.status), media_type=PROBLEM_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseworkRoutes:
    """The routes at ``/api/v1/``.

    Attributes:
        gate: Lets tools in.
        repeats: Remembers what was asked with a key.
        desk: What casework is done with; None where this process does none.
    """

    gate: Credentials
    repeats: Repeats
    desk: Desk | None

    def routes(self, edge: Edge) -> list[Route]:
        """Return them, one for each path."""
        by_path: defaultdict[str, dict[str, CaseRoute]] = defaultdict(dict)
        for each in CASE_ROUTES:
            by_path[each.template][each.method] = each
        marked = challenged(*TOKEN_CHALLENGES)
        return [
            Route(
                path,
                edge.endpoint(
                    marked(self._handler(methods)),
                    max_body_bytes=MAX_CASE_BODY_BYTES,
                    admit=marked(self._admit),
                    restate=as_problem,
                ),
                methods=list(methods),
            )
            for path, methods in by_path.items()
        ]

    def _admit(self, call: Call) -> None:
        """Refuse strangers before their body is read."""
        _check_scope(self.gate.caller(call))

    def _handler(self, methods: Mapping[str, CaseRoute]) -> Handler:
        def handle(call: Call) -> Reply:
            caller = self.gate.caller(call)
            route = methods["GET" if call.method == "HEAD" else call.method]
            try:
                return self._answer(route, caller, call)
            except FoedusError as error:
                answer = case_answer(error)
                if answer.status >= _OURS and not isinstance(error, StillWorkingError):
                    raise
                return _refusal(error, answer)

        return handle

    def _answer(self, route: CaseRoute, caller: ToolCaller, call: Call) -> Reply:
        _check_scope(caller)
        if route.roles:
            require_role(caller.actor, *route.roles)
        if self.desk is None or any("\0" in each for each in call.parts.values()):
            raise NoSuchResourceError("nothing is here")
        check_media(call)
        ask: Ask[Any, Any] = Ask(
            desk=self.desk,
            actor=caller.actor,
            purpose=purpose_of(call, caller.purpose),
            parts=call.parts,
            query=read_query(call.query, route.query),
            body=read_body(call.body, route.body),
        )

        def work() -> Reply:
            body = msgspec.json.encode(route.work(ask))
            return Reply(body=body, status=route.status, media_type=_JSON)

        if route.method != "POST" or not route.remembered:
            return work()
        return self.repeats.once(call, caller.actor.user, work)


def _check_scope(caller: ToolCaller) -> None:
    if caller.scope != CASE_SCOPE:
        raise ForbiddenError(f"this needs a token with the scope `{CASE_SCOPE}`")


def _refusal(error: FoedusError, answer: Answer) -> Reply:
    log_event("refused", code=error.code, reason="", status=answer.status)
    return Reply(
        body=problem(
            answer.status, answer.title, detail=str(error) if answer.text else "", code=error.code
        ),
        status=answer.status,
        media_type=PROBLEM_TYPE,
        headers={"retry-after": "1"} if isinstance(error, StillWorkingError) else {},
    )
