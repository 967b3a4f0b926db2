"""A sweep as variants: the combinations, their names, and the words of the command line."""

from __future__ import annotations

import pytest

from pipeline.common.errors import UserError
from pipeline.study.sweep import name, parse, variants


def test_every_combination_is_a_variant() -> None:
    found = dict(variants("se", {"reduction": [4, 8], "stages": [[2], [3, 4]], "place": ["after_conv2"]}))
    assert found == {
        f"se_reduction{r}_stages{'_'.join(map(str, s))}_placeafter_conv2": {
            "attention": "se", "options": {"reduction": r}, "stages": s, "place": "after_conv2"
        }
        for r in (4, 8) for s in ([2], [3, 4])
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "setting", "expected"),
    [
        ("gc", {"ratio": 0.0625}, "gc_ratio0p0625"),
        ("simam", {"regularization": 1e-4}, "simam_regularization0p0001"),
        ("ela", {"variant": "T"}, "ela_variantT"),
        ("modules/gate.py:MyGate", {"shift": -1}, "MyGate_shiftm1"),
        ("generalized", {"attention_type": "0010"}, "generalized_attention_type0010"),
        ("triplet", {"no_spatial": True}, "triplet_no_spatialTrue"),
    ],
)
def test_names_follow_one_rule(module: str, setting: dict, expected: str) -> None:
    assert name(module, setting) == expected


def test_words_are_yaml_values() -> None:
    assert parse(["reduction=4,8,16", "stages=[2],[3,4]", "ratio=0.25", "attention_type='0010','1111'", "on=true"]) == {
        "reduction": [4, 8, 16],
        "stages": [[2], [3, 4]],
        "ratio": [0.25],
        "attention_type": ["0010", "1111"],
        "on": [True],
    }


@pytest.mark.parametrize("words", [["reduction"], ["reduction="], ["=4"], ["a=1", "a=2"], ["a=[1"], ["a b=1"]])
def test_words_of_another_form(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"e.g. reduction=4,8,16"):
        parse(words)
