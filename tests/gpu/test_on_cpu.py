"""The checks of `make test-gpu` themselves, on a CPU: they pass there, and can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipeline.detector.randomness import DRAWS, _drawn_on_the_cpu
from tests.conftest import Project
from tests.gpu import checks, studies
from tests.gpu.conftest import page


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_a_cpu_computes_as_a_cpu(check: Callable[[str], str]) -> None:
    assert any(character.isdigit() for character in check("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("body", [studies.together, *studies.BODIES.values()], ids=lambda body: body.__name__)
def test_a_study_on_a_cpu_does_what_one_on_a_gpu_must(project: Project, body: Callable[[Project, str], str]) -> None:
    print(body.__name__, body(project, "cpu"))


@pytest.mark.slow
def test_a_study_trains_on_a_cpu_as_on_a_gpu(project: Project) -> None:
    assert "first loss 0.0e+00 off" in studies.trained(project, "cpu", "fp32")


@pytest.mark.parametrize("fill", [lambda x: x.normal_(1.0, 2.0), lambda x: nn.init.kaiming_uniform_(tensor=x, a=1)])
def test_what_a_gpu_is_given_is_what_a_cpu_draws(fill: Callable[[Tensor], Tensor]) -> None:
    """The detour by which a GPU's parameters are filled, taken here for a parameter that lies on the CPU."""

    class Detour(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.__name__ in DRAWS:
                return _drawn_on_the_cpu(func, args[0] if args else kwargs["tensor"], args, kwargs or {})
            return func(*args, **(kwargs or {}))

    expected, found = nn.Parameter(torch.zeros(3, 4)), nn.Parameter(torch.zeros(3, 4))
    torch.manual_seed(0)
    with torch.no_grad():
        fill(expected)
    torch.manual_seed(0)
    with torch.no_grad(), Detour():
        assert fill(found) is found
    assert torch.equal(found, expected)


def test_a_difference_is_seen() -> None:
    value = torch.tensor([1.0, -4.0])
    assert checks._difference([value + torch.tensor([0.0, 1.0])], [value]) == 0.25
    with pytest.raises(AssertionError):
        checks._difference([value], [value, value])


def test_a_body_is_named_by_its_first_sentence() -> None:
    assert studies.words(studies.costs) == (
        "The stage `cost`: operations are the CPU's, latency and memory the device's own"
    )


def test_the_page_has_a_row_a_line() -> None:
    text = page({"operators": (True, "1e-7"), "two cells, fp16": (False, "")}, "a card, 580", "torch 2")
    assert "| operators | passed | 1e-7 |" in text
    assert "| two cells, fp16 | FAILED |  |" in text
    assert "a card, 580; torch 2" in text
