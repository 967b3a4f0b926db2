"""params.yaml: what is accepted, and that each mistake is one line naming key, value and what is allowed."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.commands import presets
from pipeline.common.errors import UserError
from pipeline.study import Cell, Study, load, sections
from pipeline.study.sections import Insertion
from tests.conftest import ROOT, TINY


def written(folder: Path, data: Any) -> Path:
    path = folder / "params.yaml"
    with path.open("w") as file:
        YAML().dump(data, file)
    return path


def changed(**edits: Any) -> dict[str, Any]:
    """The tiny study with dotted keys set, e.g. train__lr=0.1."""
    data = copy.deepcopy(TINY)
    for key, value in edits.items():
        node = data
        *path, last = key.split("__")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return data


def test_the_projects_own_params_load_and_are_the_demo_preset() -> None:
    study = load(ROOT / "params.yaml")
    assert study == load(presets.FOLDER / "demo.yaml")
    assert len(list(study.cells())) == 33
    assert next(study.cells()) == Cell("baseline", 0)


def test_one_module_written_flat_and_several_as_a_list_are_the_same(tmp_path: Path) -> None:
    flat = {"attention": "se", "options": {"reduction": 8}, "place": "after_conv2", "stages": [2, 3]}
    listed = {"attention": [{"name": "se", "options": {"reduction": 8}, "place": "after_conv2", "stages": [2, 3]}]}
    study = load(written(tmp_path, changed(variants__flat=flat, variants__listed=listed)))
    assert study.variants["flat"] == study.variants["listed"]
    assert study.variants["flat"].attention == [
        Insertion(name="se", options={"reduction": 8}, place="after_conv2", stages=[2, 3])
    ]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"train__epoch": 3}, ["train.epoch", "unknown key", "epochs"]),
        ({"variants__se": {"atention": "se"}}, ["variants.se.atention", "unknown key", "attention", "place"]),
        ({"study": "a; rm -rf ~"}, ["study", "should match pattern"]),
        ({"study": "../up"}, ["study", "should match pattern"]),
        ({"study": "two\nlines"}, ["study", "should match pattern"]),
        ({"detector__weights": "a\x1b[2Jb.pth"}, ["detector.weights", "control characters"]),
        ({"cluster": {"partition": "gpu\nrm -rf ~"}}, ["cluster.partition", "line breaks"]),
        ({"cluster": {"extra": {"reservation": "a\nb"}}}, ["cluster.extra.reservation", "line breaks"]),
        ({"cluster": {"extra": {"mem\n": 1}}}, ["cluster.extra", "should match pattern"]),
        ({"dataset__pictures": 3}, ["dataset.pictures", "unknown key", "origin"]),
        ({"tracking__registre": True}, ["tracking.registre", "allowed here: register"]),
        ({"variants__se": {"attention": "sé"}}, ["variants.se.attention", "unknown attention", "'sé'", "cbam"]),
        ({"variants__se": {"attention": "se", "place": "conv2"}}, ["variants.se", "'conv2'", "after_conv2"]),
        ({"variants__se": {"attention": "se", "place": "neck", "stages": [1]}}, ["levels", "not `stages`"]),
        ({"variants__a-b": {}}, ["'a-b'", "letters, digits and _"]),
        ({"seeds": [0, 1, 1]}, ["seeds", "seed 1 is given twice"]),
        ({"seeds": []}, ["seeds", "at least one"]),
        ({"seeds": [-1]}, ["seeds.0", "-1", "greater than or equal to 0"]),
        ({"train__lr": 0}, ["train.lr", "0", "greater than 0"]),
        ({"train__device": "tpu"}, ["train.device", "'tpu'", "'cpu' or 'cuda'"]),
        ({"train__precision": "bf16"}, ["train", "precision bf16 needs device: cuda"]),
        ({"evaluation__baseline": "none"}, ["evaluation.baseline is 'none'", "allowed: baseline, se"]),
        ({"dataset__source": "openimages"}, ["dataset", "openimages", "roadmarks", "voc"]),
        ({"dataset": {"source": "coco", "images": "i", "origin": "a", "train": "t.json"}}, ["train", "val", "split"]),
        ({"detector__weights_sha256": "0" * 64}, ["weights_sha256", "weights"]),
        ({"seeds": [0, True]}, ["`seeds` holds true or false"]),
        ({"train__epochs": True}, ["train", "`epochs` holds true or false"]),
        ({"train__lr": float("inf")}, ["train.lr", "finite number"]),
        ({"detector__overrides": {"model.a": float("nan")}}, ["detector.overrides", "nan is no number"]),
        ({"variants__se": {"attention": "se", "options": {"reduction": float("inf")}}}, ["inf is no number"]),
        ({"variants__se": {"attention": "se", "options": {"channels": 64}}}, ["`channels` follows from the place"]),
        ({"variants__se": {"attention": "se", "stages": []}}, ["no stages means no attention"]),
        ({"variants__se": {"attention": "se", "stages": [2, 2]}}, ["2 is given twice"]),
        ({"variants__se": {"attention": [{"name": "se"}, {"name": "se"}]}}, ["se at before_add is given twice"]),
        ({"variants__se": {"attention": "se", "at": "neck.*", "place": "neck"}}, ["leave `place` out"]),
        ({"variants__se": {"attention": "se", "side": "input"}}, ["`side` goes with `at`"]),
        ({"variants__control": {"widen": "se", "attention": "se"}}, ["a control, which has no attention"]),
        ({"variants__control": {"widen": "gam"}}, ["control.widen is 'gam'", "allowed: se"]),
        ({"variants__control": {"widen": "control"}}, ["control.widen is 'control'", "allowed: se"]),
        ({"train__resample": "seeds", "seeds": [0]}, ["train.resample", "one seed", "two or more"]),
        ({"train__resample": "images"}, ["train.resample", "'images'", "'seeds'"]),
        ({"train__milestones": [2, 1]}, ["train.milestones", "milestones must rise"]),
        ({"train__milestones": [3]}, ["milestone 3 would never come", "after epoch 3"]),
        ({f"variants__{'a' * 101}": {}}, ["101 characters; allowed: up to 100"]),
        ({"study": "s" * 101}, ["study", "at most 100 characters"]),
        ({"detector__weights_sha256": "xyz", "detector__weights": "w.pth"}, ["detector.weights_sha256", "xyz"]),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path: Path, edits: dict[str, Any], words: list[str]) -> None:
    path = written(tmp_path, changed(**edits))
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.count("\n") == 0
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("variants: {a: {}, a: {}}", ["not valid YAML", "duplicate key"]),
        ("- 1", ["expected keys and values"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="preset demo"):
        load(tmp_path / "params.yaml")


def test_every_place_has_its_words() -> None:
    assert list(sections.PLACES) == list(get_args(sections.Place))


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({"looks": [3, 3], "wanted": 0.01}, "rising"),
        ({"looks": [3, 6]}, "needs `wanted`"),
        ({"looks": [4, 6], "wanted": 0.01}, "starts at 4, but `seeds` has 3"),
        ({"looks": [3, 6], "wanted": 0.01, "baseline_seeds": 6}, "keep one of the two"),
        ({"baseline_seeds": 3}, "no more than the 3"),
        ({"baseline_seeds": 6, "pairing": "seeds"}, "without a partner"),
        ({"contrasts": [["se"]]}, "two variants or more"),
        ({"contrasts": [["se", "cbam"]]}, "'cbam', which is no variant"),
    ],
)
def test_what_is_evaluated_fits_the_study(evaluation: dict[str, Any], said: str) -> None:
    content = {
        "dataset": {"source": "roadmarks"}, "variants": {"baseline": {}, "se": {"attention": "se"}}, "seeds": [0, 1, 5],
        "evaluation": evaluation,
    }  # fmt: skip
    with pytest.raises(ValidationError, match=re.escape(said)):
        Study.model_validate(content)


def test_seeds_beyond_the_list_are_the_next_numbers() -> None:
    content = {
        "dataset": {"source": "roadmarks"}, "variants": {"baseline": {}, "se": {"attention": "se"}}, "seeds": [0, 1, 5],
    }  # fmt: skip
    more = Study.model_validate({**content, "evaluation": {"baseline_seeds": 5}})
    assert more.extra_seeds == [6, 7]
    assert [str(cell) for cell in more.cells()][-2:] == ["baseline-6", "baseline-7"]
    looks = Study.model_validate({**content, "evaluation": {"looks": [3, 4], "wanted": 0.01}})
    assert (looks.extra_seeds, looks.seeds_of_all_looks) == ([], [0, 1, 5, 6])
