"""Mixed precision, memory layout, single images and pixels, large activations."""

from __future__ import annotations

import copy

import pytest
import torch

from pipeline.common.errors import UserError
from tests.attention.cases import CASES, arbitrary, fits, image


def gradients(module: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Output, and the gradients of its sum by the input and all parameters."""
    x = x.detach().requires_grad_()
    y = module(x)
    return y, list(torch.autograd.grad(y.float().sum(), [x, *module.parameters()]))


@pytest.mark.parametrize("case", CASES)
def test_channels_last_is_kept_and_changes_nothing(case: str) -> None:
    module, x = arbitrary(case), image(CASES[case][1], 5, 7, batch=2)
    y, slopes = gradients(copy.deepcopy(module), x)
    y_last, slopes_last = gradients(module, x.to(memory_format=torch.channels_last))
    assert y_last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close([y_last, *slopes_last], [y, *slopes])


@pytest.mark.parametrize("case", CASES)
def test_bfloat16_autocast(case: str) -> None:
    """Trains, keeps the type of its input, and stays as near to float32 as bfloat16 products allow."""
    module = arbitrary(case).float().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(0.3)
    x = image(CASES[case][1], 6, 5, batch=2).float()
    wanted = module(x)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", torch.bfloat16):
            y, slopes = gradients(module, x.to(dtype))
        assert y.dtype == dtype
        assert all(bool(slope.isfinite().all()) for slope in slopes)
        torch.testing.assert_close(y.float(), wanted, rtol=0.05, atol=0.05)


OVERFLOW = ("gam", "lsk", "non_local-dot")  # their output grows with a power of the input


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(OVERFLOW)])
def test_half_inputs_and_weights(case: str) -> None:
    """Pure float16 with |x| up to 300, where sums of products of float16 would overflow."""
    module = arbitrary(case).half().eval()
    x = (100 * image(CASES[case][1], 6, 5, batch=2)).half()
    y = module(x)
    assert y.dtype == torch.float16
    assert bool(y.isfinite().all())


@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_large_activations(case: str, autocast: bool) -> None:
    module = arbitrary(case).float()
    x = 1000 * image(CASES[case][1], 6, 5, batch=2).float()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y, slopes = gradients(module, x)
    assert all(bool(tensor.isfinite().all()) for tensor in (y, *slopes))


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("size", [(4, 3), (1, 1)], ids=["map", "pixel"])
@pytest.mark.parametrize("case", CASES)
def test_single_image_and_single_pixel(case: str, size: tuple[int, int], train: bool) -> None:
    module = arbitrary(case).train(train)
    if not fits(case, *size):
        with pytest.raises(UserError, match="allowed"):
            module(image(CASES[case][1], *size, batch=1))
        return
    y, slopes = gradients(module, image(CASES[case][1], *size, batch=1))
    assert all(bool(tensor.isfinite().all()) for tensor in (y, *slopes))


@pytest.mark.parametrize("case", CASES)
def test_a_dead_map_gives_no_nan(case: str) -> None:
    """All zeros, as after a dead ReLU: standard deviations are 0."""
    y, slopes = gradients(arbitrary(case), torch.zeros(2, CASES[case][1], 4, 4, dtype=torch.float64))
    assert all(bool(tensor.isfinite().all()) for tensor in (y, *slopes))


def test_single_value_per_channel_uses_the_running_statistics() -> None:
    """One image leaves BAM's channel norm nothing to average; it must not touch its statistics either."""
    module, x = arbitrary("bam"), image(32, 4, 3, batch=1)
    norm = module.channel[1]
    before = copy.deepcopy(norm.state_dict())
    module(x)
    assert all(torch.equal(value, before[key]) for key, value in norm.state_dict().items())
    alone = norm(torch.ones(1, norm.num_features, dtype=torch.float64))
    torch.testing.assert_close(alone, norm.eval()(torch.ones(1, norm.num_features, dtype=torch.float64)))
