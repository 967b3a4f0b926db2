"""Kinds of text that sections of params.yaml share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator

from pipeline.common.text import plain

Scalar = TypeVar("Scalar", str, str | bool | int | float)


def _on_one_line(value: Scalar) -> Scalar:
    if plain(value) != str(value):
        raise ValueError("line breaks, control characters and changes of writing direction are not allowed here")
    return value


# Fit for a terminal, a job's script, a report and MLflow.
Line = Annotated[str, AfterValidator(_on_one_line)]
Value = Annotated[str | bool | int | float, AfterValidator(_on_one_line)]
