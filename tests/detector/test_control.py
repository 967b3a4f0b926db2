"""A control has as many parameters as another variant's attention, at its places, and starts as the baseline."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pipeline.attention._wider import Wider
from pipeline.common.errors import UserError
from pipeline.detector.config import resolve
from pipeline.detector.cost import attention_parameters
from pipeline.detector.placement import attention_modules

from . import tiny

GAM = {"attention": "gam", "place": "after_conv2"}
BOTH = {"attention": [{"name": "se", "stages": [1]}, {"name": "cbam", "place": "neck"}]}


@pytest.mark.parametrize("partner", [GAM, BOTH], ids=["gam", "two modules"])
def test_as_many_parameters_at_the_same_places(partner: dict[str, Any]) -> None:
    study = tiny.study({"partner": partner, "control": {"attention": None, "widen": "partner"}})
    theirs, ours = resolve(study, "partner"), resolve(study, "control")
    wanted = attention_parameters(theirs.to_dict())
    assert attention_parameters(ours.to_dict()) == pytest.approx(wanted, rel=0.05)
    places = [{(s.module, s.host) for entry in c.model.attention for s in entry.sites} for c in (theirs, ours)]
    assert places[1] <= places[0]
    assert all(isinstance(module, Wider) for module in attention_modules(tiny.build(ours)).values())


def test_gam_is_matched_to_a_thousandth_and_the_start_is_the_baseline(batch: Any) -> None:
    study = tiny.study({"gam": GAM, "control": {"widen": "gam"}})
    gam, control = resolve(study, "gam"), resolve(study, "control")
    wanted = attention_parameters(gam.to_dict())
    assert attention_parameters(control.to_dict()) == pytest.approx(wanted, rel=1e-3)
    baseline, model = tiny.build(resolve(study, "baseline")), tiny.build(control)
    model.eval(), baseline.eval()
    assert tiny.equal(tiny.features(model, tiny.image()), tiny.features(baseline, tiny.image()))
    model.train()
    tiny.loss_of(model, batch).backward()
    moved = [m.leave.weight.grad.abs().sum() > 0 for m in attention_modules(model).values()]
    assert torch.tensor(moved).all()


def test_its_plan_holds_its_own_code_alone() -> None:
    study = tiny.study({"gam": GAM, "control": {"widen": "gam"}})
    code = tiny.plan(study, "control").code
    assert "pipeline/attention/_wider.py" in code
    assert "pipeline/attention/gam.py" not in code


def test_a_module_without_weight_needs_no_control() -> None:
    study = tiny.study({"simam": {"attention": "simam"}, "control": {"widen": "simam"}})
    with pytest.raises(UserError, match=r"widen: simam adds 0 parameters"):
        resolve(study, "control")
    few = tiny.study({"eca": {"attention": "eca", "place": "after_stage", "stages": [4]}, "control": {"widen": "eca"}})
    with pytest.raises(UserError, match=r"cannot come within 5% of so few"):
        resolve(few, "control")
