"""Records for tests, built from the models themselves: a field that no part writes cannot stand in them."""

from __future__ import annotations

from typing import Any

from pipeline.records import CellIdentity, Failure, Heartbeat, Manifest, Plan, Run
from pipeline.records.manifest import SplitFiles

FINGERPRINT = "f" * 64
CONFIG: dict[str, Any] = {
    "model": {"backbone": {"depth": 50}},
    "optim_wrapper": {"optimizer": {"type": "AdamW", "lr": 0.001}},
    "train_dataloader": {"dataset": {"data_prefix": {"img": "a/"}}},
    "resources": {"device": "cpu", "threads": 1, "processes": 1, "image_size": [96, 64]},
}


def plan(**changes: Any) -> Plan:
    content = {
        "variant": "se", "repeat": 0, "config": CONFIG, "weights": None, "code": {}, "versions": {"torch": "2.13.0"},
        "tuples": [], "notes": [], "digest": "p",
    }  # fmt: skip
    return Plan.model_validate({**content, **changes})


def manifest(**changes: Any) -> Manifest:
    files = {
        name: SplitFiles(annotations=f"{name}.json", images="images", count=4, boxes=9) for name in ("train", "val")
    }
    content = {"digest": "m", "classes": ["a", "b"], "splits": files, "report_split": "val"}
    return Manifest.model_validate({**content, **changes})


def run(**changes: Any) -> Run:
    content = {
        "fingerprint": FINGERPRINT, "variant": "se", "seed": 1, "state": "done", "epochs": 5, "steps": 20,
        "seconds": 9.0, "predict_seconds": 1.5, "started": 1e9, "finished": 1e9 + 10.5, "device": "cpu",
        "hardware": "a processor", "host": "here", "threads": 1, "world_size": 1, "versions": {"torch": "2.13.0"},
        "gpu_memory": None, "resumed_from": None, "weights": None, "averaged": False, "parameters": 1000,
        "attention_parameters": 10, "checkpoint_sha256": "c" * 64, "predictions_sha256": "d" * 64,
    }  # fmt: skip
    return Run.model_validate({**content, **changes})


def heartbeat(**changes: Any) -> Heartbeat:
    content = {
        "state": "running", "epoch": 2, "epochs": 5, "step": 8, "steps": 20, "loss": 1.5, "eta_seconds": 12.0,
        "elapsed": 8.0, "time": 1e9, "pid": 1, "host": "here",
    }  # fmt: skip
    return Heartbeat.model_validate({**content, **changes})


def failure(**changes: Any) -> Failure:
    content = {"kind": "diverged", "reason": "the loss is nan", "tail": ["a line"], "time": 1e9}
    return Failure.model_validate({**content, **changes})


def identity(**changes: Any) -> CellIdentity:
    return CellIdentity.model_validate({"variant": "se", "seed": 1, "fingerprint": FINGERPRINT, **changes})
