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
from typing import Any

import psutil
import torch

from pipeline.common.files import digest, write_json, write_text

START = 1_760_000_000.0  # unix seconds
MODULES = ("se", "eca", "cbam", "bam", "sge", "gam", "shuffle", "coordinate", "polarized")
VARIANTS = ("baseline", *MODULES, "se_eca")
CLASSES = ("red_tl", "arrow (left)", "行人")  # one name that MLflow takes, one it refuses, one not ASCII
HISTORY = ("epoch", "step", "time", "metric", "value")
COCO = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR_1", "AR_10", "AR_100")


class Tree:
    """A study under `root`. Change an attribute, then `write` again: as `dvc repro` would leave it."""

    def __init__(
        self, root: Path, variants: tuple[str, ...] = VARIANTS, seeds: tuple[int, ...] = (0, 1, 2), steps: int = 4
    ):
        self.root, self.variants, self.seeds, self.steps = root, list(variants), list(seeds), steps
        self.lr = dict.fromkeys(variants, 0.001)  # a setting of each variant: change it and its cells are new
        self.states: dict[tuple[str, int], str] = {}  # cells that are not done
        self.claim = "full"
        self.register = False
        self.better = ["cbam"]
        self.name = "demo"

    def write(self) -> Tree:
        self._params()
        for variant in self.variants:
            write_json(self.root / f"data/plans/{variant}.json", self.plan(variant))
        for variant, seed in self.cells():
            if (variant, seed) not in self.states:
                self._run(variant, seed)
        self._evaluation()
        return self

    def report(self, text: str = "# Ablation\n") -> Tree:
        write_text(self.root / "reports/ablation.md", text)
        write_text(self.root / "reports/ablation.html", f"<p>{text}</p>")
        write_text(self.root / "reports/figures/forest.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
        return self

    def cells(self) -> list[tuple[str, int]]:
        return [(variant, seed) for variant in self.variants for seed in self.seeds]

    def plan(self, variant: str) -> dict[str, Any]:
        config = {
            "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": self.lr[variant]}},
            "model": {"backbone": {"plugins": [] if variant == "baseline" else [{"cfg": {"type": variant}}]}},
        }
        plan = {"schema": 1, "variant": variant, "config": config, "code": {}, "versions": {"torch": "2.13.0"}}
        return {**plan, "digest": digest(plan)}

    def fingerprint(self, variant: str, seed: int) -> str:
        return digest([self.plan(variant)["digest"], "manifest", seed])

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

    def run(self, variant: str, seed: int) -> dict[str, Any]:
        started = self.started(variant, seed)
        return {
            "schema": 1,
            "fingerprint": self.fingerprint(variant, seed),
            "variant": variant,
            "seed": seed,
            "state": "done",
            "epochs": 1,
            "steps": self.steps,
            "seconds": 55.5,
            "predict_seconds": 1.5,
            "started": started,
            "finished": started + 60,
            "device": "cpu",
            "hardware": "A CPU",
            "threads": 1,
            "world_size": 1,
            "versions": {"torch": "2.13.0"},
            "resumed_from": None,
            "weights": None,
            "parameters": 1000,
            "attention_parameters": 10,
            "checkpoint_sha256": _sha(self._checkpoint(variant, seed)),
            "predictions_sha256": _sha(self._predictions(variant, seed)),
            "noise": False,
        }

    def train(self, variant: str, seed: int, step: int, ended: str | None = None, pid: int | None = None) -> Path:
        """The scratch folder of a cell that trained up to `step`: alive, or with `ended` DONE or FAILED."""
        folder = self.root / "scratch" / self.fingerprint(variant, seed)
        identity = {"variant": variant, "seed": seed, "fingerprint": self.fingerprint(variant, seed)}
        write_json(folder / "cell.json", identity)
        beat = {"state": "running", "epoch": 1, "epochs": 1, "step": step, "steps": self.steps, "loss": 1.0}
        process = {"pid": pid or os.getpid(), "host": socket.gethostname()}
        beat |= {"eta_seconds": 9.0, "time": time.time(), **process}
        write_json(folder / "claim.1", {**process, "born": psutil.Process().create_time(), "job": None})
        write_json(folder / "heartbeat.json", beat)
        write_csv(folder / "history.csv", HISTORY, self.history(variant, seed, step))
        for name in ("DONE", "FAILED"):
            (folder / name).unlink(missing_ok=True)
        if ended:
            write_text(folder / ended, "{}")
        return folder

    def _checkpoint(self, variant: str, seed: int) -> bytes:
        content = io.BytesIO()
        torch.save({"state_dict": {f"{variant}.{seed}": torch.tensor(self.lr[variant])}}, content)
        return content.getvalue()

    def _predictions(self, variant: str, seed: int) -> bytes:
        return gzip.compress(json.dumps([{"image_id": 1, "score": self.lr[variant], "seed": seed}]).encode(), mtime=0)

    def _run(self, variant: str, seed: int) -> None:
        folder = self.root / f"data/runs/{variant}/{seed}"
        write_json(folder / "run.json", self.run(variant, seed))
        (folder / "checkpoint.pth").write_bytes(self._checkpoint(variant, seed))
        (folder / "predictions.json.gz").write_bytes(self._predictions(variant, seed))
        write_csv(folder / "history.csv", HISTORY, self.history(variant, seed))

    def _params(self) -> None:
        variants = {
            name: {} if name == "baseline" else {"attention": [{"name": part} for part in name.split("_")]}
            for name in self.variants
        }
        content = {
            "study": self.name,
            "dataset": {"source": "roadmarks"},
            "variants": variants,
            "seeds": self.seeds,
            "tracking": {"register": self.register},
        }
        write_json(self.root / "params.yaml", content)  # JSON is YAML

    def ap(self, variant: str, seed: int) -> float:
        return 0.3 + 0.01 * self.variants.index(variant) + 0.001 * seed + self.lr[variant]

    def _evaluation(self) -> None:
        out = self.root / "data/evaluation"
        done = [cell for cell in self.cells() if cell not in self.states]
        rows = [
            (*cell, metric, repr(self.ap(*cell)))
            for cell in done
            for metric in (*COCO, *(f"AP/{name}" for name in CLASSES))
        ] + [(*cell, "AP/unseen", "") for cell in done]
        write_csv(out / "metrics.csv", ("variant", "seed", "metric", "value"), rows)
        history = [(*cell, *row) for cell in done for row in self.history(*cell)]
        write_csv(out / "history.csv", ("variant", "seed", *HISTORY), history)
        write_json(
            out / "cells.json",
            [
                {
                    "variant": v,
                    "seed": s,
                    "state": self.states.get((v, s), "done"),
                    "reason": "out of memory" if (v, s) in self.states else None,
                    "run": None if (v, s) in self.states else self.run(v, s),
                }
                for v, s in self.cells()
            ],
        )
        write_json(out / "comparison.json", self._comparison())
        write_json(
            out / "card.json",
            {
                "name": "roadmarks",
                "source": "roadmarks",
                "origin": "drawn",
                "licence": "Apache-2.0",
                "digest": "d" * 64,
                "splits": {"train": {"images": 120, "boxes": 400}, "val": {"images": 60, "boxes": 200}},
            },
        )
        write_json(
            out / "cost.json",
            {
                "schema": 1,
                "variants": {
                    name: {
                        "parameters": 1000,
                        "attention_parameters": 10,
                        "gflops": 1.5,
                        "latency_ms": {"median": 10.0, "q1": 9.0, "q3": 11.0},
                    }
                    for name in self.variants
                },
            },
        )
        write_json(
            out / "study.json",
            {
                "schema": 1,
                "study": self.name,
                "params": {"study": self.name, "seeds": self.seeds, "train": {"epochs": 1}},
                "params_sha256": "f" * 64,
                "classes": list(CLASSES),
                "split": "val",
                "variants": {
                    name: {
                        "title": name,
                        "attention": []
                        if name == "baseline"
                        else [
                            {
                                "name": name,
                                "form": "channel",
                                "place": "before_add",
                                "paper": f"{name} paper",
                                "link": "https://arxiv.org",
                            }
                        ],
                        "overrides": {},
                    }
                    for name in self.variants
                },
                "shared": {"epochs": 1},
                "git": {"revision": "0" * 40, "dirty": False},
                "versions": {},
                "demo": True,
                "wall_clock_seconds": 100.0,
                "device_hours": 0.1,
            },
        )

    def _comparison(self) -> dict[str, Any]:
        variants = {}
        for index, name in enumerate(self.variants):
            runs = {str(seed): self.ap(name, seed) for seed in self.seeds if (name, seed) not in self.states}
            mean = sum(runs.values()) / len(runs) if runs else None
            delta = 0.01 * index + self.lr[name] - 0.001
            variants[name] = {
                "runs": runs,
                "mean": mean,
                "sd": 0.001,
                "n": len(runs),
                "delta": delta,
                "se_images": 0.002,
                "se": 0.003,
                "ci_low": delta - 0.01,
                "ci_high": delta + 0.01,
                "p_adjusted": None if index == 0 else 0.04,
                "p_improve": [7, 9],
                "verdict": None if index == 0 else "better" if name in self.better else "not_shown",
            }
        texts = [] if self.claim == "full" else [{"kind": "seeds", "text": "One seed shows nothing.", "details": {}}]
        return {
            "schema": 1,
            "primary": "AP",
            "baseline": "baseline",
            "split": "val",
            "seeds": self.seeds,
            "k": len(self.seeds),
            "images": 60,
            "claim": self.claim,
            "refusals": texts,
            "seed_sd": 0.001,
            "minimum_detectable": 0.01,
            "critical_value": 2.5,
            "variants": variants,
            "descriptive": {
                f"AP/{name}": {
                    "boxes": 10,
                    "too_few": False,
                    "variants": {v: {"mean": 0.3, "sd": 0.01, "delta": 0.0} for v in self.variants},
                }
                for name in CLASSES
            },
        }


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
