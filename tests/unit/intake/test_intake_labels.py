from __future__ import annotations

import pytest

from foedus.intake.labels import read_tags
from foedus.model.markings import TLP


@pytest.mark.parametrize(
    "tag",
    [
        'misp-galaxy:sector="Military"',
        'target:religion="any"',
        'dhs:group="Political party"',
        'x:ethnic-group="y"',
        "right-wing",
    ],
)
def test_a_character_is_never_a_label(tag: str) -> None:
    tags = read_tags([tag, "phishing"])
    assert tags.labels == ("phishing",)
    assert tags.left_out == 1


@pytest.mark.parametrize(
    ("tag", "level"),
    [
        ("tlp:white", TLP.CLEAR),
        ("TLP:CLEAR", TLP.CLEAR),
        ("tlp:amber+strict", TLP.AMBER_STRICT),
        ("tlp:2.0:green", TLP.GREEN),
        ("tlp:unheard-of", TLP.RED),
    ],
)
def test_tlp_tags_become_levels(tag: str, level: TLP) -> None:
    assert read_tags([tag]).tlp is level


def test_of_several_levels_the_most_restrictive_binds() -> None:
    assert read_tags(["tlp:green", "tlp:red", "tlp:amber"]).tlp is TLP.RED


def test_admiralty_grades_become_a_hint() -> None:
    tags = ['admiralty-scale:source-reliability="b"', "admiralty-scale:information-credibility=2"]
    assert read_tags(tags).grade == "B2"
    assert read_tags(tags[:1]).grade == "B4"
    assert read_tags([]).grade is None


def test_labels_stand_once_and_offences_are_hinted_at() -> None:
    tags = read_tags(["fundraising", "fundraising", "workflow:state"])
    assert tags.labels == ("fundraising",)
    assert tags.offences == ("financing",)
