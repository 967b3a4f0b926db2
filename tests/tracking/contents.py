"""Everything that a store says, without what differs between two stores of the same study: ids."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

PARENT = "mlflow.parentRunId"


def client(root: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{root}/mlflow.db")


def runs(found: MlflowClient, study: str = "demo", query: str = "tags.state != 'superseded'") -> list[Run]:
    experiment = found.get_experiment_by_name(study)
    assert experiment is not None
    return list(found.search_runs([experiment.experiment_id], query, max_results=5000))


def one(found: MlflowClient, key: str, **options: Any) -> Run:
    """The only run whose key starts so."""
    matches = [run for run in runs(found, **options) if run.data.tags["key"].startswith(key)]
    assert len(matches) == 1, [run.data.tags["key"] for run in matches]
    return matches[0]


def history(found: MlflowClient, run: Run, only: Collection[str] = ()) -> dict[str, list[tuple[int, int, str]]]:
    """{metric: [(step, timestamp, value)]}, of all metrics or of those named."""
    return {
        key: sorted((p.step, p.timestamp, repr(p.value)) for p in found.get_metric_history(run.info.run_id, key))
        for key in run.data.metrics
        if not only or key in only
    }


def contents(found: MlflowClient, study: str = "demo", only: Collection[str] = ()) -> dict[str, Any]:
    everything = runs(found, study)
    keys = {run.info.run_id: run.data.tags["key"] for run in everything}
    return {
        run.data.tags["key"]: {
            "name": run.info.run_name,
            "times": (run.info.start_time, run.info.end_time, run.info.status),
            "params": run.data.params,
            "metrics": run.data.metrics,
            "history": history(found, run, only),
            "tags": run.data.tags | {PARENT: keys.get(run.data.tags.get(PARENT, ""))},
            "inputs": sorted((i.dataset.name, i.dataset.digest, i.tags[0].value) for i in run.inputs.dataset_inputs),
            "artifacts": artifacts(found, run),
        }
        for run in everything
    }


def artifacts(found: MlflowClient, run: Run, path: str | None = None) -> dict[str, int]:
    """{path: bytes}."""
    listed: dict[str, int] = {}
    for entry in found.list_artifacts(run.info.run_id, path):
        listed |= artifacts(found, run, entry.path) if entry.is_dir else {entry.path: entry.file_size}
    return listed
