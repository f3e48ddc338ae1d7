"""Which selectors a STIX object holds.

Rules, in the order the code applies them:

1. A cyber-observable (SCO) gives the selectors of its own properties: ``value`` of url,
   domain-name, addresses, phone-number and cryptocurrency-wallet; ``hashes`` of files, artifacts
   and certificates; ``url`` of artifacts; the login of a user-account on a public platform (an
   account of one machine or network, such as ``unix``, names nobody elsewhere and is skipped); IBAN
   and account number of a bank-account.
2. An observed-data object gives those of the objects embedded in it.
3. An indicator whose ``pattern_type`` is ``stix`` gives the values its pattern asserts; with
   :func:`mentions_of` also those it negates.
4. An identity or threat-actor gives its name and aliases, unless it is a class of people or a
   system; an identity also the addresses and numbers in ``contact_information``, and the aliases
   and numbers of documents in the extension a published list's entry carries.
5. MISP's ``x-misp-attribute`` and ``x-misp-object`` give those of their typed values.
6. A request for information gives the selectors it asks about.
7. Nothing else gives any: autonomous systems are networks, external references are sources, and
   descriptions are prose (read at intake, by a person's leave).

A value its kind's rule refuses gives no selector; validation is the place to complain of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from foedus.model.identifiers import ObjectId
from foedus.model.kinds import FoedusKind, statement_of
from foedus.model.normal_form import SelectorError
from foedus.model.objects import StixObject
from foedus.model.patterns import Comparison, PatternError, comparisons
from foedus.model.selectors import Selector, SelectorKind, normalise

__all__ = ["PERSON_EXTENSION_ID", "mentions_of", "selectors_of"]

MAX_SELECTORS: Final = 10_000
"""Most selectors taken from one object."""

_SELECTOR_KINDS: Final = frozenset(SelectorKind)
_ADDRESS_KINDS: Final = (SelectorKind.IPV4, SelectorKind.IPV6, SelectorKind.DOMAIN)

_VALUE_KINDS: Final[Mapping[str, tuple[SelectorKind, ...]]] = {
    "url": (SelectorKind.URL,),
    "domain-name": (SelectorKind.DOMAIN,),
    "ipv4-addr": (SelectorKind.IPV4,),
    "ipv6-addr": (SelectorKind.IPV6,),
    "email-addr": (SelectorKind.EMAIL,),
    "phone-number": (SelectorKind.PHONE,),
    "cryptocurrency-wallet": (SelectorKind.WALLET,),
}
"""Types whose ``value`` is a selector."""

_HASH_KINDS: Final[Mapping[str, SelectorKind]] = {
    "md5": SelectorKind.MD5,
    "sha-1": SelectorKind.SHA1,
    "sha1": SelectorKind.SHA1,
    "sha-256": SelectorKind.SHA256,
    "sha256": SelectorKind.SHA256,
    "sha-512": SelectorKind.SHA512,
    "sha512": SelectorKind.SHA512,
    "ssdeep": SelectorKind.SSDEEP,
    "tlsh": SelectorKind.TLSH,
    "pdq": SelectorKind.PDQ,
}
"""Keys of a ``hashes`` dictionary, in lower case (STIX 2.1 §10.6, hash-algorithm-ov)."""

_PATH_KINDS: Final[Mapping[str, tuple[SelectorKind, ...]]] = {
    "artifact:url": (SelectorKind.URL,),
    "bank-account:iban": (SelectorKind.IBAN,),
    "identity-document:number": (SelectorKind.DOCUMENT,),
    "bank-account:account_number": (SelectorKind.IBAN, SelectorKind.ACCOUNT),
    "network-traffic:dst_ref.value": _ADDRESS_KINDS,
    "network-traffic:src_ref.value": _ADDRESS_KINDS,
    "domain-name:resolves_to_refs[*].value": _ADDRESS_KINDS,
    "email-message:from_ref.value": (SelectorKind.EMAIL,),
    "email-message:sender_ref.value": (SelectorKind.EMAIL,),
    "email-message:to_refs[*].value": (SelectorKind.EMAIL,),
    "email-message:cc_refs[*].value": (SelectorKind.EMAIL,),
    "email-message:bcc_refs[*].value": (SelectorKind.EMAIL,),
    **{f"{name}:value": kinds for name, kinds in _VALUE_KINDS.items()},
}
"""Pattern paths whose literal is a selector; several kinds are tried in order."""

_MISP_KINDS: Final[Mapping[str, tuple[SelectorKind, ...]]] = {
    "iban": (SelectorKind.IBAN,),
    "bank-account-nr": (SelectorKind.IBAN, SelectorKind.ACCOUNT),
    "phone-number": (SelectorKind.PHONE,),
    "whatsapp-phone-number": (SelectorKind.PHONE,),
    "btc": (SelectorKind.WALLET,),
    "dash": (SelectorKind.WALLET,),
    "xmr": (SelectorKind.WALLET,),
    "passport-number": (SelectorKind.DOCUMENT,),
    "identity-card-number": (SelectorKind.DOCUMENT,),
    "domain": (SelectorKind.DOMAIN,),
    "hostname": (SelectorKind.DOMAIN,),
    "url": (SelectorKind.URL,),
    "uri": (SelectorKind.URL,),
    "link": (),
    "ip-src": (SelectorKind.IPV4, SelectorKind.IPV6),
    "ip-dst": (SelectorKind.IPV4, SelectorKind.IPV6),
    "email": (SelectorKind.EMAIL,),
    "email-src": (SelectorKind.EMAIL,),
    "email-dst": (SelectorKind.EMAIL,),
    "email-reply-to": (SelectorKind.EMAIL,),
    "whois-registrant-email": (SelectorKind.EMAIL,),
    "whois-registrant-phone": (SelectorKind.PHONE,),
    "md5": (SelectorKind.MD5,),
    "sha1": (SelectorKind.SHA1,),
    "sha256": (SelectorKind.SHA256,),
    "sha512": (SelectorKind.SHA512,),
    "x509-fingerprint-md5": (SelectorKind.MD5,),
    "x509-fingerprint-sha1": (SelectorKind.SHA1,),
    "x509-fingerprint-sha256": (SelectorKind.SHA256,),
    "ssdeep": (SelectorKind.SSDEEP,),
    "tlsh": (SelectorKind.TLSH,),
    "full-name": (SelectorKind.NAME,),
}
"""MISP attribute types that are selectors (MISP core format)."""

_LOCAL_ACCOUNTS: Final = frozenset(
    {"", "unix", "windows-local", "windows-domain", "ldap", "radius", "tacacs", "nis", "kerberos"}
)
"""``account_type`` of accounts that mean something inside one network only."""

PERSON_EXTENSION_ID: Final = ObjectId("extension-definition--9ced04a2-1d4d-58c4-9028-19b508faa0f3")
"""The property-extension of an identity that holds what a published list says of a person."""

_UNNAMED_CLASSES: Final = frozenset({"class", "system"})
_ACCOUNT_PATHS: Final = ("account_login", "user_id")


class _View(msgspec.Struct):
    """The few properties that may hold selectors; all others are skipped unread."""

    type: Any = None
    pattern: Any = None
    pattern_type: Any = None
    value: Any = None
    hashes: Any = None
    url: Any = None
    objects: Any = None
    name: Any = None
    aliases: Any = None
    identity_class: Any = None
    contact_information: Any = None
    account_type: Any = None
    account_login: Any = None
    user_id: Any = None
    iban: Any = None
    account_number: Any = None
    number: Any = None
    extensions: Any = None
    x_misp_type: Any = None
    x_misp_value: Any = None
    x_misp_attributes: Any = None


_DECODER: Final = msgspec.json.Decoder(_View)


def selectors_of(obj: StixObject) -> frozenset[Selector]:
    """Return the selectors an object holds (rules in the module docstring).

    Args:
        obj: Any STIX 2.1 object, already parsed.

    Returns:
        At most ``MAX_SELECTORS`` selectors; empty where the type holds none.
    """
    if obj.type == FoedusKind.REQUEST:
        return _of_request(obj)
    return _collected(_DECODER.decode(obj.raw), asserted_only=True)


def mentions_of(obj: StixObject) -> frozenset[Selector]:
    """Return the selectors an object holds or names in the negative.

    A pattern that excludes a value still tells the reader of it: redaction looks at these.
    """
    if obj.type == FoedusKind.REQUEST:
        return _of_request(obj)
    return _collected(_DECODER.decode(obj.raw), asserted_only=False)


def _of_request(obj: StixObject) -> frozenset[Selector]:
    statement = statement_of(obj) or {}
    texts = statement.get("selectors")
    found: set[Selector] = set()
    for text in texts[:MAX_SELECTORS] if isinstance(texts, list) else ():
        kind, _, value = text.partition(":") if isinstance(text, str) else ("", "", "")
        selector = _first((SelectorKind(kind),), value) if kind in _SELECTOR_KINDS else None
        if selector is not None:
            found.add(selector)
    return frozenset(found)


def _collected(view: _View, *, asserted_only: bool) -> frozenset[Selector]:
    found: set[Selector] = set()
    for kinds, text in _candidates(view, asserted_only=asserted_only):
        selector = _first(kinds, text)
        if selector is not None:
            found.add(selector)
            if len(found) >= MAX_SELECTORS:
                break
    return frozenset(found)


_Candidate = tuple[tuple[SelectorKind, ...], str]


def _candidates(view: _View, *, asserted_only: bool) -> Iterable[_Candidate]:
    match view.type:
        case "indicator":
            return _of_indicator(view, asserted_only=asserted_only)
        case "identity" | "threat-actor":
            return _of_party(view)
        case "observed-data":
            return _of_embedded(view)
        case "x-misp-attribute" | "x-misp-object":
            return _of_misp(view)
        case _:
            return _of_observable(view)


def _of_embedded(view: _View) -> Iterator[_Candidate]:
    if isinstance(view.objects, dict):
        for embedded in view.objects.values():
            if isinstance(embedded, dict):
                yield from _of_observable(msgspec.convert(embedded, _View))


def _of_observable(view: _View) -> Iterator[_Candidate]:
    kinds = _VALUE_KINDS.get(view.type) if isinstance(view.type, str) else None
    if kinds is not None and isinstance(view.value, str):
        yield kinds, _phone_text(view.value) if view.type == "phone-number" else view.value
        return
    match view.type:
        case "file" | "artifact" | "x509-certificate":
            yield from _of_hashes(view)
        case "user-account":
            login = view.account_login or view.user_id
            yield from _of_account(view.account_type, login)
        case "identity-document":
            if isinstance(view.number, str):
                yield (SelectorKind.DOCUMENT,), view.number
        case "bank-account":
            for text, path in ((view.iban, "iban"), (view.account_number, "account_number")):
                if isinstance(text, str):
                    yield _PATH_KINDS[f"bank-account:{path}"], text
        case _:
            pass


def _of_hashes(view: _View) -> Iterator[_Candidate]:
    if isinstance(view.hashes, dict):
        for algorithm, digest in view.hashes.items():
            kind = _HASH_KINDS.get(algorithm.lower())
            if kind is not None and isinstance(digest, str):
                yield (kind,), digest
    if view.type == "artifact" and isinstance(view.url, str):
        yield (SelectorKind.URL,), view.url


def _of_account(account_type: object, login: object) -> Iterator[_Candidate]:
    if not isinstance(account_type, str) or not isinstance(login, str):
        return
    if account_type.lower() not in _LOCAL_ACCOUNTS:
        yield (SelectorKind.HANDLE,), f"{account_type}:{login}"


def _of_party(view: _View) -> Iterator[_Candidate]:
    if view.identity_class in _UNNAMED_CLASSES:
        return
    for name in (view.name, *(view.aliases if isinstance(view.aliases, list) else ())):
        if isinstance(name, str):
            yield (SelectorKind.NAME,), name
    if isinstance(view.contact_information, str):
        for piece in view.contact_information.replace(";", ",").replace("\n", ",").split(","):
            yield (SelectorKind.EMAIL, SelectorKind.PHONE), piece
    yield from _of_person_extension(view)


def _of_person_extension(view: _View) -> Iterator[_Candidate]:
    # Weak aliases are left out: they would hit anybody.
    extensions = view.extensions if isinstance(view.extensions, dict) else {}
    person = extensions.get(PERSON_EXTENSION_ID)
    if not isinstance(person, dict):
        return
    aliases, documents = person.get("aliases"), person.get("documents")
    for alias in aliases if isinstance(aliases, list) else ():
        if isinstance(alias, str):
            yield (SelectorKind.NAME,), alias
    for document in documents if isinstance(documents, list) else ():
        if isinstance(document, dict) and isinstance(document.get("number"), str):
            yield (SelectorKind.DOCUMENT,), document["number"]


def _of_misp(view: _View) -> Iterator[_Candidate]:
    attributes = view.x_misp_attributes if isinstance(view.x_misp_attributes, list) else []
    typed = [(view.x_misp_type, view.x_misp_value)]
    typed += [(a.get("type"), a.get("value")) for a in attributes if isinstance(a, dict)]
    for misp_type, value in typed:
        if isinstance(misp_type, str) and isinstance(value, str):
            yield _MISP_KINDS.get(misp_type, ()), value


def _of_indicator(view: _View, *, asserted_only: bool) -> list[_Candidate]:
    if view.pattern_type != "stix" or not isinstance(view.pattern, str):
        return []
    try:
        compared = comparisons(view.pattern)
    except PatternError:
        return []
    kept = [each for each in compared if each.asserted or not asserted_only]
    found = [(_kinds_of(each), each.value) for each in kept]
    if "user-account:" in view.pattern:
        found.extend(_of_account_pattern(kept))
    return found


def _kinds_of(comparison: Comparison) -> tuple[SelectorKind, ...]:
    kinds = _PATH_KINDS.get(f"{comparison.object_type}:{comparison.path}")
    if kinds is not None:
        return kinds
    parent, _, last = comparison.path.rpartition(".")
    kind = _HASH_KINDS.get(last.lower()) if parent.rpartition(".")[2] == "hashes" else None
    return (kind,) if kind else ()


def _of_account_pattern(compared: list[Comparison]) -> Iterator[_Candidate]:
    # The type and the login of one account stand in two comparisons of one observation.
    types: dict[int, str] = {}
    for comparison in compared:
        if comparison.object_type == "user-account" and comparison.path == "account_type":
            types.setdefault(comparison.observation, comparison.value)
    for comparison in compared:
        if comparison.object_type == "user-account" and comparison.path in _ACCOUNT_PATHS:
            yield from _of_account(types.get(comparison.observation), comparison.value)


def _phone_text(value: str) -> str:
    # The phone-number extension writes international numbers without "+"; by its definition
    # the country code comes first, so this is no guess.
    return f"+{value}" if value.isdigit() and not value.startswith("0") else value


def _first(kinds: tuple[SelectorKind, ...], text: str) -> Selector | None:
    for kind in kinds:
        try:
            return normalise(kind, text)
        except SelectorError:
            continue
    return None
