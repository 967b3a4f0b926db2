"""A real study, 2 variants x 2 seeds, through every stage under real DVC; then what an edit retrains.

The tests run in the order of this file on one project: each goes on where the one before stopped.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.conftest import TINY, Project, clone, wait_for


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = clone(tmp_path_factory.mktemp("study") / "a project")  # a path with a space, on purpose
    project.dvc("repro")
    return project


def stale(project: Project) -> set[str]:
    """The cells that DVC would train, once the plans are made anew."""
    project.dvc("repro", "--single-item", "plan")
    status: dict[str, Any] = json.loads(project.dvc("status", "--json").stdout)
    return {stage.removeprefix("train@") for stage in status if stage.startswith("train@")}


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.root / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_every_stage_leaves_its_files(study: Project) -> None:
    for name in ("card.json", "manifest.json", "train.json", "val.json"):
        assert (study.root / "data/coco" / name).is_file()
    for variant in ("baseline", "se"):
        assert (study.root / f"data/plans/{variant}.json").is_file()
        for seed in (0, 1):
            folder = study.root / f"data/runs/{variant}/{seed}"
            assert {path.name for path in folder.iterdir()} == {
                "predictions.json.gz", "history.csv", "checkpoint.pth", "run.json",
            }  # fmt: skip
            run = json.loads((folder / "run.json").read_text())
            assert (run["state"], run["epochs"], run["resumed_from"], run["threads"]) == ("done", 3, None, 1)
    assert (study.root / "reports/ablation.md").is_file()
    assert (study.root / "reports/ablation.html").is_file()


def test_the_report_shows_every_variant_and_its_own_figures(study: Project) -> None:
    text = (study.root / "reports/ablation.md").read_text()
    assert "baseline" in text
    assert "se" in text
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert pictures
    for picture in pictures:
        assert (study.root / "reports" / picture).is_file()
    # six steps from random weights: whatever its modules do, this baseline does not stand
    assert "> Undertrained: differences of modules may be differences of speed (the AP of baseline is 0.0" in text


def test_dvc_shows_the_study(study: Project) -> None:
    (shown,) = json.loads(study.dvc("metrics", "show", "--json").stdout)[""]["data"].values()
    assert list(shown["data"]["se"])[:3] == ["AP", "sd", "seeds"]
    study.dvc("plots", "show", "-o", "scratch/plots")
    assert (study.root / "scratch/plots/index.html").read_text().count("vegaEmbed(") == 4


def test_mlflow_holds_a_run_a_cell_under_a_run_a_variant(study: Project) -> None:
    client = MlflowClient(f"sqlite:///{study.root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
    runs = client.search_runs([experiment.experiment_id])
    parents = {run.info.run_id for run in runs}
    cells = [run for run in runs if run.data.tags.get("mlflow.parentRunId") in parents and "seed" in run.data.params]
    assert len(cells) == 4
    assert all(run.info.status == "FINISHED" and "AP" in run.data.metrics for run in cells)


def test_nothing_runs_again(study: Project) -> None:
    assert "Running stage" not in study.dvc("repro").stdout


def test_an_option_of_a_variant_retrains_its_cells_alone(study: Project) -> None:
    changed = {"baseline": {}, "se": {"attention": "se", "options": {"reduction": 4}}}
    study.params(variants=changed)
    assert stale(study) == {"se-0", "se-1"}


def test_code_of_an_attention_retrains_its_cells_and_a_comment_none(study: Project) -> None:
    study.params()
    assert stale(study) == set()
    edit(study, "pipeline/attention/se.py", '"""', '"""A changed docstring. ')
    edit(study, "pipeline/attention/se.py", "class ", "# a comment\nclass ")
    assert stale(study) == set()
    edit(study, "pipeline/attention/se.py", "class ", "ADDED = 1\n\n\nclass ")
    assert stale(study) == {"se-0", "se-1"}
    study.run("git", "checkout", "-q", "--", "pipeline")
    assert stale(study) == set()


def test_code_that_decides_is_seen_and_comments_in_it_train_nothing(study: Project) -> None:
    for file in ("dataset/prepare.py", "study/sections.py", "records/manifest.py", "common/files.py"):
        edit(study, f"pipeline/{file}", "from __future__", "# a comment\nfrom __future__")
    assert "prepare" in json.loads(study.dvc("status", "--json").stdout)
    study.dvc("repro", "--single-item", "prepare")
    assert stale(study) == set()
    edit(study, "pipeline/study/sections.py", "clip_grad_norm: Annotated[float, Field(gt=0)] | None = None",
         "clip_grad_norm: Annotated[float, Field(gt=0)] | None = 35.0")  # fmt: skip
    assert stale(study) == {"baseline-0", "baseline-1", "se-0", "se-1"}
    study.run("git", "checkout", "-q", "--", "pipeline")
    study.dvc("repro", "--single-item", "prepare")
    assert stale(study) == set()


def test_a_seed_added_brings_its_own_cells_and_a_revert_trains_none(study: Project) -> None:
    study.params(seeds=[0, 1, 2])
    assert stale(study) == {"baseline-2", "se-2"}
    study.params(seeds=[1, 0])
    assert stale(study) == set()
    study.params()
    assert "Running stage 'train" not in study.dvc("repro").stdout


def test_a_lost_output_is_collected_from_scratch_without_training(study: Project) -> None:
    before = (study.root / "data/runs/se/1/predictions.json.gz").read_bytes()
    log = next(path for path in (study.root / "scratch").glob("*/train.log") if '"se"' in cell_of(path)).stat()
    study.dvc("repro", "--single-item", "--force", "train@se-1")
    assert (study.root / "data/runs/se/1/predictions.json.gz").read_bytes() == before
    assert next(path for path in (study.root / "scratch").glob("*/train.log") if '"se"' in cell_of(path)).stat() == log


def test_what_was_changed_in_a_run_is_not_evaluated(study: Project) -> None:
    cell = study.root / "data/runs/se/1"
    for name, text in (("predictions.json.gz", "changed or damaged"), ("history.csv", "line 8 is 'x'")):
        before = (cell / name).read_bytes()
        content = gzip.compress(b"[]") if name.endswith(".gz") else b"".join(before.splitlines(True)[:7]) + b"x\n"
        (cell / name).write_bytes(content)
        result = study.pipeline("evaluate", check=False)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
        said = result.stderr.splitlines()[-1]
        assert said.startswith(f"error: data/runs/se/1/{name}: {text}")
        assert "`dvc checkout --force data/runs/se/1`" in said
        study.dvc("checkout", "--force", "data/runs/se/1")
        assert (cell / name).read_bytes() == before


def test_without_costs_nothing_is_evaluated(study: Project) -> None:
    costs = study.root / "data/cost.json"
    kept = costs.rename(study.root / "kept.json")
    result = study.pipeline("evaluate", check=False)
    kept.rename(costs)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "error: data/cost.json: no such file; `dvc repro cost` writes it"


def cell_of(log: Path) -> str:
    return (log.parent / "cell.json").read_text()


def test_a_store_that_is_not_there_costs_no_report(study: Project) -> None:
    report = study.root / "reports/ablation.md"
    study.params(study="renamed")
    result = study.run("env", "MLFLOW_TRACKING_URI=http://127.0.0.1:9", "dvc", "repro", check=False)
    assert result.returncode != 0
    assert "error: MLflow store http://127.0.0.1:9: no server answers there" in result.stderr
    assert "Traceback" not in result.stderr
    assert report.read_text().startswith("# Ablation report: renamed\n")
    repaired = study.dvc("repro").stdout
    assert "Running stage 'track'" in repaired
    assert "Running stage 'report'" not in repaired
    study.params()
    study.dvc("repro")


def test_a_colleague_sees_the_study_after_pull_and_repro(study: Project, tmp_path: Path) -> None:
    study.dvc("remote", "add", "-d", "lab", str(tmp_path / "lab"))
    study.dvc("push", "-q")
    study.run("git", "add", "-A")
    study.run("git", "commit", "-qm", "the study")
    study.run("git", "clone", "-q", str(study.root), str(tmp_path / "colleague"))
    colleague = Project(tmp_path / "colleague")
    colleague.dvc("pull", "-q")
    assert re.findall("Running stage '(.*?)'", colleague.dvc("repro").stdout) == ["track"]
    client = MlflowClient(f"sqlite:///{colleague.root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
    assert len(client.search_runs([experiment.experiment_id])) == 1 + 2 + 4
    assert "Running stage" not in colleague.dvc("repro").stdout


@pytest.mark.parametrize("truncate", [False, True], ids=["killed", "killed and its newest checkpoint truncated"])
def test_a_killed_cell_goes_on_and_ends_as_if_nothing_had_happened(study: Project, truncate: bool) -> None:
    study.dvc("repro", "--single-item", "plan")
    runs = study.root / "data/runs/baseline/0"
    undisturbed = (runs / "predictions.json.gz").read_bytes()
    scratch = study.root / "scratch" / json.loads((runs / "run.json").read_text())["fingerprint"]
    shutil.rmtree(scratch)
    command = ["dvc", "repro", "--single-item", "--force", "train@baseline-0"]
    process = subprocess.Popen(
        command, cwd=study.root, env=study.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    newest = scratch / "epoch_2.pth"
    wait_for(newest.exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (scratch / "DONE").exists()
    saved = max(int(path.stem[6:]) for path in scratch.glob("epoch_*.pth"))
    if truncate:
        newest = scratch / f"epoch_{saved}.pth"
        newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
        saved -= 1
    assert "interrupted" in study.pipeline("status").stdout
    study.run(*command)
    assert json.loads((runs / "run.json").read_text())["resumed_from"] == saved
    assert (runs / "predictions.json.gz").read_bytes() == undisturbed
    steps = [line.split(",")[1] for line in (runs / "history.csv").read_text().splitlines() if ",loss," in line]
    assert steps == [str(step) for step in range(1, 7)]  # each iteration once, whatever was repeated


def test_a_mistake_stops_before_anything_trains_and_without_a_traceback(study: Project) -> None:
    study.params(variants={"baseline": {}, "se": {"attention": "se", "options": {"ratio": 4}}})
    result = study.dvc("repro", check=False)
    assert result.returncode != 0
    assert "variants.se" in result.stderr
    assert "ratio" in result.stderr
    assert "reduction" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Running stage 'train" not in result.stdout
    study.params()


def test_a_section_left_out_is_missed_at_once(study: Project) -> None:
    params = study.root / "params.yaml"
    params.write_text(params.read_text().replace("tracking:\n  register: false\n", ""))
    result = study.pipeline("plan", check=False)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "params.yaml: tracking: this key is required" in result.stderr
    study.params()


def test_a_failed_cell_is_named_and_the_rest_is_reported(study: Project) -> None:
    study.params(
        variants={"baseline": {}, "se": {"attention": "se", "overrides": {"optim_wrapper.optimizer.lr": 1e30}}}
    )
    result = study.dvc("repro", "--keep-going", check=False)
    assert result.returncode != 0
    assert "se seed 0 failed" in result.stdout + result.stderr
    study.dvc("repro", "--single-item", "evaluate", "report", "track")
    cells = json.loads((study.root / "data/evaluation/cells.json").read_text())["cells"]
    assert {(cell["variant"], cell["state"]) for cell in cells} == {("baseline", "done"), ("se", "failed")}
    assert "failed" in study.pipeline("status").stdout
    study.params(**TINY)
