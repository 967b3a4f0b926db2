"""The MLflow store behind one study's experiment: reads its runs, writes them. Only the client is used,
never MLflow's global state, so that a program around us keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mlflow import MlflowClient
from mlflow.entities import Dataset, InputTag, Metric, Param, Run, RunTag
from mlflow.entities import DatasetInput as MlflowInput
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from pipeline.tracking.content import Content, DatasetInput, Point
from pipeline.tracking.reconcile import Existing

CURRENT, RUNNING, SUPERSEDED = "current", "running", "superseded"  # the values of the tag `state`


class Store:
    """The runs of one experiment. Every method is one or a few requests; none reads the study's files."""

    def __init__(self, client: MlflowClient, experiment_id: str) -> None:
        self.client = client
        self.experiment_id = experiment_id

    def runs(self, where: str = "") -> list[Existing]:
        """All runs but the superseded ones, with the points of those that are incomplete.

        `where` narrows them down, in MLflow's search syntax: each incomplete run costs a request a metric.
        """
        query = f"tags.state != '{SUPERSEDED}'" + (f" AND {where}" if where else "")
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([self.experiment_id], query, max_results=1000, page_token=token)
            found += page
            token = page.token
            if not token:
                return [self._existing(run) for run in found]

    def create(self, name: str, started: int, tags: dict[str, str]) -> str:
        """A new run, not yet complete; returns its id."""
        run = self.client.create_run(
            self.experiment_id, start_time=started, run_name=name, tags={**tags, "state": RUNNING}
        )
        return str(run.info.run_id)

    def write(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Log in as few batches as MLflow's limits allow. Points that the run has already are stored once."""
        self.client.log_batch(
            run_id,
            metrics=[Metric(point.key, point.value, point.timestamp, point.step) for point in points],
            params=[Param(name, value) for name, value in (params or {}).items()],
            tags=[RunTag(name, value) for name, value in (tags or {}).items()],
            synchronous=True,
        )

    def complete(self, run_id: str, content: Content, held: Existing | None) -> None:
        """Add what `content` has and the run lacks. The digest comes last: a run cut off here stays incomplete."""
        have = held.points if held else frozenset()
        self.write(run_id, [point for point in content.points if point.identity not in have], content.params)
        if content.datasets:
            self.client.log_inputs(run_id, datasets=[_input(dataset) for dataset in content.datasets])
        for name, path in content.artifacts.items():
            self._upload(run_id, name, path)
        self.client.set_terminated(run_id, status=content.status, end_time=content.ended)
        self.write(run_id, tags={"digest": content.digest, "state": CURRENT})

    def supersede(self, run: Existing, reason: str) -> None:
        """Take a run out of the current study; it stays in the store, under a name that says so."""
        if run.status == "RUNNING":
            self.client.set_terminated(run.run_id, status="KILLED")
        name = run.tags.get("mlflow.runName", run.key)
        self.client.update_run(run.run_id, name=f"{name} (superseded)")
        self.write(run.run_id, tags={"state": SUPERSEDED, "superseded.because": reason})

    def set_status(self, run_id: str, status: str) -> None:
        self.client.update_run(run_id, status=status)

    def _upload(self, run_id: str, name: str, path: Path) -> None:
        parent = PurePosixPath(name).parent.as_posix()
        self.client.log_artifact(run_id, str(path), None if parent == "." else parent)

    def _existing(self, run: Run) -> Existing:
        keys = () if "digest" in run.data.tags else run.data.metrics
        held = [metric for key in keys for metric in self.client.get_metric_history(run.info.run_id, key)]
        return Existing(
            run_id=run.info.run_id,
            started=run.info.start_time,
            status=run.info.status,
            tags=run.data.tags,
            params=run.data.params,
            points=frozenset(_point(metric).identity for metric in held),
        )


def parent_tag(run_id: str) -> dict[str, str]:
    """The tag by which MLflow nests a run under another."""
    return {MLFLOW_PARENT_RUN_ID: run_id}


def _point(metric: Metric) -> Point:
    return Point(metric.key, metric.value, metric.timestamp, metric.step)


def _input(dataset: DatasetInput) -> MlflowInput:
    described = Dataset(
        name=dataset.name,
        digest=dataset.digest,
        source_type="local",
        source=dataset.source,
        profile=dataset.profile,
    )
    return MlflowInput(described, tags=[InputTag(MLFLOW_DATASET_CONTEXT, dataset.context)])
