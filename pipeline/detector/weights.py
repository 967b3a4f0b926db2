"""Pretrained weights: fetched once, checked by sha256, and loaded in full or not at all."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256
from pipeline.common.paths import Paths
from pipeline.detector.placement import attention_modules
from pipeline.records.run import LoadedWeights

CACHE = Paths().weights
CLASSIFIER = ("fc.", "classifier.", "head.")  # an ImageNet checkpoint's last layer, which no detector has


def fetch(source: str, sha256: str | None) -> tuple[Path, str]:
    """A local path for a URL or a path, and the sha256 of its content.

    Raises UserError where the file is missing, cannot be fetched, or has another digest.
    """
    path = _download(source, sha256) if "://" in source else Path(source)
    if not path.is_file():
        raise UserError(f"detector.weights: {source}: no such file")
    found = file_sha256(path)
    if sha256 and found != sha256:
        raise UserError(f"detector.weights: {source} has sha256 {found}; detector.weights_sha256 says {sha256}")
    return path, found


def _download(url: str, sha256: str | None) -> Path:
    if not url.startswith(("http://", "https://", "file://")):
        raise UserError(
            f"detector.weights: {url!r}; allowed: a path, or a URL that begins with https://, http:// or file://"
        )
    path = CACHE / f"{sha256 or 'unchecked'}-{url.rpartition('/')[2]}"
    if path.exists() and sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=60) as response, part.open("wb") as file:
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, OSError) as error:
        part.unlink(missing_ok=True)
        raise UserError(
            f"detector.weights: {url} cannot be fetched ({error}); a local path works without a network"
        ) from None
    return part.replace(path)


def loaded(backbone: nn.Module, path: Path, sha256: str) -> LoadedWeights:
    """What of a checkpoint stands in `backbone`, for run.json.

    Raises UserError unless the keys missing from the checkpoint are exactly the attention's, none but
    an ImageNet classifier's is left over, and every loaded tensor equals the checkpoint's.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    given: Mapping[str, Any] = state.get("state_dict", state)
    given = {key.removeprefix("module.").removeprefix("backbone."): value for key, value in given.items()}
    have = {key: value.detach().cpu() for key, value in backbone.state_dict().items()}
    ours = tuple(f"{name}." for name in attention_modules(backbone))
    counters = {key for key in have if key.endswith("num_batches_tracked")}
    missing = sorted(have.keys() - given.keys() - counters)
    left_over = sorted(key for key in given.keys() - have.keys() if not key.startswith(CLASSIFIER))
    strange = [key for key in missing if not key.startswith(ours)]
    unequal = [
        key
        for key in have.keys() & given.keys() - counters
        if not torch.equal(have[key], given[key].to(have[key].dtype))
    ]
    for problem, keys in (("lacks", strange), ("has unknown", left_over), ("was not loaded into", sorted(unequal))):
        if keys:
            raise UserError(
                f"detector.weights: {path.name} {problem} {len(keys)} keys of the backbone, e.g. {keys[0]!r}"
            )
    return LoadedWeights(
        file=path.name,
        sha256=sha256,
        loaded=len(have.keys() & given.keys()),
        missing=missing,
        unexpected=left_over,
    )
