"""The projection in a real sqlite store: complete, idempotent, repeatable."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.records.study import Git, StudyFacts
from pipeline.results.read import EvaluationPaths
from pipeline.tracking import store, sync

from .contents import artifacts, client, contents, history, one, runs
from .study_tree import START, Tree

Make = Callable[..., Tree]
FEW = {"variants": ("baseline", "cbam"), "seeds": (0, 1)}  # 7 runs: the study, two variants, four cells


def test_every_run_of_the_study(tree: Make) -> None:
    study = tree().report()
    receipt = sync(study.paths)
    assert (receipt.created, receipt.updated, receipt.unchanged, receipt.superseded) == (45, 0, 0, 0)
    found = client(study.root)
    roles = [run.data.tags["role"] for run in runs(found)]
    assert {role: roles.count(role) for role in roles} == {"study": 1, "variant": 11, "cell": 33}
    assert all(run.info.status == "FINISHED" for run in runs(found))


def test_a_cell_has_all_that_its_files_say(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    found = client(study.root)
    cell = one(found, "cell/cbam/1")
    started = study.started("cbam", 1)
    assert (cell.info.start_time, cell.info.end_time) == (started * 1000, (started + 60) * 1000)
    assert cell.data.params["config.optim_wrapper.optimizer.lr"] == "0.001"
    assert cell.data.params["config.model.backbone.plugins.0.cfg.type"] == "cbam"
    assert cell.data.params["device"] == "cpu"
    assert cell.data.metrics["AP"] == study.ap("cbam", 1)
    assert cell.data.metrics["AP/行人"] == study.ap("cbam", 1)
    assert [name for name in cell.data.metrics if name.startswith("AP/arrow")] == ["AP/arrow _left_-914e115d"]
    assert "AP/unseen" not in cell.data.metrics
    wanted = [
        (step, (started + step) * 1000, value) for _, step, _, key, value in study.history("cbam", 1) if key == "loss"
    ]
    assert history(found, cell)["loss"] == wanted
    tags = cell.data.tags
    assert tags["fingerprint"] == study.fingerprint("cbam", 1)
    assert (tags["version.torch"], tags["mlflow.source.git.commit"]) == ("2.13.0", "0" * 40)
    assert tags["checkpoint"] == "data/runs/cbam/1/checkpoint.pth"
    assert tags["checkpoint.sha256"] == study.run("cbam", 1).checkpoint_sha256
    assert set(artifacts(found, cell)) == {"predictions.json.gz", "history.csv", "run.json", "plan/cbam.json"}
    dataset = cell.inputs.dataset_inputs[0].dataset
    assert (dataset.digest, json.loads(dataset.source)["uri"]) == ("d" * 36, "drawn")
    assert tags["mlflow.parentRunId"] == one(found, "variant/cbam").info.run_id


def test_a_variant_carries_its_comparison_and_cost(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    run = one(client(study.root), "variant/cbam")
    compared = study.comparison().variants["cbam"]
    names = {
        "mean": "mean",
        "sd": "sd",
        "delta": "delta",
        "ci_lo": "ci_low",
        "ci_hi": "ci_high",
        "p_adjusted": "p_adjusted",
    }
    assert {name: run.data.metrics[name] for name in names} == {
        new: getattr(compared, old) for new, old in names.items()
    }
    assert (run.data.metrics["gflops"], run.data.metrics["latency_ms/median"]) == (1.5, 10.0)
    assert (run.data.tags["verdict"], run.data.tags["pairs_improved"]) == ("better", "7/9")
    assert run.info.start_time == study.started("cbam", 0) * 1000
    baseline = one(client(study.root), "variant/baseline")
    assert "p_adjusted" not in baseline.data.metrics
    assert baseline.data.tags["verdict"] == "baseline"


def test_the_report_is_on_the_studys_own_run(tree: Make) -> None:
    study = tree(**FEW).report()
    sync(study.paths)
    found = client(study.root)
    names = set(artifacts(found, one(found, "study")))
    assert {
        "report/ablation.md",
        "report/ablation.html",
        "report/figures/forest.svg",
        "evaluation/comparison.json",
    } <= names
    study.report("# Another text\n")
    receipt = sync(study.paths)
    assert (receipt.created, receipt.unchanged) == (1, 6)


def test_a_second_sync_changes_nothing(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    before, size = contents(client(study.root)), (study.root / "mlflow.db").read_bytes()
    receipt = sync(study.paths)
    assert (receipt.created, receipt.updated, receipt.unchanged, receipt.superseded) == (0, 0, 7, 0)
    assert contents(client(study.root)) == before
    assert (study.root / "mlflow.db").read_bytes() == size


def test_a_deleted_store_comes_back_equal(tree: Make, fresh_store: Path) -> None:
    study = tree(**FEW).report()
    sync(study.paths)
    before = contents(client(study.root))
    shutil.copyfile(fresh_store, study.root / "mlflow.db")
    shutil.rmtree(study.root / "mlartifacts")
    assert sync(study.paths).created == 7
    assert contents(client(study.root)) == before
    assert len(before) == 7


def test_a_changed_variant_supersedes_its_runs_alone(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    old = {run.info.run_id: run.data.tags["key"] for run in runs(client(study.root))}
    study.lr["cbam"] = 0.002
    receipt = sync(study.write().paths)
    assert (receipt.created, receipt.superseded, receipt.unchanged) == (4, 4, 3)
    found = client(study.root)
    gone = runs(found, query="tags.state = 'superseded'")
    assert {run.data.tags["key"].partition("/")[0] for run in gone} == {"study", "variant", "cell"}
    assert all(run.data.tags["variant"] == "cbam" for run in gone if run.data.tags["role"] != "study")
    assert all(run.info.run_name.endswith("(superseded)") and run.info.run_id in old for run in gone)
    assert one(found, "cell/cbam/0").data.params["config.optim_wrapper.optimizer.lr"] == "0.002"
    assert len(runs(found)) == 7


def test_a_removed_seed_and_variant_are_superseded(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    study.seeds, study.variants = [0], ["baseline"]
    sync(study.write().paths)
    found = client(study.root)
    assert [run.data.tags["cell"] for run in runs(found) if run.data.tags["role"] == "cell"] == ["baseline-0"]
    assert sync(study.paths).unchanged == 3
    reasons = {run.data.tags["superseded.because"] for run in runs(found, query="tags.state = 'superseded'")}
    assert "no longer in the study" in reasons


def test_a_new_commit_changes_tags_and_no_run(tree: Make) -> None:
    study = tree(**FEW)
    sync(study.paths)
    before = {run.info.run_id for run in runs(client(study.root))}
    path = EvaluationPaths(study.paths.evaluation).study
    StudyFacts.read(path).model_copy(update={"git": Git(revision="1" * 40, dirty=True)}).write(path)
    receipt = sync(study.paths)
    assert (receipt.created, receipt.updated) == (1, 6)  # study.json itself is an artifact of the study's run
    after = runs(client(study.root))
    assert len({run.info.run_id for run in after} & before) == 6
    assert {run.data.tags["mlflow.source.git.commit"] for run in after} == {"1" * 40}


def test_failed_and_missing_cells(tree: Make) -> None:
    study = tree(**FEW)
    study.states = {("cbam", 0): "failed", ("cbam", 1): "missing"}
    sync(study.write().paths)
    found = client(study.root)
    failed = one(found, "cell/cbam/0")
    assert (failed.info.status, failed.data.tags["reason"]) == ("FAILED", "out of memory")
    assert not [run for run in runs(found) if run.data.tags.get("cell") == "cbam-1"]
    assert one(found, "variant/cbam").data.tags["cells"] == "0 of 2"
    assert sync(study.paths).unchanged == 6
    study.states = {}
    assert sync(study.write().paths).created == 4  # the study, cbam, its two cells


def test_a_sync_that_was_cut_off_is_completed(tree: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tree(**FEW)
    upload = store.Store._upload

    def cut(self: store.Store, run_id: str, name: str, path: Path) -> None:
        if path.name == "cbam.json":
            raise KeyboardInterrupt
        upload(self, run_id, name, path)

    monkeypatch.setattr(store.Store, "_upload", cut)
    with pytest.raises(KeyboardInterrupt):
        sync(study.paths)
    monkeypatch.undo()
    begun = len(runs(client(study.root)))
    receipt = sync(study.paths)
    assert (receipt.created, receipt.updated) == (7 - begun, 1)
    found = client(study.root)
    assert len(history(found, one(found, "cell/cbam/0"))["loss"]) == study.steps


@pytest.mark.parametrize("fresh", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_syncs_at_once(tree: Make, tmp_path: Path, fresh: bool) -> None:
    study = tree(**FEW)
    if fresh:
        (tmp_path / "mlflow.db").unlink()
    script = (
        "import sys, pathlib, pipeline.tracking as t; from pipeline.common.paths import Paths; "
        "print(t.sync(Paths(pathlib.Path(sys.argv[1]))).created)"
    )
    command = [sys.executable, "-c", script, str(study.root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate()[0].strip() for process in both) == ["0", "7"]
    assert [process.returncode for process in both] == [0, 0]
    assert sync(study.paths).unchanged == 7


def test_values_that_are_not_finite(tree: Make) -> None:
    study = tree(variants=("baseline",), seeds=(0,))
    path = EvaluationPaths(study.paths.evaluation).history
    rows = f"baseline,0,1,9,{START},loss,nan\nbaseline,0,1,10,{START},loss,inf\n"
    path.write_text(path.read_text() + rows)
    sync(study.paths)
    found = client(study.root)
    assert [value for *_, value in history(found, one(found, "cell"))["loss"]][-2:] == ["nan", "nan"]
    assert sync(study.paths).unchanged == 3


def test_receipt_is_json_without_this_machine(tree: Make) -> None:
    receipt = sync(tree(**FEW).paths).to_dict()
    assert receipt == {
        "schema": 1, "experiment": "demo", "experiment_id": "1", "uri": "sqlite:///mlflow.db",
        "created": 7, "updated": 0, "unchanged": 0, "superseded": 0, "registered": None,
    }  # fmt: skip


def test_a_study_that_is_not_evaluated(tree: Make) -> None:
    study = tree(**FEW)
    shutil.rmtree(study.paths.evaluation)
    with pytest.raises(UserError, match="data/evaluation: no such folder; `dvc repro evaluate` writes it"):
        sync(study.paths)
