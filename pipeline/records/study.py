"""study.json: what was studied, in words and settings, and where it comes from."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from pipeline.records.base import Part, Record
from pipeline.records.run import LoadedWeights


class ModuleFacts(Part):
    """An attention module of a variant: its place and options, and what its source file says of its paper."""

    name: str
    options: dict[str, JsonValue]
    place: str
    stages: list[int] | None
    levels: list[int] | None
    form: str
    init: str
    paper: str
    link: str
    formula: str
    differs: str


class VariantFacts(Part):
    """`config_differences`: path in the resolved config -> [the baseline's value, this variant's]."""

    title: str
    attention: list[ModuleFacts]
    overrides: dict[str, JsonValue]
    repeat: int
    config_differences: dict[str, tuple[JsonValue, JsonValue]]
    weights: LoadedWeights | None


class Git(Part):
    """The revision that made the study, and whether its files differed from it; None outside a repository."""

    revision: str | None
    dirty: bool | None


class ArticleRow(Part):
    """One published number of the article."""

    variant: str
    metric: str
    iou: str
    area: str
    max_dets: str
    value: float


class Article(Part):
    rows: list[ArticleRow]
    sentence: str


class StudyFacts(Record):
    """`params` is params.yaml with its defaults, `repeats` are the A/A variants, `shared` the settings of all runs;
    times in seconds and hours.

    `article` is there where the classes are the article's.
    """

    MADE_BY: ClassVar[str] = "`dvc repro evaluate`"

    study: str
    params: dict[str, JsonValue]
    params_sha256: str
    classes: list[str]
    split: str
    variants: dict[str, VariantFacts]
    repeats: list[str]
    shared: dict[str, JsonValue]
    git: Git
    dvc_lock_sha256: str | None
    versions: dict[str, str]
    command: str
    demo: bool
    article: Article | None
    wall_clock_seconds: float | None
    device_hours: float
