"""Parameters and multiply-adds by closed forms and by another counter; what was not counted is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.analysis import get_model_complexity_info

from pipeline.detector.config import resolve
from pipeline.detector.cost import _batch, attention_parameters, latency, measure
from pipeline.detector.counting import operations
from pipeline.records import Cost
from tests import made

from . import tiny

SIZE = (96, 64)  # width, height
THIN = [16, 32, 64, 128]  # planes of the four stages; blocks give four times as many channels
BLOCKS = [3, 4, 6, 3]
STUDY = tiny.study(
    {
        "se": {"attention": "se", "options": {"reduction": 4}},
        "shuffle": {"attention": "shuffle", "options": {"groups": 8}, "place": "after_conv2", "stages": [2, 4]},
        "sge": {"attention": "sge", "options": {"groups": 8}, "place": "neck", "levels": [0, 1, 2]},
        "gam": {"attention": "gam", "place": "after_stage", "stages": [1]},
        "polarized": {"attention": "polarized", "place": "after_stage", "stages": [2]},
    }
)
PARAMETERS = {
    "baseline": 0,
    "se": sum(blocks * 2 * (4 * c) * c for blocks, c in zip(BLOCKS, THIN, strict=True)),  # 2 C h, h = C / 4
    "shuffle": sum(BLOCKS[i] * 3 * THIN[i] // 8 for i in (1, 3)),  # 3 C / G
    "sge": 3 * 2 * 8,  # 2 G
    "gam": 64 * 16 + 16 + 16 * 64 + 64 + 2 * 49 * 64 * 16 + 16 + 64 + 2 * 16 + 2 * 64,  # C 64, h 16
}


@pytest.fixture(scope="module")
def costs(project: Any) -> Cost:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        plans = {name: made.plan(config=resolve(STUDY, name).to_dict()) for name in STUDY.variants}
        return measure(plans, SIZE, rounds=2, warmup=1)


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_by_closed_form(variant: str, costs: Cost) -> None:
    variants = costs.variants
    assert variants[variant].attention_parameters == PARAMETERS[variant]
    more = variants[variant].parameters - variants["baseline"].parameters
    assert more == PARAMETERS[variant]
    config = resolve(STUDY, variant)
    assert attention_parameters(config.to_dict()) == PARAMETERS[variant]
    model = MODELS.build(config.model)
    assert variants[variant].parameters == sum(parameter.numel() for parameter in model.parameters())


def test_multiply_adds_of_an_attention_by_hand(costs: Cost) -> None:
    """GAM after stage 1 on a map of 24x16: two 1x1 and two 7x7 convolutions, 64 to 16 channels and back."""
    added = {name: cost.gflops - costs.variants["baseline"].gflops for name, cost in costs.variants.items()}
    assert added["gam"] * 1e9 == pytest.approx(24 * 16 * 2 * 64 * 16 * (1 + 49), rel=1e-6)
    assert costs.variants["gam"].attention_gflops == pytest.approx(added["gam"], rel=1e-6)
    assert costs.variants["baseline"].attention_gflops == 0
    squeezed = sum(blocks * 2 * (4 * c) * c for blocks, c in zip(BLOCKS, THIN, strict=True))
    assert added["se"] * 1e9 == pytest.approx(squeezed, rel=1e-3)
    assert added["sge"] > 0  # its products of vectors and maps are matrix products


class Pyramid(torch.nn.Module):
    """Backbone and neck of the baseline: the part that MMEngine's counter can trace."""

    def __init__(self) -> None:
        super().__init__()
        self.model = MODELS.build(resolve(STUDY, "baseline").model).eval()

    def forward(self, x: torch.Tensor) -> Any:
        return self.model.extract_feat(x)

    def test_step(self, batch: dict[str, Any]) -> Any:
        return self(torch.stack(batch["inputs"]).float())


@torch.no_grad()
def test_multiply_adds_of_a_pyramid_by_mmengine() -> None:
    """MMEngine counts besides what a norm does to each pixel, a few percent at these widths."""
    ours = operations(Pyramid(), _batch(SIZE, torch.device("cpu"))).gflops * 1e9
    theirs = get_model_complexity_info(Pyramid(), (3, SIZE[1], SIZE[0]), show_table=False, show_arch=False)
    assert 0.95 * theirs["flops"] < ours <= theirs["flops"]


def test_what_is_not_counted_is_named(costs: Cost) -> None:
    plain, se = (costs.variants[name].uncounted for name in ("baseline", "se"))
    assert plain["native_batch_norm"] == 1 + sum(BLOCKS) * 3 + 4  # stem, blocks, downsampling
    assert 1 <= plain["roi_align_forward"] <= 4  # one for each level that a proposal falls to
    assert 1 <= plain["nms"] <= 2  # of the proposals, and of the boxes if there are any
    assert not {"convolution", "addmm", "mm", "bmm", "view"} & plain.keys()
    for name in ("sigmoid", "mul", "sum", "div"):
        assert se[name] - plain[name] == sum(BLOCKS), name


def test_latency_of_each_variant(costs: Cost) -> None:
    assert costs.variants.keys() == STUDY.variants.keys()
    assert (costs.rounds, costs.image_size, costs.threads) == (2, (96, 64), 1)
    assert costs.hardware
    for cost in costs.variants.values():
        found = cost.latency_ms
        assert 0 < found.q1 <= found.median <= found.q3


def test_percentiles_are_those_of_numpy_where_the_rounds_bear_them() -> None:
    times = np.random.default_rng(0).gamma(2.0, 10.0, 100).tolist()
    found = latency(times)
    assert (found.median, found.p95, found.p99) == tuple(np.percentile(times, [50, 95, 99]))
    assert latency(times[:99]).p99 is None
    assert latency(times[:19]).p95 is None


def test_throughput_and_memory_of_each_variant(costs: Cost) -> None:
    for name, cost in costs.variants.items():
        assert cost.images_per_second.batch_1 > 0
        assert cost.images_per_second.batch_8 > 0
        weights = 4 * cost.parameters
        assert cost.memory.inference > weights, name
        assert cost.memory.training > 4 * weights, name  # AdamW: weights, gradients, two moments
    heavier = costs.variants["polarized"].memory.training - costs.variants["baseline"].memory.training
    assert heavier > 0


def test_a_single_round_is_its_own_quartiles() -> None:
    found = measure({"baseline": made.plan(config=resolve(STUDY, "baseline").to_dict())}, SIZE, rounds=1, warmup=0)
    times = found.variants["baseline"].latency_ms
    assert times.q1 == times.median == times.q3 > 0


def test_every_variant_runs_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.detector import cost

    order: list[int] = []
    real = cost._seconds

    def seconds(model: Any, *rest: Any) -> float:
        order.append(id(model))
        return real(model, *rest)

    monkeypatch.setattr(cost, "_seconds", seconds)
    plans = {name: made.plan(config=resolve(STUDY, name).to_dict()) for name in ("baseline", "se", "sge")}
    seen: list[tuple[int, int]] = []
    measure(plans, SIZE, rounds=3, warmup=1, progress=lambda done, total: seen.append((done, total)))
    rounds = [order[i : i + 3] for i in range(0, 4 * 3, 3)]  # those of single images come first
    assert [len(set(turn)) for turn in rounds] == [3, 3, 3, 3]
    assert len({turn[0] for turn in rounds[1:]}) == 3  # each goes first once
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
