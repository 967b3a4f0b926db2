"""Every module and form against its formula, in float64: output, every gradient, parameters, running statistics."""

from __future__ import annotations

import pytest
import torch

from pipeline.attention import build
from pipeline.common.errors import UserError
from tests.attention import formulas, formulas_recent
from tests.attention.cases import CASES, arbitrary, fits, image

FORMULAS = vars(formulas) | vars(formulas_recent)


@pytest.mark.parametrize("size", [(6, 6), (5, 9), (13, 1)], ids=str)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("case", CASES)
def test_output_and_every_gradient(case: str, train: bool, size: tuple[int, int]) -> None:
    name, channels, options = CASES[case]
    module = arbitrary(case).train(train)
    x = image(channels, *size).requires_grad_()
    if not fits(case, *size):
        with pytest.raises(UserError, match="allowed"):
            module(x)
        return
    wanted = FORMULAS[name](module, x, **options)
    seed = torch.randn(wanted.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = [x, *module.parameters()]
    slopes = torch.autograd.grad(wanted, inputs, seed, allow_unused=True)
    y = module(x)
    torch.testing.assert_close(y, wanted, rtol=1e-9, atol=1e-9)
    for found, slope in zip(torch.autograd.grad(y, inputs, seed), slopes, strict=True):
        torch.testing.assert_close(found, slope, rtol=1e-7, atol=1e-8)


# Closed forms in C of the modules published outside the article, and the numbers they give at 64, 256 and 512 channels.
RECENT_COUNTS = [
    ("gc", {}, (653, 8_753, 33_889)),
    ("gc", {"ratio": 1 / 4}, tuple(2 * c * (c // 4) + 2 * c + 3 * (c // 4) + 1 for c in (64, 256, 512))),
    ("gc", {"fusion": "channel_mul"}, (653, 8_753, 33_889)),
    ("simam", {}, (0, 0, 0)),
    ("triplet", {}, (300, 300, 300)),
    ("triplet", {"no_spatial": True}, (200, 200, 200)),
    ("triplet", {"kernel_size": 3}, (60, 60, 60)),
    ("nam", {}, (128, 512, 1024)),
    ("non_local", {}, (8_352, 131_712, 525_568)),
    ("non_local", {"mode": "dot_product"}, (8_352, 131_712, 525_568)),
    ("generalized", {}, (20_673, 328_449, 1_312_257)),
    ("generalized", {"attention_type": "0010"}, (12_417, 197_121, 787_457)),
    ("danet", {}, (5_202, 82_242, 328_322)),
    ("lsk", {}, (11_334, 118_470, 433_350)),
    ("ema", {}, (48, 672, 2_624)),
    ("ema", {"factor": 8}, (672, 10_368, 41_216)),
    ("ela", {"variant": "T"}, (448, 1_792, 3_584)),
    ("ela", {}, (576, 2_304, 4_608)),
    ("ela", {"variant": "S"}, (2_688, 10_752, 21_504)),
    ("ela", {"variant": "L"}, (3_712, 14_848, 29_696)),
    ("mlca", {}, (6, 10, 10)),
    ("scsa", {}, (1_024, 4_096, 8_192)),
    ("scsa", {"heads": 8}, (1_024, 4_096, 8_192)),
]


@pytest.mark.parametrize(("name", "options", "counts"), RECENT_COUNTS)
def test_parameter_count_of_recent_modules(name: str, options: dict, counts: tuple[int, ...]) -> None:
    with torch.device("meta"):
        modules = [build(name, channels, **options) for channels in (64, 256, 512)]
    assert tuple(sum(p.numel() for p in module.parameters()) for module in modules) == counts


H = {64: 4, 256: 16, 2048: 128}  # C / 16
COUNTS = [
    ("se", {}, lambda c, h: 2 * c * h),
    ("se", {"bias": True}, lambda c, h: 2 * c * h + h + c),
    ("cbam", {}, lambda c, h: 2 * c * h + h + c + 100),
    ("cbam", {"form": "article"}, lambda c, h: 2 * c * h + 2 * 49**2 + 1),
    ("cbam", {"form": "article", "kernel_size": 7}, lambda c, h: 2 * c * h + 2 * 7**2 + 1),
    ("bam", {}, lambda c, h: 3 * c * h + c + 18 * h**2 + 13 * h + 1),
    ("bam", {"form": "official"}, lambda c, h: 3 * c * h + c + 18 * h**2 + 13 * h + 1),
    ("bam", {"form": "article"}, lambda c, h: 3 * c * h + c + 29 * h**2 + 22 * h + 1),
    ("eca", {}, lambda c, h: {64: 3, 256: 5, 2048: 7}[c]),
    ("eca", {"form": "article"}, lambda c, h: 4),
    ("shuffle", {}, lambda c, h: 3 * c // 64),
    ("shuffle", {"form": "article"}, lambda c, h: 3 * c // 8),
    ("polarized", {}, lambda c, h: 2 * c**2 + 11 * c // 2 + 1),
    ("polarized", {"mode": "sequential"}, lambda c, h: 2 * c**2 + 11 * c // 2 + 1),
    ("polarized", {"form": "official"}, lambda c, h: 2 * c**2 + c),
    ("polarized", {"form": "official", "mode": "sequential"}, lambda c, h: (27 * c**2 + 38 * c) // 16),
    ("sge", {}, lambda c, h: 2 * 64),
    ("sge", {"form": "article"}, lambda c, h: 2 * 8),
    ("coordinate", {}, lambda c, h: (3 * c + 3) * max(8, c // 32) + 2 * c),
    ("gam", {}, lambda c, h: 25 * c**2 + 5 * c),
    ("gam", {"groups": 4}, lambda c, h: 53 * c**2 // 8 + 5 * c),
]


@pytest.mark.parametrize(
    ("name", "options", "count", "channels"),
    # 64 groups of two halves need 128 channels
    [(*row, c) for row in COUNTS for c in H if (row[:2], c) != (("shuffle", {}), 64)],
)
def test_parameter_count(name: str, options: dict, count: object, channels: int) -> None:
    with torch.device("meta"):
        module = build(name, channels, **options)
    assert sum(p.numel() for p in module.parameters()) == count(channels, H[channels])


def test_parameter_counts_of_the_papers() -> None:
    """Whole networks: CBAM-ResNet-50 and BAM-ResNet-50 of PytorchInsight's table, ECA's +86."""
    with torch.device("meta"):
        added = {
            name: sum(p.numel() for c, blocks in places for p in build(name, c).parameters() for _ in range(blocks))
            for name, places in {
                "cbam": [(256, 3), (512, 4), (1024, 6), (2048, 3)],
                "eca": [(256, 3), (512, 4), (1024, 6), (2048, 3)],
                "bam": [(256, 1), (512, 1), (1024, 1)],
            }.items()
        }
    assert added["eca"] == 86
    assert added["bam"] == 358_067
    assert round(added["cbam"] / 1e6, 2) == 2.53  # 28.09 - 25.56


@pytest.mark.parametrize("case", ["cbam", "bam", "coordinate", "gam"])
def test_running_statistics_are_those_of_torch(case: str) -> None:
    module = arbitrary(case)
    norm = module.norm if case in ("cbam", "coordinate") else module.spatial[1]
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    before, var = norm.running_mean.clone(), norm.running_var.clone()
    module(image(CASES[case][1], 5, 4))
    values = seen[0].transpose(0, 1).flatten(1)
    share = 0.01 if case == "cbam" else 0.1
    torch.testing.assert_close(norm.running_mean, (1 - share) * before + share * values.mean(1))
    torch.testing.assert_close(norm.running_var, (1 - share) * var + share * values.var(1))


def test_shuffle_is_the_authors_permutation() -> None:
    """Eight channels in two halves come out as 0 4 1 5 2 6 3 7, all scaled by sigmoid(1) at the start."""
    x = torch.arange(1.0, 9.0).view(1, 8, 1, 1).expand(1, 8, 2, 2)
    y = build("shuffle", 8, groups=2)(x)
    assert (y[0, :, 0, 0] / torch.sigmoid(torch.tensor(1.0))).round().tolist() == [1, 5, 2, 6, 3, 7, 4, 8]
