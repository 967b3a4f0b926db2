"""Saved views of MLflow's run table: what the "Views" menu of a study offers.

The format is that of MLflow 3.17's own "Save as new view": an experiment tag that holds the state of
the page. A test drives the real page, since MLflow does not document it.
"""

from __future__ import annotations

import json
from typing import Any

PREFIX = "mlflow.sharedViewState."
COMPARISON_VIEW = "viewStateShareKey=comparison"  # of a page's address
COMPARISON = ("delta", "ci_lo", "ci_hi", "mean", "sd", "p_adjusted", "gflops", "attention_parameters",
              "latency_ms/median")  # fmt: skip
FIXED_COLUMNS = ("0", "attributes.`Run Name`", "runDateAndNestInfo", "duration")  # the page's own ids
CURVES = ("AP", "AP50", "AP75", "loss", "seconds")


def experiment_tags(note: str) -> dict[str, str]:
    """The tags of a study's experiment: its description and its views."""
    verdict, variant, seed = ("tags.`verdict`", "tags.`variant`", "tags.`seed`")
    comparison = _state("variant", "delta", [verdict, *(f"metrics.`{name}`" for name in COMPARISON)])
    cells = _state("cell", "AP", [variant, seed, *(f"metrics.`{name}`" for name in CURVES), "tags.`progress`"])
    views = {"comparison": ("Comparison of variants", comparison), "cells": ("Cells", cells)}
    return {"mlflow.note.content": note} | {
        PREFIX + key: json.dumps({"name": name, "createdAt": 1, "updatedAt": 1, "state": json.dumps(state)})
        for key, (name, state) in views.items()
    }


def _state(role: str, sort: str, columns: list[str]) -> dict[str, Any]:
    return {
        "searchFilter": f"tags.role = '{role}' AND tags.state != 'superseded'",
        "orderByKey": f"metrics.`{sort}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": [*FIXED_COLUMNS, *columns],
        "runsHiddenMode": "FIRST_20_RUNS",
    }
