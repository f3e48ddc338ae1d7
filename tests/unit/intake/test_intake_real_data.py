from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from foedus.intake import Format, IntakeContext, IntakeError, IntakeResult, read
from foedus.model.objects import parse_object
from foedus.model.validation import validate_object


def _account(results: list[IntakeResult]) -> Counter[str]:
    total: Counter[str] = Counter()
    for result in results:
        total["read"] += result.read
        for part in ("drafts", "duplicates", "refused", "carried", "added"):
            total[part] += len(getattr(result, part))
        for draft in result.all_drafts:
            assert not validate_object(parse_object(draft.raw)), draft.raw
    assert total["read"] == sum(
        total[part] for part in ("drafts", "carried", "duplicates", "refused")
    )
    return total


def test_all_misp_events_of_a_publisher(context: IntakeContext, real_data: Path) -> None:
    files = sorted((real_data / "eset-misp-events").rglob("*.json"))
    assert len(files) == 38
    results = [read(file.read_bytes(), name=file.name, context=context) for file in files]
    attributes = sum(file.read_bytes().count(b'"to_ids"') for file in files)
    total = _account(results)
    assert total["read"] == attributes
    assert total["refused"] < 20
    assert all(result.source.format is Format.MISP for result in results)
    assert results == [read(f.read_bytes(), name=f.name, context=context) for f in files]


def test_misp_events_of_the_reference_client(context: IntakeContext, real_data: Path) -> None:
    folder = real_data / "pymisp-events" / "tests"
    results = []
    for file in sorted(folder.rglob("*.json")):
        if file.name == "git-vuln-finder-quagga.json":
            with pytest.raises(IntakeError, match="no known format"):
                read(file.read_bytes(), name=file.name, context=context)
        else:
            results.append(read(file.read_bytes(), name=file.name, context=context))
    assert len(results) == 9
    assert _account(results)["drafts"] > 400


@pytest.mark.parametrize(("release", "objects"), [("16.1", 1871), ("17.1", 1651)])
def test_attack_for_industry(
    release: str, objects: int, context: IntakeContext, real_data: Path
) -> None:
    file = real_data / "mitre-attack" / "ics-attack" / f"ics-attack-{release}.json"
    data = file.read_bytes()
    result = read(data, name=file.name, context=context)
    assert (result.read, len(result.drafts), result.refused) == (objects, objects, ())
    assert all(draft.raw in data for draft in result.drafts[:200])


def test_oasis_examples(context: IntakeContext, real_data: Path) -> None:
    files = sorted((real_data / "oasis-stix-examples").rglob("*.json"))
    results = [read(file.read_bytes(), name=file.name, context=context) for file in files]
    assert _account(results)["refused"] == 0


def test_bundles_of_2_0_are_refused_with_a_plain_reason(
    context: IntakeContext, real_data: Path
) -> None:
    files = sorted((real_data / "unit42-playbooks-stix20").rglob("*.json"))
    assert len(files) == 4
    for file in files:
        with pytest.raises(IntakeError, match=r"only 2\.1 is read; ask the sender"):
            read(file.read_bytes(), name=file.name, context=context)


def test_one_hundred_news_reports(context: IntakeContext, real_data: Path) -> None:
    with (real_data / "muc4-terror-news" / "doc_train").open() as lines:
        reports = [json.loads(line) for line, _ in zip(lines, range(100), strict=False)]
    results = [
        read(report["text"].encode(), name=f"{report['docid']}.txt", context=context)
        for report in reports
    ]
    assert _account(results)["added"] == 100
    for report, result in zip(reports, results, strict=True):
        document = parse_object(result.added[0].raw).document()
        assert document["description"] == report["text"].strip()


def test_french_news_pages(context: IntakeContext, real_data: Path) -> None:
    files = sorted((real_data / "wikinews-fr").glob("*.html"))
    results = [read(file.read_bytes(), name=file.name, context=context) for file in files]
    _account(results)
    assert len(results) == 20
    assert sum(result.source.published is not None for result in results) >= 19
    kabul = next(result for result in results if result.source.name == "44290.html")
    assert kabul.source.title == "Afghanistan : attaque meurtrière visant un hôtel à Kaboul"
    assert str(kabul.source.published) == "2012-06-22 00:00:00+00:00"


def test_an_advisory_and_a_government_page(context: IntakeContext, real_data: Path) -> None:
    folder = real_data / "news-html"
    advisory = read((folder / "AA20-302A.html").read_bytes(), name="a.html", context=context)
    _account([advisory])
    assert advisory.source.title == "Alert (AA20-302A)"
    assert str(advisory.source.published) == "2020-10-28 00:00:00+00:00"
    assert len(advisory.drafts) > 80
    assert advisory.suggestions["tlp"] == ("clear",)
    speech = folder / "obamawhitehouse.archives.gov--speeches.html"
    page = read(speech.read_bytes(), name=speech.name, context=context)
    text = parse_object(page.added[0].raw).document()["description"]
    assert "community college" in text
    assert len(text) < 8_000


def test_sanctioned_addresses_as_plain_lists(context: IntakeContext, real_data: Path) -> None:
    files = sorted((real_data / "ofac-crypto-addresses").glob("*.txt"))
    results = [read(file.read_bytes(), name=file.name, context=context) for file in files]
    total = _account(results)
    lines = sum(len(file.read_text().split()) for file in files)
    assert total["read"] == lines
    assert total["refused"] == 0
    bitcoin = (real_data / "ofac-crypto-addresses" / "sanctioned_addresses_XBT.txt").read_text()
    rows = "kind;value\n" + "".join(f"wallet;{address}\n" for address in bitcoin.split())
    assert len(read(rows.encode(), name="x.csv", context=context).drafts) == 435
