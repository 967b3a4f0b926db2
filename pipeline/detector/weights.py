"""Pretrained weights: read once, when plans are made, checked against each backbone, and kept as safetensors.

A cell loads what was kept, never the file that params.yaml names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256, write_bytes
from pipeline.common.paths import Paths
from pipeline.detector import tensors
from pipeline.detector.fetch import fetch
from pipeline.detector.placement import attention_modules
from pipeline.records.plan import Weights
from pipeline.records.run import LoadedWeights

FOLDER = Paths().weights
CLASSIFIER = ("fc.", "classifier.", "head.")  # an ImageNet checkpoint's last layer, which no detector has
COUNTER = "num_batches_tracked"  # of a BatchNorm; old checkpoints have none


@dataclass(frozen=True)
class Pretrained:
    """Weights for a backbone: where they came from, the sha256 of that file, and its tensors by the backbone's keys."""

    source: str
    sha256: str
    state: Mapping[str, Tensor]

    def planned(self, config: Mapping[str, Any]) -> Weights:
        """What a plan says of its weights: source, the digest of that file, and of the tensors as they are kept.

        Raises UserError where they do not fit the backbone of `config`, a resolved one.
        """
        init_default_scope("mmdet")
        check(MODELS.build(Config(config["model"]).backbone), self.state, self.source)
        return Weights(source=self.source, sha256=self.sha256, tensors=self.kept)

    @cached_property
    def kept(self) -> str:
        """Write the tensors where all cells find them; the sha256 of that file, which is its name."""
        content = tensors.to_bytes(self.state)
        digest = hashlib.sha256(content).hexdigest()
        write_bytes(_path(digest), content)
        return digest


def read(source: str, sha256: str | None) -> Pretrained:
    """The weights behind a path or a URL. Raises UserError where they cannot be had or should not be trusted.

    Keys lose the prefixes that wrappers and whole models add; a classifier's last layer is left out.
    """
    path, found = fetch(source, sha256, FOLDER)
    try:
        content = tensors.read(path)
    except UserError as error:
        raise UserError(f"detector.weights: {str(error).replace(str(path), source, 1)}") from None
    given = content.get("state_dict", content.get("model", content))  # "model": where Swin's authors have them
    state = {}
    for key, value in given.items() if isinstance(given, Mapping) else ():
        name = str(key).removeprefix("module.").removeprefix("backbone.")
        if name.startswith(CLASSIFIER):
            continue
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UserError(f"detector.weights: {source}: {key!r} is no dense tensor; allowed: a backbone's state dict")
        if not value.isfinite().all():
            raise UserError(
                f"detector.weights: {source}: {key!r} holds NaN or infinity; name another file, or `weights: null`"
            )
        state[name] = value
    if not state:
        raise UserError(f"detector.weights: {source}: holds no tensors; allowed: a backbone's state dict")
    return Pretrained(source, found, state)


def local(planned: Weights) -> Path:
    """The tensors that a plan names, made again from its source where they were lost. Raises UserError."""
    path = _path(planned.tensors)
    if path.is_file() and file_sha256(path) == planned.tensors:
        return path
    if read(planned.source, planned.sha256).kept != planned.tensors:
        raise UserError(
            f"detector.weights: {planned.source} reads otherwise here than where the plan was made; make the plans "
            "again on this machine: `dvc repro --force plan`"
        )
    return path


def _path(digest: str) -> Path:
    return FOLDER / f"{digest}.safetensors"


def check(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> list[str]:
    """The backbone's keys that the weights leave as they are: all of them its attention's.

    Raises UserError where another key is missing, one is left over, or a shape differs.
    """
    have = backbone.state_dict()
    ours = tuple(f"{name}." for name in attention_modules(backbone))
    missing = sorted(key for key in have.keys() - state.keys() if not key.endswith(COUNTER))
    for problem, keys in (
        ("lacks", [key for key in missing if not key.startswith(ours)]),
        ("has unknown", sorted(state.keys() - have.keys())),
        ("has another shape of", sorted(k for k in have.keys() & state.keys() if have[k].shape != state[k].shape)),
    ):
        if keys:
            raise UserError(
                f"detector.weights: {source} {problem} {len(keys)} keys of the backbone, e.g. {keys[0]!r}; give "
                f"weights of this {type(backbone).__name__} (detector.config, width, overrides), or `weights: null`"
            )
    return missing


def loaded(backbone: nn.Module, planned: Weights) -> LoadedWeights:
    """What of the planned weights stands in `backbone`, for run.json.

    Raises UserError unless they fit and every tensor of theirs is the backbone's.
    """
    source, state = planned.source, tensors.read(local(planned))["state_dict"]
    missing = check(backbone, state, source)
    have = backbone.state_dict()
    unequal = sorted(
        key
        for key, value in state.items()
        if not key.endswith(COUNTER) and not torch.equal(have[key].cpu(), value.to(have[key].dtype))
    )
    if unequal:
        raise UserError(
            f"detector.weights: {source} was not loaded into {len(unequal)} keys of the backbone, e.g. {unequal[0]!r}; "
            "an override of the config may load others"
        )
    return LoadedWeights(
        file=PurePosixPath(urlsplit(source).path).name,
        sha256=planned.sha256,
        loaded=len(state),
        missing=missing,
        unexpected=[],
    )
