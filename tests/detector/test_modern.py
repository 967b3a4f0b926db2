"""The preset of twelve modules at their papers' places, and each of them at every place: thin, on four pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.optim import build_optim_wrapper

from pipeline.commands import detectors, presets
from pipeline.common.errors import UserError
from pipeline.common.files import read_json
from pipeline.common.paths import CellPaths
from pipeline.detector.config import resolve
from pipeline.detector.placement import attention_modules
from pipeline.detector.train import train
from pipeline.study import load

from . import tiny

MODERN = load(presets.FOLDER / "modern.yaml")
NAMES = [name for name in MODERN.variants if name != "baseline"]
PLACES = ("after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck")
# The thin detector's maps are of 16 to 512 channels, and of 2 x 3 pixels at the last stage.
THIN: dict[str, dict[str, Any]] = {
    "ela": {"variant": "B"}, "ema": {"factor": 8}, "gc": {"ratio": 1 / 8}, "scsa": {"window": 1},
}  # fmt: skip


def variant(name: str, **changes: Any) -> dict[str, Any]:
    """The preset's variant, or the same module elsewhere, with options that fit thin maps."""
    (module,) = MODERN.variants[name].attention
    found = {"attention": module.name, "place": module.place, "stages": module.stages, **changes}
    return {**found, "options": {**module.options, **THIN.get(name, {})}}


def test_the_preset_is_a_baseline_and_twelve_modules() -> None:
    modules = [insertion for variant in MODERN.variants.values() for insertion in variant.attention]
    assert sorted(module.name for module in modules) == sorted(NAMES)
    assert len(NAMES) == 12
    assert not MODERN.variants["baseline"].attention


def trains_a_step(config: Any, batch: Any) -> None:
    model = tiny.build(config)
    inserted = attention_modules(model)
    before = {key: value.detach().clone() for m in inserted.values() for key, value in named(m)}
    model.train()
    loss = tiny.loss_of(model, batch)
    build_optim_wrapper(model, config.optim_wrapper).update_params(loss)
    assert inserted
    assert loss.isfinite()
    assert all(value.isfinite().all() for value in model.state_dict().values())
    after = {key: value for m in inserted.values() for key, value in named(m)}
    assert not before or any((after[key] != value).any() for key, value in before.items())


def named(module: Any) -> list[tuple[int, Any]]:
    return [(id(parameter), parameter) for parameter in module.parameters()]


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_trains_a_step(name: str, batch: Any) -> None:
    trains_a_step(resolve(tiny.study({"x": variant(name)}), "x"), batch)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_each_module_trains_a_step_at_every_place(name: str, place: str, batch: Any) -> None:
    found = variant(name, place=place, stages=None)
    trains_a_step(resolve(tiny.study({"x": found}), "x"), batch)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["baseline", *NAMES])
def test_each_variant_runs_an_epoch(name: str, tmp_path: Path) -> None:
    study = tiny.study({name: variant(name)} if name != "baseline" else {})
    train(tiny.plan(study, name), 0, "e" * 64, CellPaths(tmp_path))
    assert read_json(tmp_path / "run.json")["state"] == "done"


def test_a_map_too_small_for_a_module_is_refused_when_it_is_resolved() -> None:
    """96 x 64 images have 3 x 2 maps at the last stage; SCSA's windows are 7 wide."""
    study = tiny.study({"x": {"attention": "scsa", "place": "after_conv2", "stages": [4]}})
    with pytest.raises(
        UserError, match=r"`scsa`: a map of 2 x 3 is below option `window` 7; allowed: a smaller window"
    ):
        resolve(study, "x")


def test_places_say_what_grows_with_the_square_of_a_map() -> None:
    """Stage 3 of 96 x 64 images: 6 x 4 pixels, each against each."""
    study = tiny.study(
        {"x": {"attention": "non_local", "place": "after_stage", "stages": [3]}, "y": {"attention": "se"}}
    )
    assert "576 pairs of pixels" in detectors._added(study, "x")
    assert "pairs" not in detectors._added(study, "y")
    said = tiny.plan(study, "x").notes
    assert "attention non_local compares 576 pairs of pixels an image; they grow with its square" in said
    assert not any("pairs" in note for note in tiny.plan(study, "y").notes)
