"""Study -> plans: all that determines a cell, and nothing that does not.

A plan holds a variant's resolved config and a digest of the code and library versions its training
runs. It is the one thing a train stage depends on, so an edit retrains exactly the cells it changes.

fingerprint = sha256(plan, manifest, seed), without names and places on disk: a renamed variant or a
moved image folder is still the same experiment.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.common.errors import UserError
from pipeline.common.files import digest, read_json
from pipeline.study.code import code_digests
from pipeline.study.params import Study

PLANS, MANIFEST = Path("data/plans"), Path("data/coco/manifest.json")
TRAINING = "pipeline.detector.train"  # what a cell runs
LIBRARIES = ("torch", "onedl-mmdetection", "onedl-mmcv", "onedl-mmengine", "numpy", "opencv-python")


def make(study: Study, variant: str, config: Mapping[str, Any], weights: Mapping[str, str] | None) -> dict[str, Any]:
    """The plan of a variant as JSON. `config` is its resolved config, `weights` {source, sha256, tensors} or None."""
    names = {insertion.name for insertion in study.variants[variant].attention}
    plan = {
        "schema": 1,
        "variant": variant,
        "repeat": study.variants[variant].repeat,
        "config": config,
        "weights": weights,
        "code": code_digests([TRAINING, *(f"pipeline.attention.{name}" for name in sorted(names))]),
        "versions": versions(),
    }
    return {**plan, "digest": digest(_what_counts(plan))}


def _what_counts(plan: Mapping[str, Any]) -> dict[str, Any]:
    counts = {key: plan[key] for key in ("repeat", "config", "code", "versions")}
    counts["weights"] = plan["weights"] and plan["weights"]["sha256"]
    return {key: _without_places(value) for key, value in counts.items()}


def _without_places(value: Any) -> Any:
    """Drop where images and weights lie: the manifest and the weights have digests of their content."""
    if isinstance(value, Mapping):
        return {
            k: _without_places(v)
            for k, v in value.items()
            if k not in ("data_prefix", "checkpoint") or (isinstance(v, Mapping) and "type" in v)
        }
    return [_without_places(item) for item in value] if isinstance(value, list | tuple) else value


def fingerprint(plan_digest: str, manifest_digest: str, seed: int) -> str:
    """The identity of a cell, 64 hex digits."""
    return digest([plan_digest, manifest_digest, seed])


class Fingerprints:
    """Fingerprints of a study's cells from the plans and the manifest on disk, each file read once."""

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self._plans: dict[str, str | None] = {}
        manifest = root / MANIFEST
        self._manifest: str | None = read_json(manifest)["digest"] if manifest.exists() else None

    def of(self, variant: str, seed: int) -> str | None:
        """None where the data set or the plan is not there yet."""
        if variant not in self._plans:
            path = self.root / PLANS / f"{variant}.json"
            self._plans[variant] = read_json(path)["digest"] if path.exists() else None
        plan = self._plans[variant]
        return fingerprint(plan, self._manifest, seed) if plan and self._manifest else None


def versions() -> dict[str, str]:
    """Installed versions of the libraries that compute, without a build's local part (`+cpu`)."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"{library} is not installed; `make setup` installs it") from None
    return found
