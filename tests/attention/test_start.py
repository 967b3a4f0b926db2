"""The first steps of training: official and identity initialisation, gradients, weight decay."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pipeline.attention import build, no_decay
from tests.attention.cases import CASES, arbitrary, image

GAINS = [
    ("se", {}, 0.50),
    ("cbam", {}, 0.25),
    ("cbam", {"form": "article"}, 1.25),
    ("bam", {"form": "official"}, 1.50),
    ("eca", {}, 0.50),
    ("polarized", {"form": "official"}, 1.00),
    ("polarized", {"form": "official", "mode": "sequential"}, 0.25),
    ("sge", {}, 0.731),
    ("sge", {"form": "article"}, 0.500),
    ("coordinate", {}, 0.25),
    ("gam", {}, 0.00),
]


# As GAINS, on 32 x 32 maps and within 5 %. Triplet's is the mean over draws, in train mode.
RECENT_GAINS = [
    ("gc", {}, 1.0000),
    ("gc", {"fusion": "channel_mul"}, 0.5000),
    ("simam", {}, 0.761),
    ("simam", {"regularization": 0.1}, 0.751),
    ("triplet", {}, 0.50),
    ("nam", {}, 0.5000),
    ("non_local", {}, 1.0000),
    ("generalized", {}, 1.0000),
    ("generalized", {"attention_type": "0010"}, 1.0000),
    ("danet", {}, 2.0000),
    ("ema", {}, 0.494),
    ("ema", {"factor": 8}, 0.500),
    ("ela", {"variant": "T"}, 0.2516),
    ("ela", {}, 0.2516),
    ("ela", {"variant": "S"}, 0.2513),
    ("ela", {"variant": "L"}, 0.2512),
    ("mlca", {}, 0.5000),
    ("scsa", {}, 0.145),
    ("scsa", {"heads": 8}, 0.145),
]


@pytest.mark.parametrize(("name", "options", "gain"), RECENT_GAINS)
def test_gain_at_the_official_start_of_recent_modules(name: str, options: dict, gain: float) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 256, 32, 32)
    with torch.no_grad():
        y = build(name, 256, **options)(x)
    assert float((y * x).sum() / (x * x).sum()) == pytest.approx(gain, rel=0.05)


@torch.no_grad()
def test_lsk_starts_with_nothing_of_its_input() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 256, 32, 32)
    y = build("lsk", 256)(x)
    assert abs(float((y * x).sum() / (x * x).sum())) < 0.02
    assert 0.1 < float(y.norm() / x.norm()) < 5  # the draw of the two gates decides


@torch.no_grad()
def test_triplets_start_depends_on_the_draw_where_norms_use_running_statistics() -> None:
    """.5 +- .12, as with MMDetection's `norm_eval`; .50 +- .005 where they use the batch's."""
    torch.manual_seed(0)
    x = torch.randn(2, 64, 16, 16)
    modules = [build("triplet", 64) for _ in range(32)]
    for train, deviation in ((True, 0.005), (False, 0.12)):
        gains = torch.tensor([float((m.train(train)(x) * x).sum() / (x * x).sum()) for m in modules])
        assert gains.mean().item() == pytest.approx(0.5, abs=0.05)
        assert deviation / 2 < gains.std().item() < deviation * 2


@pytest.mark.parametrize(("name", "options", "gain"), GAINS)
def test_gain_at_the_official_start(name: str, options: dict, gain: float) -> None:
    """<y, x> / <x, x> at 256 channels, as measured on the authors' code."""
    torch.manual_seed(0)
    x = torch.randn(4, 256, 14, 14)
    with torch.no_grad():
        y = build(name, 256, **options)(x)
    assert float((y * x).sum() / (x * x).sum()) == pytest.approx(gain, abs=0.03)


def test_shuffle_starts_as_a_scaled_permutation() -> None:
    x = torch.randn(2, 256, 7, 7)
    wanted = x.unflatten(1, (2, 128)).transpose(1, 2).flatten(1, 2) * torch.sigmoid(torch.tensor(1.0))
    torch.testing.assert_close(build("shuffle", 256)(x), wanted)


@pytest.mark.parametrize("init", ["official", "identity"])
@pytest.mark.parametrize("case", CASES)
def test_init_weights_restores_the_start_exactly(case: str, init: str) -> None:
    name, channels, options = CASES[case]
    torch.manual_seed(5)
    module = build(name, channels, init=init, **options)
    torch.manual_seed(6)
    module.init_weights()
    start = copy.deepcopy(module.state_dict())
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.fill_(7)
    torch.manual_seed(6)
    module.init_weights()
    for key, value in module.state_dict().items():
        assert torch.equal(value, start[key]), key


