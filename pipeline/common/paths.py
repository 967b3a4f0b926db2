"""Where everything lies. No other file spells a folder of the project.

`Paths` knows the study's files below the project's root, `CellPaths` those of one cell's scratch folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]  # where this code was cloned to


@dataclass(frozen=True)
class Paths:
    """The files of the study under `root`, the folder of params.yaml. Without one they are relative to where one
    stands, which is the root while a command runs: plans name them so, and hold on any machine.
    """

    root: Path = field(default_factory=Path)

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def configs(self) -> Path:
        """Detector configs of the user's own."""
        return self.root / "configs"

    @property
    def cluster(self) -> Path:
        return self.root / "cluster.yaml"

    @property
    def stages(self) -> Path:
        return self.root / "dvc.yaml"

    @property
    def lock(self) -> Path:
        return self.root / "dvc.lock"

    @property
    def requirements(self) -> Path:
        return self.root / "requirements.txt"

    @property
    def data(self) -> Path:
        """All that DVC's stages write, but the report."""
        return self.root / "data"

    @property
    def coco(self) -> Path:
        """The prepared data set: annotation files, manifest, card."""
        return self.data / "coco"

    @property
    def manifest(self) -> Path:
        return self.coco / "manifest.json"

    @property
    def card(self) -> Path:
        return self.coco / "card.json"

    @property
    def preview(self) -> Path:
        """Some pictures with their boxes, as the detector is fed them."""
        return self.coco / "preview.png"

    @property
    def plans(self) -> Path:
        return self.data / "plans"

    def plan(self, variant: str) -> Path:
        return self.plans / f"{variant}.json"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def more(self) -> Path:
        """Collected cells beyond variants x seeds: the baseline's own, and those of later looks."""
        return self.data / "more"

    def run(self, variant: str, seed: int) -> Path:
        """A collected cell: among variants x seeds, or beyond them."""
        beyond, among = self.more_run(variant, seed), self.matrix_run(variant, seed)
        return beyond if beyond.exists() and not among.exists() else among

    def matrix_run(self, variant: str, seed: int) -> Path:
        return self.runs / variant / str(seed)

    def more_run(self, variant: str, seed: int) -> Path:
        return self.more / variant / str(seed)

    @property
    def beyond(self) -> Path:
        """Which cells these are, and which looks asked for them."""
        return self.more / "cells.json"

    @property
    def decisions(self) -> Path:
        """What the looks that were held decided, so that it is worked out once."""
        return self.scratch / "looks.json"

    @property
    def cost(self) -> Path:
        return self.data / "cost.json"

    @property
    def evaluation(self) -> Path:
        return self.data / "evaluation"

    @property
    def tracked(self) -> Path:
        """The receipt of the stage track."""
        return self.data / "track.json"

    @property
    def store(self) -> Path:
        """MLflow's own store, where no server is named."""
        return self.root / "mlflow.db"

    @property
    def store_lock(self) -> Path:
        return self.root / "mlflow.db.lock"

    @property
    def store_log(self) -> Path:
        """What MLflow's pages say while they are served."""
        return self.root / "mlflow.db.log"

    @property
    def artifacts(self) -> Path:
        """The files that MLflow's own store speaks of."""
        return self.root / "mlartifacts"

    @property
    def article(self) -> Path:
        return self.data / "reference" / "article.csv"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def looked(self) -> Path:
        """At how many seeds the study was judged: beside the report, to be committed with it."""
        return self.reports / "looks.json"

    @property
    def scratch(self) -> Path:
        """Undeclared to DVC and ignored by git: what makes resuming safe."""
        return self.root / "scratch"

    def cell(self, fingerprint: str) -> CellPaths:
        return CellPaths(self.scratch / fingerprint)

    def cells(self) -> list[CellPaths]:
        """Every cell that was ever started, by fingerprint."""
        folders = self.scratch.glob("*/")
        return [CellPaths(folder) for folder in sorted(folders) if len(folder.name) == FINGERPRINT]

    @property
    def estimate(self) -> Path:
        """What variants took when they were timed on this machine."""
        return self.scratch / "estimate.json"

    @property
    def weights(self) -> Path:
        """Pretrained weights that were fetched."""
        return self.scratch / "weights"

    @property
    def pictures(self) -> Path:
        """What is known of the pictures of data sets, and the list of bad ones."""
        return self.scratch / "pictures"

    @property
    def jobs(self) -> Path:
        """submitit's pickles and the output of Slurm jobs."""
        return self.scratch / "slurm"

    @property
    def dispatchers(self) -> Path:
        return self.scratch / "dispatchers"


FINGERPRINT = 64  # hex digits


@dataclass(frozen=True)
class CellPaths:
    """The files of one cell: its scratch folder while it trains, a folder of data/runs once it is collected."""

    folder: Path

    @property
    def fingerprint(self) -> str:
        """Of a scratch folder."""
        return self.folder.name

    @property
    def identity(self) -> Path:
        """Which cell this is."""
        return self.folder / "cell.json"

    @property
    def plan(self) -> Path:
        """A copy of the plan for the other processes of a cell that has several."""
        return self.folder / "plan.json"

    @property
    def job(self) -> Path:
        """The Slurm job that it was last submitted as."""
        return self.folder / "job.json"

    @property
    def heartbeat(self) -> Path:
        return self.folder / "heartbeat.json"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def log(self) -> Path:
        return self.folder / "train.log"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.json.gz"

    @property
    def checkpoint(self) -> Path:
        """The weights alone, once trained."""
        return self.folder / "checkpoint.pth"

    @property
    def run(self) -> Path:
        return self.folder / "run.json"

    @property
    def done(self) -> Path:
        """Written last: all else is whole."""
        return self.folder / "DONE"

    @property
    def failed(self) -> Path:
        return self.folder / "FAILED"

    def rank(self, number: int | str) -> Path:
        """Why one of several processes failed."""
        return self.folder / f"rank_{number}.json"

    def ranks(self) -> list[Path]:
        return sorted(self.folder.glob("rank_*.json"))

    @property
    def outputs(self) -> tuple[Path, Path, Path, Path]:
        """What a finished cell hands over, run.json last."""
        return self.predictions, self.history, self.checkpoint, self.run
