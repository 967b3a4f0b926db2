"""Where the values of a map lie in memory: by default each channel for itself, or all channels of a pixel together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

CHANNELS_LAST = "ChannelsLast"


@HOOKS.register_module()
class ChannelsLast(Hook):
    """Turns the weights of convolutions: what they compute then follows by itself. Values stay, rounding does not."""

    priority = "VERY_HIGH"  # right after CommonRandomNumbers, whose draws follow the order in memory

    def before_run(self, runner: Runner) -> None:
        runner.model.to(memory_format=torch.channels_last)


def memory_format(config: Mapping[str, Any]) -> torch.memory_format:
    """What a resolved config trains in."""
    hooks = [hook["type"] for hook in config.get("custom_hooks") or []]
    return torch.channels_last if CHANNELS_LAST in hooks else torch.contiguous_format
