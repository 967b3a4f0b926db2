"""A study's files by the contract of the stages, small and seeded: for tests of the projection, not of numbers."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import random
import socket
import time
from pathlib import Path
from typing import Any, Literal

import torch

from pipeline.cells.claims import born
from pipeline.common.files import digest, write_json, write_text
from pipeline.common.paths import CellPaths, Paths
from pipeline.evaluation import Comparison, VariantComparison, outcomes
from pipeline.evaluation.descriptive import Described, Descriptive
from pipeline.evaluation.settings import Claim
from pipeline.records import CellIdentity, Heartbeat, Owner, Plan, Run
from pipeline.records.results import CellResult, CellResults, Curves, ErrorTypes, Examples
from pipeline.records.study import Git, ModuleFacts, StudyFacts, VariantFacts
from pipeline.results.read import METRICS, EvaluationPaths
from tests import samples

START = 1_760_000_000.0  # unix seconds
MODULES = ("se", "eca", "cbam", "bam", "sge", "gam", "shuffle", "coordinate", "polarized")
VARIANTS = ("baseline", *MODULES, "se_eca")
CLASSES = ("red_tl", "arrow (left)", "行人")  # one name that MLflow takes, one it refuses, one not ASCII
HISTORY = ("epoch", "step", "time", "metric", "value")
COCO = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_1", "AR_10", "AR_100")


class Tree:
    """A study under `root`. Change an attribute, then `write` again: as `dvc repro` would leave it."""

    def __init__(
        self,
        root: Path,
        variants: tuple[str, ...] = VARIANTS,
        seeds: tuple[int, ...] = (0, 1, 2),
        steps: int = 4,
        module: str | None = None,
    ):
        """`module` is the attention of every variant; without one a variant is named after its own."""
        self.module = module
        self.root, self.variants, self.seeds, self.steps = root, list(variants), list(seeds), steps
        self.lr = dict.fromkeys(variants, 0.001)  # a setting of each variant: change it and its cells are new
        self.states: dict[tuple[str, int], Literal["failed", "missing"]] = {}  # cells that are not done
        self.claim: Claim = "full"
        self.register = False
        self.better = ["cbam"]
        self.name = "demo"

    def write(self) -> Tree:
        self._params()
        for variant in self.variants:
            self.plan(variant).write(self.paths.plan(variant))
        for variant, seed in self.cells():
            if (variant, seed) not in self.states:
                self._run(variant, seed)
        self._evaluation()
        return self

    def report(self, text: str = "# Ablation\n") -> Tree:
        write_text(self.paths.reports / "ablation.md", text)
        write_text(self.paths.reports / "ablation.html", f"<p>{text}</p>")
        write_text(self.paths.reports / "figures/forest.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
        return self

    @property
    def paths(self) -> Paths:
        return Paths(self.root)

    def cells(self) -> list[tuple[str, int]]:
        return [(variant, seed) for variant in self.variants for seed in self.seeds]

    def plan(self, variant: str) -> Plan:
        config: dict[str, Any] = {
            "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": self.lr[variant]}},
            "model": {"backbone": {"plugins": [] if variant == "baseline" else [{"cfg": {"type": variant}}]}},
        }
        return samples.plan(variant, config, digest(config))

    def fingerprint(self, variant: str, seed: int) -> str:
        return digest([self.plan(variant).digest, "manifest", seed])

    def history(self, variant: str, seed: int, steps: int | None = None) -> list[tuple[Any, ...]]:
        """Rows epoch, step, time, metric, value; two metrics a step."""
        rng = random.Random(f"{variant}{seed}{self.lr[variant]}")
        rows: list[tuple[Any, ...]] = []
        for step in range(1, (steps or self.steps) + 1):
            clock = f"{self.started(variant, seed) + step:.3f}"
            rows.append((1, step, clock, "loss", repr(2 / step + rng.random() / 10)))
            rows.append((1, step, clock, "lr", repr(self.lr[variant])))
        return rows

    def started(self, variant: str, seed: int) -> float:
        changed = 0.0 if self.lr[variant] == 0.001 else 100_000.0
        return START + 1000 * self.cells().index((variant, seed)) + changed

    def run(self, variant: str, seed: int) -> Run:
        started = self.started(variant, seed)
        return samples.run(
            variant,
            seed,
            self.fingerprint(variant, seed),
            epochs=1,
            steps=self.steps,
            started=started,
            finished=started + 60,
            parameters=1000,
            attention_parameters=10,
            versions={"torch": "2.13.0"},
            checkpoint_sha256=_sha(self._checkpoint(variant, seed)),
            predictions_sha256=_sha(self._predictions(variant, seed)),
        )

    def train(self, variant: str, seed: int, step: int, ended: str | None = None, pid: int | None = None) -> CellPaths:
        """The scratch folder of a cell that trained up to `step`: alive, or with `ended` DONE or FAILED."""
        cell, host, process = self.paths.cell(self.fingerprint(variant, seed)), socket.gethostname(), pid or os.getpid()
        CellIdentity(variant=variant, seed=seed, fingerprint=cell.fingerprint).write(cell.identity)
        Owner(host=host, pid=process, born=born(os.getpid())).write(cell.folder / "claim.1")
        Heartbeat(
            state="running",
            epoch=1,
            epochs=1,
            step=step,
            steps=self.steps,
            loss=1.0,
            eta_seconds=9.0,
            elapsed=1.0,
            time=time.time(),
            pid=process,
            host=host,
        ).write(cell.heartbeat)
        write_csv(cell.history, HISTORY, self.history(variant, seed, step))
        for mark in (cell.done, cell.failed):
            mark.unlink(missing_ok=True)
        if ended:
            write_text(cell.folder / ended, "{}")
        return cell

    def _checkpoint(self, variant: str, seed: int) -> bytes:
        content = io.BytesIO()
        torch.save({"state_dict": {f"{variant}.{seed}": torch.tensor(self.lr[variant])}}, content)
        return content.getvalue()

    def _predictions(self, variant: str, seed: int) -> bytes:
        return gzip.compress(json.dumps([{"image_id": 1, "score": self.lr[variant], "seed": seed}]).encode(), mtime=0)

    def _run(self, variant: str, seed: int) -> None:
        folder = CellPaths(self.paths.run(variant, seed))
        self.run(variant, seed).write(folder.run)
        folder.checkpoint.write_bytes(self._checkpoint(variant, seed))
        folder.predictions.write_bytes(self._predictions(variant, seed))
        write_csv(folder.history, HISTORY, self.history(variant, seed))

    def _params(self) -> None:
        variants = {
            name: {} if name == "baseline" else {"attention": [{"name": p} for p in (self.module or name).split("_")]}
            for name in self.variants
        }
        content = {
            "study": self.name,
            "dataset": {"source": "roadmarks"},
            "variants": variants,
            "seeds": self.seeds,
            "tracking": {"register": self.register},
        }
        write_json(self.paths.params, content)  # JSON is YAML

    def ap(self, variant: str, seed: int) -> float:
        return 0.3 + 0.01 * self.variants.index(variant) + 0.001 * seed + self.lr[variant]

    def _evaluation(self) -> None:
        files = EvaluationPaths(self.paths.evaluation)
        done = [cell for cell in self.cells() if cell not in self.states]
        rows = [
            (*cell, metric, repr(self.ap(*cell)))
            for cell in done
            for metric in (*COCO, *(f"AP/{name}" for name in CLASSES))
        ] + [(*cell, "AP/unseen", "") for cell in done]
        write_csv(files.metrics, METRICS, rows)
        history = [(*cell, *row) for cell in done for row in self.history(*cell)]
        write_csv(files.history, ("variant", "seed", *HISTORY), history)
        CellResults(cells=[self._result(*cell) for cell in self.cells()]).write(files.cells)
        self.comparison().write(files.comparison)
        counted = {"train": (120, 400), "val": (60, 200)}  # images, boxes of each class
        splits = {name: samples.split(n, dict.fromkeys(CLASSES, boxes)) for name, (n, boxes) in counted.items()}
        samples.card(splits, origin="drawn", digest="d" * 64).write(files.card)
        samples.cost({name: samples.variant_cost(10, 1.5, 10.0) for name in self.variants}).write(files.cost)
        self._study().write(files.study)
        Curves(recall=[], variants={}).write(files.curves)
        ErrorTypes(types=[], baseline="baseline", runs={}, mean={}, difference={}).write(files.errors)
        Examples(examples=[]).write(files.examples)

    def _result(self, variant: str, seed: int) -> CellResult:
        lost = self.states.get((variant, seed))
        if lost:
            return CellResult(variant=variant, seed=seed, state=lost, reason="out of memory", run=None)
        return CellResult(variant=variant, seed=seed, state="done", reason=None, run=self.run(variant, seed))

    def _study(self) -> StudyFacts:
        return StudyFacts(
            study=self.name,
            params={"study": self.name, "seeds": [*self.seeds], "train": {"epochs": 1}},
            params_sha256="f" * 64,
            classes=list(CLASSES),
            split="val",
            variants={name: _described(name) for name in self.variants},
            repeats=[],
            shared={"epochs": 1},
            git=Git(revision="0" * 40, dirty=False),
            dvc_lock_sha256=None,
            versions={},
            command="dvc repro",
            demo=True,
            article=None,
            wall_clock_seconds=100.0,
            device_hours=0.1,
        )

    def comparison(self) -> Comparison:
        m = len(self.variants) - 1
        few = [outcomes.one_seed(0)] if self.claim != "full" else []
        described = {
            f"AP/{name}": Descriptive(
                boxes=50, too_few=False, variants={v: Described(mean=0.3, sd=0.01, delta=0.0) for v in self.variants}
            )
            for name in CLASSES
        }
        return Comparison(
            primary="AP",
            baseline="baseline",
            split="val",
            seeds=tuple(self.seeds),
            k=len(self.seeds),
            images=60,
            resamples=2000,
            resample_seed=0,
            alpha=0.05,
            equivalence=0.005,
            pairing="none",
            claim=self.claim,
            refusals=tuple(few),
            seed_sd=0.001,
            degrees_of_freedom=(m + 1) * (len(self.seeds) - 1),
            minimum_detectable=0.01,
            critical_value=2.5,
            variants={name: self._compared(name) for name in self.variants},
            descriptive=described,
            power=(),
            power_basis=None,
            noise_floor=None,
        )

    def _compared(self, name: str) -> VariantComparison:
        index = self.variants.index(name)
        runs = {str(seed): self.ap(name, seed) for seed in self.seeds if (name, seed) not in self.states}
        delta = 0.01 * index + self.lr[name] - 0.001
        return VariantComparison(
            runs=runs,
            mean=sum(runs.values()) / len(runs) if runs else None,
            sd=0.001,
            n=len(runs),
            delta=delta,
            se_images=0.002,
            se=0.003,
            ci_low=delta - 0.01,
            ci_high=delta + 0.01,
            p_adjusted=None if index == 0 else 0.04,
            p_improve=(7, 9),
            verdict=None if index == 0 else "better" if name in self.better else "not_shown",
        )


def _described(name: str) -> VariantFacts:
    module = ModuleFacts(
        name=name,
        options={},
        place="before_add",
        stages=None,
        levels=None,
        form="paper",
        init="official",
        paper=f"{name} paper",
        link="https://arxiv.org",
        formula="",
        differs="",
    )
    return VariantFacts(
        title=name,
        attention=[] if name == "baseline" else [module],
        overrides={},
        repeat=0,
        config_differences={},
        weights=None,
    )


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
