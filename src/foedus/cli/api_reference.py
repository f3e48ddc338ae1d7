"""The part of ``docs/openapi.json`` that describes casework, made from the routes themselves.

``python -m foedus.cli.api_reference docs/openapi.json`` writes it anew; a test compares the two.
What a route takes is what its server reads, what it answers is what the client reads.

Spec: OpenAPI 3.1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from foedus.client import case_challenges as challenges
from foedus.client import case_consents as consents
from foedus.client import case_keeping as keeping
from foedus.client import case_orders as orders
from foedus.client import case_requests as requests
from foedus.client.casework import About
from foedus.exchange.lane_names import API_PATH
from foedus.exchange.server.casework import CASE_ROUTES
from foedus.exchange.server.casework_call import CaseRoute
from foedus.exchange.server.errors import PROBLEM_TYPE

__all__ = ["described", "with_casework"]

_REF: Final = "#/components/schemas/{name}"
_PARTS: Final = re.compile(r"\{(\w+)\}")
_JSON: Final = "application/json"

_PAGES: Final[Mapping[str, tuple[str, Any]]] = {
    "GET orders": ("orders", orders.Order),
    "GET orders/received": ("orders", orders.ReceivedOrder),
    "GET breaches": ("breaches", orders.Breach),
    "GET requests": ("requests", requests.Request),
    "GET requests/inbox": ("requests", requests.Request),
    "GET consents": ("consents", consents.Consent),
    "GET consents/requests": ("requests", consents.ConsentRequest),
    "GET consents/inbox": ("requests", consents.ConsentRequest),
    "GET feedback": ("feedback", consents.FeedbackRow),
    "GET challenges": ("challenges", challenges.Challenge),
    "GET challenges/breaches": ("breaches", challenges.LateCase),
    "GET access": ("requests", challenges.AccessRequest),
    "GET readings": ("readings", keeping.Reading),
}
"""Lists: under which name their rows stand, and what a row is."""

_RESULTS: Final[Mapping[str, Any]] = {
    "GET ": About,
    "POST orders": orders.IssuedOrders,
    "GET orders/matrix": orders.Matrix,
    "POST orders/received/{number}/execute": orders.ReceivedOrder,
    "GET orders/{order}": orders.OrderView,
    "POST grounds": orders.KeptItem,
    "POST grounds/release": orders.KeptItem,
    "POST breaches/{number}/close": orders.Breach,
    "GET requests/{request}": requests.RequestView,
    "GET requests/{request}/preview": requests.RequestPreview,
    "POST requests/{request}/send": requests.SentRequest,
    "POST requests/{request}/answer": requests.AnswerGiven,
    "POST requests/{request}/reply": requests.ReplyDraft,
    "POST consents/inbox/{number}/give": consents.Consent,
    "POST consents/{number}/withdraw": consents.ConsentWithdrawn,
    "POST feedback": consents.FeedbackDraft,
    "POST feedback/withdraw": consents.FeedbackWithdrawn,
    "GET challenges/figures": challenges.YearFigures,
    "POST challenges/breaches/{number}/close": challenges.LateCase,
    "GET challenges/{number}": challenges.ChallengeView,
    "GET challenges/{number}/letter": challenges.Letter,
    "POST challenges/{number}/decide": challenges.Decision,
    "POST challenges/{number}/forget": challenges.Forgotten,
    "POST access/{number}/search": challenges.AccessSearch,
    "GET access/{number}/letter": challenges.Letter,
    "POST access/{number}/forget": challenges.Forgotten,
    "GET retention": keeping.RetentionPage,
    "GET retention/purge": keeping.PurgePage,
    "POST subjects/find": keeping.SubjectReport,
}
"""What else is answered; of what is not named here the first word of the path tells."""

_OTHERWISE: Final[Mapping[str, Any]] = {
    "requests": requests.Request,
    "consents": consents.ConsentRequest,
    "challenges": challenges.Challenge,
    "access": challenges.AccessRequest,
}
_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "As in docs/errors.md"},
        "error_id": {"type": "string", "description": "Stands in the node's log too"},
    },
    "required": ["title", "status"],
}


def described() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the paths of casework and the schemas they refer to."""
    kinds = {each.body for each in CASE_ROUTES if each.body is not None}
    kinds |= {each.query for each in CASE_ROUTES}
    results = [*(kind for _, kind in _PAGES.values()), *_RESULTS.values(), *_OTHERWISE.values()]
    ordered = sorted({*kinds, *results}, key=lambda kind: (kind.__module__, kind.__name__))
    refs, schemas = msgspec.json.schema_components(ordered, ref_template=_REF)
    named = dict(zip(ordered, refs, strict=True))
    paths: dict[str, Any] = {}
    for each in CASE_ROUTES:
        query = _resolved(named[each.query], schemas)
        paths.setdefault(each.template, {})[each.method.lower()] = _operation(each, query, named)
    used: dict[str, Any] = {}
    waiting = _refs_in(paths)
    while waiting:
        name = _name(waiting.pop())
        used[name] = schemas[name]
        waiting |= {each for each in _refs_in(schemas[name]) if _name(each) not in used}
    return paths, {**dict(sorted(used.items())), "Problem": _PROBLEM}


