"""Weight decay leaves the gates of an attention alone.

A gate's scale and bias often start at 1 (SGE's bias, Shuffle's `sbias`); decay would pull the gate
towards sigmoid(0) = 1/2 and the module would be judged for that.
"""

from __future__ import annotations

from typing import Any

from mmdet.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.model import is_model_wrapper
from torch import nn

from pipeline import attention
from pipeline.detector.placement import attention_modules


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class NoGateDecayConstructor:
    """A config's own constructor, MMEngine's by default, then each group split in two: decayed, and gates with none."""

    def __init__(self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None) -> None:
        settings = dict(optim_wrapper_cfg)
        base = settings.pop("base_constructor", "DefaultOptimWrapperConstructor")
        self.base = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(type=base, optim_wrapper_cfg=settings, paramwise_cfg=paramwise_cfg)
        )

    def __call__(self, model: nn.Module) -> Any:
        wrapper = self.base(model)
        bare: Any = model.module if is_model_wrapper(model) else model
        spared = {
            id(module.get_parameter(name))
            for module in attention_modules(bare).values()
            for name in attention.no_decay(module)
        }
        optimizer = wrapper.optimizer
        for group in list(optimizer.param_groups):
            gates = [parameter for parameter in group["params"] if id(parameter) in spared]
            if gates:
                group["params"] = [parameter for parameter in group["params"] if id(parameter) not in spared]
                optimizer.add_param_group({**group, "params": gates, "weight_decay": 0.0})
        optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
        return wrapper
