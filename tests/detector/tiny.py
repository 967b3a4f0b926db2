"""Detectors small enough to train in a test: thin widths, four pictures of 96x64."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from pipeline.commands import stages
from pipeline.common.paths import CellPaths, Paths
from pipeline.detector import registered  # noqa: F401  (what a config's custom_imports would register)
from pipeline.detector.placement import INSERTED
from pipeline.detector.randomness import initialise
from pipeline.records import Manifest, Plan
from pipeline.study import Study
from pipeline.study.plan import fingerprint

SIZE = (96, 64)
PATHS = Paths()
# From scratch MMDetection starts residual branches at 0: in the first step no gradient reaches what is in them.
R50 = {"model.backbone.zero_init_residual": False}
R18 = {**R50, "model.backbone.depth": 18, "model.neck.in_channels": [16, 32, 64, 128]}
DETECTORS: dict[str, dict[str, Any]] = {
    "faster_r18": {"config": "faster_rcnn/faster-rcnn_r50_fpn_1x_coco", "overrides": R18},
    "faster_r50": {"config": "faster_rcnn/faster-rcnn_r50_fpn_1x_coco", "overrides": R50},
    "retina_r50": {"config": "retinanet/retinanet_r50_fpn_1x_coco", "overrides": R50},
}
TRAIN = {"image_size": SIZE, "batch_size": 2, "epochs": 1, "warmup_iters": 0, "log_interval": 1}


def study(
    variants: Mapping[str, Any] | None = None,
    detector: str = "faster_r50",
    train: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Study:
    """A study of `variants` beside a baseline; `settings` go to its detector."""
    return Study.model_validate(
        {
            "dataset": {"source": "roadmarks"},
            "detector": {**DETECTORS[detector], **settings},
            "train": {**TRAIN, **(train or {})},
            "variants": {"baseline": {}, **(variants or {})},
            "seeds": [0, 1],
        }
    )


def plan(study: Study, variant: str) -> Plan:
    """As the stage plan makes it, from the data set prepared where one stands."""
    return stages.plan_of(study, variant, Manifest.read(PATHS.manifest), PATHS, stages.pretrained(study))


def scratch(plan: Plan, seed: int) -> CellPaths:
    return PATHS.cell(fingerprint(plan.digest, Manifest.read(PATHS.manifest).digest, seed))


def build(config: Any, seed: int = 0) -> Any:
    """The model of a resolved config, initialised as a cell with `seed` would."""
    model = MODELS.build(config.model)
    initialise(model, seed)
    return model


def loss_of(model: Any, batch: Any) -> Tensor:
    """The training loss of one batch as the data loader gives it."""
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    total, _ = model.parse_losses(model(**data, mode="loss"))
    return total


def features(model: Any, image: Tensor) -> list[Tensor]:
    """The pyramid's levels, in eval mode."""
    model.eval()
    with torch.no_grad():
        return list(model.neck(model.backbone(image)))


def image(seed: int = 0, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(seed))


def stir(module: nn.Module, seed: int = 0) -> None:
    """Give every parameter a value that no computation can ignore."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.2, 0.5, generator=draws)


def few(names: Iterable[str], *fast: str) -> list[Any]:
    """All `names` as parameters; those that are not `fast` run with the slow tests."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(map(torch.equal, a, b))


def shared(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the attention's part."""
    return {key: value for key, value in state.items() if not INSERTED.search(key)}
