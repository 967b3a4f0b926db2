"""With one seed, all that two variants share starts equal; nothing is left of what the constructors drew."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS

from pipeline.commands import presets
from pipeline.detector.config import resolve
from pipeline.detector.placement import attention_modules
from pipeline.detector.randomness import initialise
from pipeline.study import load

from . import tiny

DEMO = load(presets.FOLDER / "demo.yaml")
SEEDS = (0, 1)


def started(variant: str) -> dict[int, dict[str, torch.Tensor]]:
    """The start of a variant by seed. Each parameter is poisoned first: what the initialisation forgets stays NaN."""
    model = MODELS.build(resolve(DEMO, variant).model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.fill_(torch.nan)
    states = {}
    for seed in SEEDS:
        fresh = copy.deepcopy(model)
        initialise(fresh, seed)
        states[seed] = fresh.state_dict()
    return states


@pytest.fixture(scope="module")
def baselines(project: Path) -> dict[int, dict[str, torch.Tensor]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return started("baseline")


@pytest.mark.parametrize("variant", [name for name in DEMO.variants if name != "baseline"])
def test_what_a_variant_shares_with_the_baseline_starts_equal(variant: str, baselines: dict) -> None:
    torch.manual_seed(torch.seed())  # the shared stream is of no account
    for seed, state in started(variant).items():
        assert all(value.isfinite().all() for value in state.values())
        rest = tiny.shared(state)
        assert rest.keys() == baselines[seed].keys()
        assert len(state) > len(rest)
        assert all(torch.equal(value, baselines[seed][key]) for key, value in rest.items())


def test_other_seeds_draw_other_weights(baselines: dict) -> None:
    first, second = (baselines[seed] for seed in SEEDS)
    same = {key for key, value in first.items() if torch.equal(value, second[key])}
    drawn = {key for key, value in first.items() if value.dtype.is_floating_point and value.unique().numel() > 1}
    assert not same & drawn
    assert all(key.endswith(("weight", "running_mean", "running_var", "bias", "num_batches_tracked")) for key in same)
    assert {key for key in first if key.endswith(("conv1.weight", "fc_cls.weight"))} <= drawn


def test_each_layer_has_draws_of_its_own(baselines: dict) -> None:
    state = baselines[0]
    layer = [state[f"backbone.layer1.{block}.conv2.weight"] for block in range(3)]
    assert not torch.equal(layer[0], layer[1])
    assert not torch.equal(layer[1], layer[2])
    correlation = torch.corrcoef(torch.stack([weight.flatten() for weight in layer]))
    assert (correlation - torch.eye(3)).abs().max() < 0.1  # 2304 draws each: sd .021


def test_draws_keep_their_distribution(baselines: dict) -> None:
    """Kaiming, fan out (MMDetection's ResNet): sd = sqrt(2 / (out channels x kernel area))."""
    weight = baselines[0]["backbone.layer3.1.conv2.weight"]
    assert weight.std().item() == pytest.approx((2 / (weight.shape[0] * 9)) ** 0.5, rel=0.02)
    assert abs(weight.mean().item()) < 0.001


def test_the_official_start_of_an_attention_survives_its_parents() -> None:
    """MMDetection's ResNet sets every norm's scale to 1 and every convolution to Kaiming, plugins included."""
    attention = [
        {"name": "cbam"},
        {"name": "sge", "options": {"groups": 8}},
        {"name": "shuffle", "options": {"groups": 8}, "place": "neck"},
        {"name": "eca", "options": {"init": "identity"}, "place": "after_conv2"},
        {"name": "bam", "options": {"init": "identity"}, "place": "after_stage"},
    ]
    model = tiny.build(resolve(tiny.study({"x": {"attention": attention}}), "x"))
    for name, module in attention_modules(model).items():
        kind = name.rpartition(".")[2].split("_")
        if "cbam" in kind:
            assert not module.norm.weight.any()
        elif "sge" in kind:
            assert not module.weight.any()
            assert (module.bias == 1).all()
        elif "shuffle" in kind:
            assert (module.channel_bias == 1).all()
        else:
            assert module.identity_scale.item() == 0
    first = model.backbone.layer1[0].attention_after_conv2_eca.conv
    assert first.weight.abs().max() <= first.weight.numel() ** -0.5  # Conv1d's own bound; Kaiming has none


@torch.no_grad()
def test_identity_leaves_the_baseline_as_it_is_at_step_0() -> None:
    places = ("after_conv1", "after_conv2", "before_add", "after_stage", "neck")
    attention = [{"name": "cbam", "options": {"init": "identity"}, "place": place} for place in places]
    study = tiny.study({"x": {"attention": attention}})
    model, plain = (tiny.build(resolve(study, name)) for name in ("x", "baseline"))
    assert tiny.equal(tiny.features(model, tiny.image()), tiny.features(plain, tiny.image()))