def with_casework(document: dict[str, Any]) -> dict[str, Any]:
    """Return a description of all routes with casework as it is now."""
    paths, schemas = described()
    kept = {path: item for path, item in document["paths"].items() if API_PATH not in path}
    others = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if not schema.get("x-casework")
    }
    marked = {name: {**schema, "x-casework": True} for name, schema in schemas.items()}
    if clash := set(others) & set(marked):
        raise ValueError(f"two schemas of one name: {sorted(clash)}")
    answer = {
        "description": "What went wrong",
        "content": {PROBLEM_TYPE: {"schema": _of("Problem")}},
    }
    components = {
        **document["components"],
        "schemas": {**others, **marked},
        "responses": {**document["components"]["responses"], "Problem": answer},
    }
    return {**document, "paths": {**kept, **paths}, "components": components}


def _operation(
    route: CaseRoute, query: Mapping[str, Any], named: Mapping[Any, Any]
) -> dict[str, Any]:
    parameters = [_path_parameter(each) for each in _PARTS.findall(route.path)]
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": name in query.get("required", ()),
            "schema": schema,
        }
        for name, schema in query.get("properties", {}).items()
    ]
    parameters.append(_header("Foedus-Purpose", "What personal data is read for", 300))
    if route.method == "POST" and route.remembered:
        parameters.append(_header("Idempotency-Key", "The same again is done once", 128))
    found: dict[str, Any] = {
        "summary": route.does,
        "description": _who(route),
        "security": [{"bearer": []}, {"basic": []}],
        "parameters": parameters,
    }
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": named[route.body]}},
        }
    found["responses"] = {
        str(route.status): {
            "description": "Done" if route.method == "POST" else "What was asked for",
            "content": {_JSON: {"schema": _result(route, named)}},
        },
        "default": {"$ref": "#/components/responses/Problem"},
    }
    return found


def _result(route: CaseRoute, named: Mapping[Any, Any]) -> dict[str, Any]:
    key = f"{route.method} {route.path}"
    if key in _PAGES:
        name, kind = _PAGES[key]
        rows = {"type": "array", "items": named[kind]}
        return {
            "type": "object",
            "properties": {name: rows, "next": {"type": "string"}},
            "required": [name, "next"],
        }
    found: dict[str, Any] = named[_RESULTS.get(key) or _OTHERWISE[route.path.split("/")[0]]]
    return found


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0} if name == "number" else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _header(name: str, description: str, most: int) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": most}
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _who(route: CaseRoute) -> str:
    if not route.roles:
        return "A token with the scope `case`."
    return f"A token with the scope `case`, of a user who is {' or '.join(route.roles)}."


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schemas[_name(schema["$ref"])] if "$ref" in schema else schema
    return found


def _refs_in(value: Any) -> set[str]:
    """Return every reference within a value."""
    if isinstance(value, Mapping):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        own = {each for each in own if each.startswith("#/components/schemas/")}
        return own.union(*(_refs_in(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_refs_in(each) for each in value))
    return set()


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _of(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}


def _main(place: Path) -> None:
    document = json.loads(place.read_text(encoding="utf-8"))
    text = json.dumps(with_casework(document), indent=1, ensure_ascii=False)
    place.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
