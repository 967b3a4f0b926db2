"""Oracle: MLflow's own validation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name

from pipeline.tracking.names import PARAM_LIMIT, clip, flatten, mlflow_name


@given(st.text())
def test_mlflow_takes_every_mapped_name(name: str) -> None:
    mapped = mlflow_name(name)
    _validate_metric_name(mapped)
    _validate_param_name(mapped)
    assert len(mapped) <= 250


@pytest.mark.parametrize("name", ["AP", "AP/red tl", "val/AP", "config.model.0:x", "AP/行人", "a" * 200])
def test_a_name_that_mlflow_takes_stays(name: str) -> None:
    assert mlflow_name(name) == name


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("AR@100", "AR_100-"),
        ("AP/person (seated)", "AP/person _seated_-"),
        ("AP/", "AP/_-"),
        ("AP/..", "AP/_-"),
        ("/x", "_/x-"),
        ("", "_-"),
        ("line\nbreak", "line_break-"),
        ("b" * 201, "b" * 200 + "-"),
    ],
)
def test_another_name_stays_readable(name: str, start: str) -> None:
    assert mlflow_name(name).startswith(start)
    assert len(mlflow_name(name)) == len(start) + 8


def test_two_names_never_meet() -> None:
    assert len({mlflow_name(name) for name in ("a(b", "a)b", "a_b", "a//b", "a/_/b", "a/./b")}) == 6


def test_flatten_by_hand() -> None:
    settings = {
        "lr": 0.1,
        "model": {"type": "SE", "stages": [1, 2], "plugins": [{"at": "x"}, {}], "none": None, "": ""},
    }
    assert flatten(settings, "config") == {
        "config.lr": "0.1",
        "config.model.type": "SE",
        "config.model.stages": "[1, 2]",
        "config.model.plugins.0.at": "x",
        "config.model.plugins.1": "{}",
        "config.model.none": "null",
        "config.model.": '""',
    }


def test_long_values_are_cut_and_stay_apart() -> None:
    one, two = ("x" * 7000 + end for end in "ab")
    assert len(clip(one, PARAM_LIMIT)) == PARAM_LIMIT
    assert clip(one, PARAM_LIMIT) != clip(two, PARAM_LIMIT)
    assert clip("short", PARAM_LIMIT) == "short"
