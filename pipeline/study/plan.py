"""Study -> plans: all that determines a cell, and nothing that does not.

A plan holds a variant's resolved config and a digest of the code and library versions its training
runs. It is the one thing a train stage depends on, so an edit retrains exactly the cells it changes.

fingerprint = sha256(plan, manifest, seed), without names and places on disk: a renamed variant or a
moved image folder is still the same experiment.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.common.files import digest
from pipeline.common.paths import Paths
from pipeline.common.tuples import tuple_paths
from pipeline.records import Manifest, Plan
from pipeline.records.plan import Weights
from pipeline.study.code import code_digests
from pipeline.study.params import Study

TRAINING = "pipeline.detector.train"  # what a cell runs
LIBRARIES = ("torch", "onedl-mmdetection", "onedl-mmcv", "onedl-mmengine", "numpy", "opencv-python")


def make(
    study: Study, variant: str, config: dict[str, Any], weights: Weights | None, notes: Sequence[str] = ()
) -> Plan:
    """The plan of a variant, from its resolved config as MMEngine has it (with tuples)."""
    asked = study.variants[variant]
    inserted = [attention.WIDER] if asked.widen else [insertion.name for insertion in asked.attention]
    modules = {attention.module_of(name) for name in inserted}
    modules |= set((config.get("custom_imports") or {}).get("imports", []))  # a config of the user's own may have some
    code = code_digests([TRAINING, *sorted(modules)])
    installed = versions()
    counts = {"repeat": asked.repeat, "config": config, "code": code, "versions": installed}
    content = {key: _without_places(value) for key, value in counts.items()}
    return Plan(
        variant=variant,
        repeat=asked.repeat,
        config=config,
        tuples=list(tuple_paths(config)),
        notes=list(notes),
        weights=weights,
        code=code,
        versions=installed,
        digest=digest({**content, "weights": weights and weights.sha256}),
    )


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

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._plans: dict[str, str | None] = {}
        manifest = Manifest.read_if_there(paths.manifest)
        self._manifest = manifest.digest if manifest else None

    def of(self, variant: str, seed: int) -> str | None:
        """None where the data set or the plan is not there yet."""
        if variant not in self._plans:
            found = Plan.read_if_there(self.paths.plan(variant))
            self._plans[variant] = found.digest if found else None
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
