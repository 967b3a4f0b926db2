"""Plans and fingerprints: what changes them, and what must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.records import Plan
from pipeline.records.plan import Weights
from pipeline.study import load, plan
from tests import made
from tests.conftest import ROOT

CONFIG = made.CONFIG


def planned(variant: str = "baseline", config: dict[str, Any] = CONFIG, **weights: str) -> Plan:
    return plan.make(
        load(ROOT / "params.yaml"), variant, config, Weights(**weights, tensors="t" * 64) if weights else None
    )


def test_a_plan_is_the_same_twice_and_its_digest_ignores_the_name_and_places_on_disk() -> None:
    assert planned() == planned()
    moved = {**CONFIG, "train_dataloader": {"dataset": {"data_prefix": {"img": "/elsewhere"}}}}
    assert planned(config=moved).digest == planned().digest
    here, there = planned(source="a.pth", sha256="1" * 64), planned(source="https://b/a.pth", sha256="1" * 64)
    assert here.digest == there.digest != planned().digest
    assert planned(source="a.pth", sha256="2" * 64).digest != here.digest


def test_a_plan_changes_with_the_config_and_with_the_attention_in_use() -> None:
    deeper = {**CONFIG, "model": {"backbone": {"depth": 101}}}
    assert len({planned().digest, planned(config=deeper).digest, planned("se").digest, planned("cbam").digest}) == 4


def test_code_in_a_plan_is_what_its_training_runs() -> None:
    baseline, se = set(planned().code), set(planned("se").code)
    assert "pipeline/attention/se.py" in se - baseline
    assert "pipeline/attention/cbam.py" not in se
    training = ("train", "placement", "randomness", "predict", "optimizer", "checkpoints")
    assert {f"pipeline/detector/{name}.py" for name in training} <= baseline
    idle = (
        "pipeline/detector/config/__init__.py",
        "pipeline/detector/cost.py",
        "pipeline/study/params.py",
        "pipeline/commands/stages.py",
    )
    assert baseline.isdisjoint(idle)


def test_fingerprints_need_a_plan_and_a_manifest_and_differ_by_seed(tmp_path: Path) -> None:
    assert plan.Fingerprints(Paths(tmp_path)).of("a", 0) is None
    made.manifest().write(Paths(tmp_path).manifest)
    assert plan.Fingerprints(Paths(tmp_path)).of("a", 0) is None
    made.plan(variant="a").write(Paths(tmp_path).plan("a"))
    prints = plan.Fingerprints(Paths(tmp_path))
    assert prints.of("a", 0) == plan.fingerprint("p", "m", 0)
    assert (
        len({prints.of("a", 0), prints.of("a", 1), plan.fingerprint("p", "n", 0), plan.fingerprint("q", "m", 0)}) == 4
    )


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LIBRARIES", ("no-such-library",))
    with pytest.raises(UserError, match="no-such-library is not installed"):
        plan.versions()