def test_starts_that_the_papers_name() -> None:
    cbam, bam = build("cbam", 256), build("bam", 256)
    assert not cbam.norm.weight.any()
    assert not cbam.squeeze.bias.any()
    fan_out = bam.spatial[3].weight[0].numel()  # 3x3, h -> h
    assert float(bam.spatial[3].weight.std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
    assert all(not layer.bias.any() for layer in bam.modules() if isinstance(layer, nn.Conv2d | nn.Linear))
    polarized = build("polarized", 256, form="official")
    assert float(polarized.spatial_query.weight.std()) == pytest.approx((2 / 256) ** 0.5, rel=0.1)
    sge = build("sge", 256)
    assert not sge.weight.any()
    assert bool((sge.bias == 1).all())
    assert not build("sge", 256, form="article").bias.any()


# Mathematically without effect: what a batch norm in train mode or a softmax subtracts again.
DEAD = {
    "cbam-article": set(),
    "bam": {"channel.0.bias", "spatial.0.bias", "spatial.3.bias", "spatial.6.bias"},
    "bam-official": {"channel.0.bias", "spatial.0.bias", "spatial.3.bias", "spatial.6.bias"},
    "bam-article": {f"channel.{i}.bias" for i in (0, 3, 6)} | {f"spatial.{i}.bias" for i in (0, 3, 6, 9)},
    "polarized-parallel": {"channel_query.bias"},
    "polarized-sequential": {"channel_query.bias"},
    "polarized-article": {"channel_query.bias"},
    "coordinate": {"squeeze.bias"},
    "coordinate-article": {"squeeze.bias"},
    "gam": {"spatial.0.bias", "spatial.3.bias"},
    "gam-grouped": {"spatial.0.bias", "spatial.3.bias"},
    "gam-article": {"spatial.0.bias", "spatial.3.bias"},
    "gc": {"mask.bias"},
    "gc-mul": {"mask.bias"},
    "non_local": {"key.bias"},
    "danet": {"key.bias"},
    "danet-paper": {"key.bias"},
}


@pytest.mark.parametrize("case", CASES)
def test_identity_starts_at_the_input_and_learns(case: str) -> None:
    """Exact at step 0, where only the scale has a slope; every parameter that can have one has it at step 2."""
    name, channels, options = CASES[case]
    torch.manual_seed(0)
    module = build(name, channels, init="identity", **options)
    x = image(channels, 6, 5).float()
    assert torch.equal(module(x), x)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (module(x) - x.flip(3)).pow(2).mean().backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in module.parameters())
    slopes = {key: float(parameter.grad.abs().max()) for key, parameter in module.named_parameters()}
    still = {key for key, slope in slopes.items() if slope == 0}
    assert still <= DEAD.get(case, set())


@pytest.mark.parametrize("case", ["gc", "non_local", "generalized"])
def test_no_scale_where_the_authors_start_is_the_identity(case: str) -> None:
    """With a scale of 0 on top of a last layer of 0, neither would ever have a gradient."""
    name, channels, options = CASES[case]
    module = build(name, channels, init="identity", **options)
    assert module.identity_scale is None
    assert build(name, channels, **options).state_dict().keys() == module.state_dict().keys()


@pytest.mark.parametrize("case", ["se", "shuffle", "gam"])
def test_identity_moves_towards_the_module(case: str) -> None:
    module, bare = arbitrary(case, init="identity"), arbitrary(case)
    bare.load_state_dict({k: v for k, v in module.state_dict().items() if k != "identity_scale"})
    x, scale = image(CASES[case][1], 4, 4), module.identity_scale
    torch.testing.assert_close(module(x), x + scale * (bare.train()(x) - x))


def test_identity_survives_a_copy() -> None:
    """Model averaging and launchers copy modules; the hook has to follow the copy's own scale."""
    module = build("se", 32, init="identity")
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.identity_scale.fill_(1)
    x = torch.randn(1, 32, 3, 3)
    assert torch.equal(module(x), x)
    assert not torch.allclose(twin(x), x)


@pytest.mark.parametrize("case", CASES)
def test_weight_decay_spares_scales_and_biases(case: str) -> None:
    name, channels, options = CASES[case]
    module = build(name, channels, init="identity", **options)
    matrices = {
        f"{path}.weight"
        for path, layer in module.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)
    }
    assert no_decay(module) == {key for key, _ in module.named_parameters()} - matrices
    assert ("identity_scale" in no_decay(module)) == (module.identity_scale is not None)
