"""The file data/plans/<variant>.json: all that determines a cell but its seed and the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import JsonValue, field_validator

from pipeline.common.tuples import with_tuples
from pipeline.records.base import Part, Record


class Weights(Part):
    """Where pretrained weights come from, the digest of that file, and of its tensors as they are kept."""

    source: str
    sha256: str
    tensors: str


class Plan(Record):
    """`config` is the resolved MMEngine config, `tuples` the paths of its tuples, which JSON has as lists; `code` maps
    files to the digests of their syntax trees; `notes` say what a reader of the plan should know, and decide nothing.

    `digest` is over all of it but names and places on disk.
    """

    MADE_BY: ClassVar[str] = "`dvc repro plan`"

    variant: str
    repeat: int
    config: dict[str, JsonValue]
    tuples: list[str]
    notes: list[str]
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

    def mmengine_config(self) -> dict[str, Any]:
        """The config as MMEngine takes it: MMDetection refuses lists for many sizes, and tuples for others."""
        return with_tuples(self.config, self.tuples)

    @property
    def resources(self) -> Resources:
        return Resources.model_validate(self.config["resources"])


class Resources(Part):
    """What one cell runs on: its part of the config, since all of it changes the numbers.

    `image_size` (width, height) is what images are resized to when the detector is tested.
    """

    device: str
    threads: int
    processes: int
    image_size: tuple[int, int]
