"""Cells that train, shown in a real sqlite store while their scratch folders grow."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from mlflow import MlflowClient

from pipeline.tracking import sync
from pipeline.tracking.watch import Watcher, watch
from tests.conftest import wait_for

from .contents import client, contents, history, one, runs
from .study_tree import Tree

Make = Callable[..., Tree]
FEW = {"variants": ("baseline", "cbam"), "seeds": (0, 1)}


def steps(study: Tree, key: str = "cell/cbam/0") -> list[int]:
    found = client(study.root)
    return [step for step, *_ in history(found, one(found, key)).get("loss", [])]


def test_a_curve_grows_without_duplicates(tree: Make) -> None:
    study = tree(**FEW)
    watcher = Watcher(study.paths)
    study.train("cbam", 0, step=2)
    assert (watcher.round(), steps(study)) == (4, [1, 2])
    assert watcher.round() == 0
    study.train("cbam", 0, step=3)
    assert (watcher.round(), steps(study)) == (2, [1, 2, 3])
    run = one(client(study.root), "cell/cbam/0")
    assert (run.info.status, run.data.tags["progress"]) == ("RUNNING", "epoch 1 of 1, 9s left")
    assert run.data.params["config.optim_wrapper.optimizer.lr"] == "0.001"


def test_a_stopped_watch_goes_on_with_the_same_run(tree: Make) -> None:
    study = tree(**FEW)
    study.train("cbam", 0, step=2)
    Watcher(study.paths).round()
    before = one(client(study.root), "cell/cbam/0").info.run_id
    study.train("cbam", 0, step=3)
    assert Watcher(study.paths).round() == 2
    assert one(client(study.root), "cell/cbam/0").info.run_id == before


def test_a_cell_that_begins_costs_no_look_at_the_others(tree: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tree(**FEW)
    asked: list[str] = []
    read = MlflowClient.get_metric_history

    def counted(self: MlflowClient, run_id: str, key: str) -> object:
        asked.append(run_id)
        return read(self, run_id, key)

    monkeypatch.setattr(MlflowClient, "get_metric_history", counted)
    study.train("cbam", 0, step=2)
    study.train("baseline", 0, step=4, ended="DONE")
    watcher = Watcher(study.paths)
    watcher.round()
    study.train("cbam", 1, step=2)
    watcher.round()
    assert asked == []
    study.train("cbam", 1, step=3)
    Watcher(study.paths).round()  # an earlier watcher's runs are read once, each its own
    found = client(study.root)
    assert set(asked) == {one(found, f"cell/cbam/{seed}").info.run_id for seed in (0, 1)}
    assert len(asked) == 4  # two metrics each


def test_what_ended_while_nobody_watched_is_caught_up(tree: Make) -> None:
    study = tree(**FEW)
    study.train("cbam", 0, step=2)
    Watcher(study.paths).round()
    study.train("cbam", 0, step=4, ended="DONE")
    later = Watcher(study.paths)
    later.connect()
    assert later.round() == 4
    assert steps(study) == [1, 2, 3, 4]
    assert one(client(study.root), "cell/cbam/0").info.status == "FINISHED"
    assert later.round() == 0


def test_sync_completes_what_watch_began_and_equals_a_sync_alone(tree: Make) -> None:
    study = tree(**FEW)
    study.train("cbam", 0, step=2)
    Watcher(study.paths).round()
    begun = one(client(study.root), "cell/cbam/0").info.run_id
    receipt = sync(study.paths)
    assert (receipt.created, receipt.updated, receipt.superseded) == (6, 1, 0)
    assert one(client(study.root), "cell/cbam/0").info.run_id == begun
    watched = contents(client(study.root))
    alone = tree(**FEW)
    sync(alone.paths)
    again = contents(client(alone.root))
    # MLflow fixes a run's start when it is made: a watched run starts at its first point
    assert [key for key in again if again[key] != watched[key]] == [f"cell/cbam/0/{study.fingerprint('cbam', 0)[:16]}"]
    for found in (watched, again):
        for run in found.values():
            run["times"] = run["times"][1:]
    assert watched == again


def test_a_resumed_cell_loses_the_points_it_took_back(tree: Make) -> None:
    study = tree(**FEW)
    watcher = Watcher(study.paths)
    history_file = study.train("cbam", 0, step=3).history
    watcher.round()
    rows = history_file.read_text().splitlines(keepends=True)
    history_file.write_text("".join(rows[:3]))  # back at step 1, as after a resume
    watcher.round()
    assert steps(study) == [1]
    gone = runs(client(study.root), query="tags.state = 'superseded'")
    assert [run.data.tags["superseded.because"] for run in gone] == ["its training went back to a checkpoint"]


def test_a_line_that_is_being_written_waits(tree: Make) -> None:
    study = tree(**FEW)
    with study.train("cbam", 0, step=1).history.open("a") as file:
        file.write("1,2,1760000002.000,loss,0.1")
    assert Watcher(study.paths).round() == 2
    assert steps(study) == [1]


def test_status_follows_the_training(tree: Make) -> None:
    study = tree(**FEW)
    watcher = Watcher(study.paths)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for change, status in (
        ({"step": 1}, "RUNNING"),
        ({"step": 1, "pid": gone.pid}, "KILLED"),
        ({"step": 2}, "RUNNING"),
        ({"step": 2, "ended": "FAILED"}, "FAILED"),
        ({"step": 3}, "RUNNING"),
        ({"step": 4, "ended": "DONE"}, "FINISHED"),
    ):
        study.train("cbam", 0, **change)
        watcher.round()
        assert one(client(study.root), "cell/cbam/0").info.status == status
    assert steps(study) == [1, 2, 3, 4]


def test_a_failed_cell_keeps_its_watched_curve(tree: Make) -> None:
    study = tree(**FEW)
    study.train("cbam", 0, step=2)
    Watcher(study.paths).round()
    study.states = {("cbam", 0): "failed"}
    sync(study.write().paths)
    assert steps(study) == [1, 2]
    assert one(client(study.root), "cell/cbam/0").info.status == "FAILED"
    assert sync(study.paths).unchanged == 7


def test_nothing_to_show_opens_no_store(tree: Make) -> None:
    study = tree(**FEW)
    (study.root / "mlflow.db").unlink()
    study.train("cbam", 0, step=4, ended="DONE")
    assert Watcher(study.paths).round() == 0
    assert not (study.root / "mlflow.db").exists()


def test_watch_until_told_to_stop(tree: Make) -> None:
    study = tree(**FEW)
    study.train("cbam", 0, step=2)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: watch(study.paths, interval=0.05, stop=stop.is_set))
    thread.start()
    try:
        wait_for(lambda: client(study.root).get_experiment_by_name("demo"))
        wait_for(lambda: runs(client(study.root)))
        wait_for(lambda: steps(study) == [1, 2])
        study.train("cbam", 0, step=3)
        wait_for(lambda: steps(study) == [1, 2, 3])
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
