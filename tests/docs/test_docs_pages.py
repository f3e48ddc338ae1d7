"""What is documented is what there is: links, settings, error codes, kinds, dependencies."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import foedus
from foedus.access import Role
from foedus.errors import FoedusError
from foedus.model.kinds import EXTENSION_IDS, TERMS_EXTENSION_ID, FoedusKind
from foedus.model.selectors import SelectorKind
from foedus.node.dispatch import LANES
from foedus.release.protocol import LANE_KINDS
from foedus.release.receive import JudgementKind
from foedus.settings import Settings
from foedus.treaty.instrument import Form, InstrumentKind

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def first_column(text: str) -> list[str]:
    """Return what stands as code in the first column of each row of each table."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    [(level, start)] = [
        (match[1], match.end()) for match in re.finditer(rf"^(#+) {heading}$", text, re.MULTILINE)
    ]
    end = re.search(rf"^#{{1,{len(level)}}} ", text[start:], re.MULTILINE)
    return text[start : start + end.start()] if end else text[start:]


def anchor(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", heading.lower())
    return plain.replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    for path in PAGES:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
        for target in LINK.findall(text):
            yield path, target


def test_every_relative_link_resolves() -> None:
    broken = []
    for path, target in links():
        if re.match(r"[a-z]+:", target):
            continue
        place, _, fragment = target.partition("#")
        found = path if not place else (path.parent / place)
        if not found.exists():
            broken.append(f"{path.relative_to(ROOT)}: {target}")
        elif fragment:
            headings = HEADING.findall(found.read_text(encoding="utf-8"))
            if fragment not in {anchor(each) for each in headings}:
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert not broken


def test_links_that_leave_use_tls() -> None:
    assert not [(path.name, target) for path, target in links() if target.startswith("http:")]


def test_every_page_can_be_found_from_the_readme() -> None:
    """Following links from README.md one comes to every page under docs."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    by_page: dict[Path, list[str]] = {}
    for path, target in links():
        by_page.setdefault(path.resolve(), []).append(target)
    while waiting:
        path = waiting.pop().resolve()
        if path in reached:
            continue
        reached.add(path)
        for target in by_page.get(path, []):
            place = target.partition("#")[0]
            found = (path.parent / place).resolve()
            if place and found.suffix == ".md" and found.exists():
                waiting.append(found)
            elif place and found.is_dir():
                waiting.extend(found.glob("*.md"))
    lost = {each.resolve() for each in (ROOT / "docs").rglob("*.md")} - reached
    assert not sorted(each.name for each in lost)


def test_every_setting_is_documented_and_nothing_else() -> None:
    settings = {each.name for each in dataclasses.fields(Settings)} - {"data"}
    text = page("settings.md")
    documented = first_column(text.partition("## Environment")[0])
    assert sorted(documented) == sorted(settings)


@pytest.mark.parametrize(
    "field", [each for each in dataclasses.fields(Settings) if each.name != "data"],
    ids=lambda field: field.name,
)  # fmt: skip
def test_a_setting_is_documented_with_its_default(field: dataclasses.Field[object]) -> None:
    row = next(
        line for line in page("settings.md").splitlines() if line.startswith(f"| `{field.name}` |")
    )
    default = row.split("|")[3].strip()
    match field.default:
        case dataclasses.MISSING:
            assert default == "required"
        case None | "" | ():
            assert default == "none"
        case bool() as value:
            assert default == f"`{str(value).lower()}`"
        case value:
            assert default == f"`{value}`"


def test_the_environment_is_documented() -> None:
    named = set(re.findall(r"FOEDUS_[A-Z_]+", (ROOT / "src/foedus/settings.py").read_text("utf-8")))
    assert set(first_column(section(page("settings.md"), "Environment"))) == named


def _codes() -> set[str]:
    for module in pkgutil.walk_packages(foedus.__path__, "foedus."):
        if module.name != "foedus.__main__":
            importlib.import_module(module.name)
    found: set[str] = set()
    waiting: list[type[FoedusError]] = [FoedusError]
    while waiting:
        error = waiting.pop()
        if error.__module__.startswith("foedus."):
            found.add(error.code)
        waiting.extend(error.__subclasses__())
    return found


def test_every_error_code_is_listed_once_and_no_other() -> None:
    text = page("errors.md").partition("## Why an item is withheld")[0]
    listed = first_column(text)
    assert sorted(listed) == sorted(_codes())


def test_every_error_code_says_what_it_means_and_what_helps() -> None:
    text = page("errors.md").partition("## Why an item is withheld")[0]
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 3, line
            assert all(cells), line


def test_every_reason_for_quarantine_is_listed() -> None:
    text = section(page("errors.md"), "Why something is in quarantine")
    listed = set(first_column(text))
    kinds = {kind.value for kind in JudgementKind} - {JudgementKind.ACCEPTED.value}
    source = "".join(
        (ROOT / "src/foedus/node" / name).read_text(encoding="utf-8")
        for name in ("receive.py", "lane_pull.py", "peer_log.py")
    )
    faults = set(re.findall(r'IntegrityError\(\s*"([a-z-]+)"', source))
    assert faults
    assert listed == kinds | faults


def test_every_foedus_kind_is_documented_with_its_schema() -> None:
    text = section(page("formats.md"), "Kinds")
    assert first_column(text) == list(dict.fromkeys(first_column(text)))
    assert set(first_column(text)) == {kind.value for kind in FoedusKind}
    schemas = ROOT / "src" / "foedus" / "model" / "schemas"
    for kind in FoedusKind:
        assert f"`{kind.value}.json`" in text
        schema = (schemas / f"{kind.value}.json").read_text(encoding="utf-8")
        assert EXTENSION_IDS[kind] in schema
    assert TERMS_EXTENSION_ID in page("formats.md")


def test_every_instrument_kind_is_documented() -> None:
    text = section(page("formats.md"), "Instruments")
    assert set(first_column(text)) == {kind.value for kind in InstrumentKind}
    assert all(f"`{form.value}`" in text for form in Form)


def test_every_lane_is_documented_with_what_it_carries() -> None:
    text = section(page("formats.md"), "Lanes")
    assert first_column(text) == list(LANES)
    for lane, kinds in LANE_KINDS.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{lane}` |")]
        assert set(re.findall(r"`(foedus-[a-z]+)`", row)) == {kind.value for kind in kinds}


def test_every_payload_type_is_documented() -> None:
    types = {
        match
        for path in (ROOT / "src").rglob("*.py")
        for match in re.findall(
            r'_TYPE: Final = "(application/vnd\.foedus\.[a-z-]+\+json;v=1)"',
            path.read_text(encoding="utf-8"),
        )
    }
    assert len(types) == 22
    assert not [each for each in types if f"`{each}`" not in page("formats.md")]


def test_every_kind_of_selector_is_documented() -> None:
    text = page("selectors.md")
    assert not [kind.value for kind in SelectorKind if f"`{kind.value}`" not in text]


def test_every_role_is_documented_where_roles_are_defined() -> None:
    text = importlib.import_module("foedus.access").__doc__ or ""
    assert not [role.value for role in Role if f"``{role.value}``" not in text]


def test_every_runtime_dependency_is_documented() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    table = "\n".join(
        line.split("|")[1] for line in page("dependencies.md").splitlines() if line.startswith("|")
    )
    named = {word.lower() for word in re.findall(r"[A-Za-z0-9-]+", table)} - {"package"}
    extras = project["optional-dependencies"]
    every = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    wanted = {re.split(r"[^A-Za-z0-9-]", each)[0].lower() for each in every}
    for extra in extras:
        assert f"(extra `{extra}`)" in table
    named -= {"extra", *extras}
    assert {name.strip("-") for name in named if name.strip("-")} == wanted


def test_the_changelog_has_a_section_for_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = HEADING.findall(text)
    assert headings[1] == "Unreleased"
    parts = set(re.findall(r"^### (.+)$", section(text, "Unreleased"), re.MULTILINE))
    assert parts
    assert parts <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_decision_records_are_numbered_without_gaps_and_have_their_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(each.name[:4]) for each in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text(encoding="utf-8").lower()
        assert "decision" in text, record.name
