"""One entry of the consolidated list to the ``foedus-person`` extension of an identity.

Everything the entry says is carried over, white space folded and empty elements dropped, so that
two editions of an entry are equal exactly when their content is. What the list does not say is not
filled in: a date of birth without a type stays without one.

The list's ``Low`` quality aliases (single common names, mostly) are kept apart as ``weak_aliases``:
they describe, but taken as selectors they would point at anybody.

Schema: ``foedus/intake/schemas/foedus-person.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from foedus.canonical import JSONValue
from foedus.intake.markup import Element, folded_text

__all__ = ["full_name", "person_extension"]

_NAME_PARTS: Final = (
    "FIRST_NAME",
    "SECOND_NAME",
    "THIRD_NAME",
    "FOURTH_NAME",
    "FIFTH_NAME",
    "SIXTH_NAME",
)
_TEXTS: Final[Mapping[str, str]] = {
    "DATAID": "data_id",
    "REFERENCE_NUMBER": "reference",
    "UN_LIST_TYPE": "regime",
    "LISTED_ON": "listed_on",
    "NAME_ORIGINAL_SCRIPT": "original_script",
    "GENDER": "gender",
}
_LISTS: Final[Mapping[str, str]] = {
    "TITLE": "titles",
    "DESIGNATION": "designations",
    "NATIONALITY": "nationalities",
    "LAST_DAY_UPDATED": "updated_on",
}
_RECORDS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "ADDRESS": (
        "addresses",
        {
            "STREET": "street",
            "CITY": "city",
            "STATE_PROVINCE": "region",
            "ZIP_CODE": "post_code",
            "COUNTRY": "country",
            "NOTE": "note",
        },
    ),
    "DATE_OF_BIRTH": (
        "births",
        {
            "TYPE_OF_DATE": "certainty",
            "DATE": "date",
            "YEAR": "year",
            "FROM_YEAR": "from_year",
            "TO_YEAR": "to_year",
            "NOTE": "note",
        },
    ),
    "PLACE_OF_BIRTH": (
        "birthplaces",
        {"CITY": "city", "STATE_PROVINCE": "region", "COUNTRY": "country", "NOTE": "note"},
    ),
    "DOCUMENT": (
        "documents",
        {
            "TYPE_OF_DOCUMENT": "type",
            "TYPE_OF_DOCUMENT2": "type_in_words",
            "NUMBER": "number",
            "ISSUING_COUNTRY": "country",
            "COUNTRY_OF_ISSUE": "country_of_issue",
            "CITY_OF_ISSUE": "city_of_issue",
            "DATE_OF_ISSUE": "issued_on",
            "NOTE": "note",
        },
    ),
    "ALIAS": (
        "alias_details",
        {
            "QUALITY": "quality",
            "ALIAS_NAME": "name",
            "DATE_OF_BIRTH": "birth_date",
            "CITY_OF_BIRTH": "birth_city",
            "COUNTRY_OF_BIRTH": "birth_country",
            "NOTE": "note",
        },
    ),
}
_PREFIXES: Final = ("INDIVIDUAL_", "ENTITY_")
_ELSEWHERE: Final = frozenset({"COMMENTS1", *_NAME_PARTS})
_NO_CONTENT: Final = frozenset({"VERSIONNUM", "SORT_KEY", "SORT_KEY_LAST_MOD", "LIST_TYPE"})
_WEAK: Final = "low"


def full_name(entry: Element) -> str:
    """Return the name of a listed person or entity, its parts in the list's order."""
    parts = (folded_text(part) for tag in _NAME_PARTS for part in entry.findall(tag))
    return " ".join(filter(None, parts))


def person_extension(entry: Element, name: str) -> dict[str, JSONValue]:
    """Return the extension's content for one ``INDIVIDUAL`` or ``ENTITY``.

    Args:
        entry: The element; untrusted, bounded in depth.
        name: The name the identity already has, left out of its aliases.
    """
    single: dict[str, str] = {}
    several: dict[str, list[JSONValue]] = {}
    for child in entry:
        tag = child.tag
        for prefix in _PREFIXES:
            tag = tag.removeprefix(prefix)
        if tag in _TEXTS:
            single.setdefault(_TEXTS[tag], folded_text(child))
        elif tag in _LISTS:
            several.setdefault(_LISTS[tag], []).extend(filter(None, _values(child)))
        elif tag in _RECORDS:
            key, names = _RECORDS[tag]
            record = _record(child, names)
            if record:
                several.setdefault(key, []).append(record)
        elif tag not in _ELSEWHERE and tag not in _NO_CONTENT:
            several.setdefault("other", []).extend(_leaves(child))
    strong, weak = _aliases(several.get("alias_details", []), name, single.get("original_script"))
    content: dict[str, JSONValue] = {"extension_type": "property-extension"}
    content.update((key, text) for key, text in single.items() if text)
    content.update((key, values) for key, values in several.items() if values)
    content.update(
        (k, names) for k, names in (("aliases", strong), ("weak_aliases", weak)) if names
    )
    return content


def _values(element: Element) -> Iterator[str]:
    """Return the texts of the ``VALUE`` children, or of the element itself."""
    children = [folded_text(child) for child in element]
    yield from children or [folded_text(element)]


def _record(element: Element, names: Mapping[str, str]) -> dict[str, JSONValue]:
    record: dict[str, JSONValue] = {}
    for child in element:
        text = folded_text(child)
        if text:
            key = names.get(child.tag, child.tag.lower())
            # A field the list repeats within one record keeps all its values.
            record[key] = f"{record[key]}; {text}" if key in record else text
    own = folded_text(element)
    if own:
        record["note"] = f"{record['note']}; {own}" if "note" in record else own
    return record


def _leaves(element: Element) -> Iterator[JSONValue]:
    for node in element.iter():
        text = folded_text(node)
        if text:
            yield {"element": node.tag, "text": text}


def _aliases(
    details: list[JSONValue], name: str, original_script: str | None
) -> tuple[list[JSONValue], list[JSONValue]]:
    strong: dict[str, None] = {original_script: None} if original_script else {}
    weak: dict[str, None] = {}
    for detail in details:
        if isinstance(detail, Mapping):
            alias, quality = detail.get("name"), detail.get("quality")
            if isinstance(alias, str):
                is_weak = isinstance(quality, str) and quality.lower() == _WEAK
                (weak if is_weak else strong)[alias] = None
    strong.pop(name, None)
    return list(strong), [alias for alias in weak if alias not in strong and alias != name]
