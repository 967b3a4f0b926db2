"""The file data/plans/<variant>.json: all that determines a cell but its seed and the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import JsonValue, field_validator

from pipeline.records.base import Part, Record


class Weights(Part):
    """Where pretrained weights come from, the digest of that file, and of its tensors as they are kept."""

    source: str
    sha256: str
    tensors: str


class Plan(Record):
    """`config` is the resolved MMEngine config; `code` maps files to the digests of their syntax trees.

    `digest` is over all of it but names and places on disk.
    """

    MADE_BY: ClassVar[str] = "`dvc repro plan`"

    variant: str
    repeat: int
    config: dict[str, JsonValue]
    weights: Weights | None
    code: dict[str, str]
    versions: dict[str, str]
    digest: str

    @field_validator("config", mode="before")
    @classmethod
    def _as_json_has_it(cls, value: Any) -> Any:
        """MMEngine's configs hold tuples, JSON has lists."""
        if isinstance(value, Mapping):
            return {key: cls._as_json_has_it(item) for key, item in value.items()}
        return [cls._as_json_has_it(item) for item in value] if isinstance(value, list | tuple) else value

    @property
    def resources(self) -> Resources:
        return Resources.model_validate(self.config["resources"])


class Resources(Part):
    """What one cell runs on: its part of the config, since all three change the numbers."""

    device: str
    threads: int
    processes: int
