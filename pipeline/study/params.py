"""params.yaml, typed and checked: the study that everything else follows from.

Nothing here needs torch or MMDetection, so that `status`, `track` and `report` start at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.common.errors import UserError
from pipeline.common.text import plain
from pipeline.study.cluster import Cluster
from pipeline.study.datasets import DATASETS, Dataset
from pipeline.study.sections import Detector, Evaluation, Insertion, Section, Tracking, Train, Variant

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # a DVC key, a file name and an MLflow name at once
LONGEST = 100  # characters of a name: file systems and MLflow take few more
TITLE = r"^[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9._-])?$"  # of an experiment in MLflow and a job of Slurm


@dataclass(frozen=True)
class Cell:
    """One variant with one seed."""

    variant: str
    seed: int

    def __str__(self) -> str:
        return f"{self.variant}-{self.seed}"


class Study(Section):
    """One params.yaml."""

    study: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=TITLE)] = "study"
    """the name, as the report and MLflow have it: letters, digits, spaces and . _ -"""
    dataset: Dataset
    """the data set"""
    detector: Detector = Detector()
    """the detector"""
    train: Train = Train()
    """the schedule"""
    variants: dict[str, Variant]
    """name -> what the variant changes; a name has letters, digits and _, a letter first"""
    seeds: list[Annotated[int, Field(ge=0, lt=2**31)]]
    """the random seeds that every variant is trained with, each once"""
    evaluation: Evaluation = Evaluation()
    """the comparison"""
    tracking: Tracking = Tracking()
    """MLflow"""
    sweep: dict[str, dict[str, list[JsonValue]]] = Field(default={})
    """module -> option, `place`, `stages` or `levels` -> values; `python -m pipeline sweep` writes every combination
    into `variants`, which alone is read"""
    cluster: Cluster | None = None
    """what a job of `dispatch --engine slurm` asks for; it may be a file of its own instead, `cluster.yaml`"""

    @field_validator("variants", mode="before")
    @classmethod
    def _names_fit_everywhere(cls, variants: Any) -> Any:
        for name in variants if isinstance(variants, dict) else ():
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ValueError(f"variant name {name!r}: letters, digits and _ only, a letter first")
            if len(name) > LONGEST:
                raise ValueError(f"variant name {name[:20]}...: {len(name)} characters; allowed: up to {LONGEST}")
        return variants

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int]) -> list[int]:
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise ValueError(f"seed {twice[0]} is given twice; every seed must be given once")
        if not seeds:
            raise ValueError("at least one seed is needed")
        return seeds

    @model_validator(mode="after")
    def _baseline_exists(self) -> Study:
        if self.evaluation.baseline not in self.variants:
            raise ValueError(
                f"evaluation.baseline is {self.evaluation.baseline!r}, which is no variant; "
                f"allowed: {', '.join(self.variants)}"
            )
        return self

    @model_validator(mode="after")
    def _controls_have_a_partner(self) -> Study:
        allowed = [name for name, variant in self.variants.items() if variant.attention]
        for name, variant in self.variants.items():
            if variant.widen and variant.widen not in allowed:
                raise ValueError(
                    f"variants.{name}.widen is {variant.widen!r}, which is no variant with attention; "
                    f"allowed: {', '.join(allowed) or 'none of these variants'}"
                )
        return self

    @model_validator(mode="after")
    def _evaluation_fits(self) -> Study:
        asked = self.evaluation
        if self.train.resample and len(self.seeds) < 2:
            raise ValueError(
                "train.resample: seeds with one seed: the spread between training sets takes two or more; give more "
                "seeds, or leave the key out"
            )
        if asked.looks and asked.looks[0] != len(self.seeds):
            raise ValueError(
                f"evaluation.looks starts at {asked.looks[0]}, but `seeds` has {len(self.seeds)}: those "
                "of the first look, later looks take the next numbers"
            )
        if asked.baseline_seeds and asked.baseline_seeds <= len(self.seeds):
            raise ValueError(
                f"evaluation.baseline_seeds is {asked.baseline_seeds}, which is no more than the {len(self.seeds)} of "
                "`seeds`; leave it out, or ask for more"
            )
        named = {name for entry in asked.contrasts for name in entry} if asked.contrasts != "all" else set()
        unknown = sorted(named - set(self.variants))
        if unknown:
            raise ValueError(
                f"evaluation.contrasts names {unknown[0]!r}, which is no variant; allowed: {', '.join(self.variants)}"
            )
        return self

    @property
    def repeats(self) -> list[str]:
        """The A/A variants: the baseline trained again. They measure noise and compete with nobody."""
        baseline = self.variants[self.evaluation.baseline]
        return [
            name
            for name, variant in self.variants.items()
            if name != self.evaluation.baseline and variant.model_copy(update={"repeat": baseline.repeat}) == baseline
        ]

    @property
    def seeds_of_all_looks(self) -> list[int]:
        """`seeds`, and those that later looks may ask for."""
        return self._seeds(max(self.evaluation.looks, default=0))

    @property
    def extra_seeds(self) -> list[int]:
        """Seeds of the baseline alone."""
        return self._seeds(self.evaluation.baseline_seeds or 0)[len(self.seeds) :]

    def _seeds(self, count: int) -> list[int]:
        """`seeds`, filled up to `count` with the numbers after the largest."""
        following = max(self.seeds) + 1
        return [*self.seeds, *range(following, following + max(count - len(self.seeds), 0))]

    def cells(self) -> Iterator[Cell]:
        """Every cell that is sure to be asked for: variants in the order of the file, seeds within; then the baseline's
        own. What later looks ask for, the first must say (`cells.asked`)."""
        yield from (Cell(variant, seed) for variant in self.variants for seed in self.seeds)
        yield from (Cell(self.evaluation.baseline, seed) for seed in self.extra_seeds)


def load(path: str | Path) -> Study:
    """Read a params.yaml. Raises UserError naming file, key, value and what is allowed."""
    return _load(Path(path), Study, "; `python -m pipeline preset demo` writes one")


def load_complete(path: Path) -> Study:
    """The study, with every section written out: DVC refuses a missing one, but only when its stage comes up."""
    study = load(path)
    missing = [name for name in Study.model_fields if name not in (*study.model_fields_set, "cluster", "sweep")]
    if missing:
        raise UserError(
            f"{path}: {missing[0]}: this key is required, since dvc.yaml names it; `{missing[0]}: {{}}` will do"
        )
    return study


def load_cluster(study: Study, path: Path) -> Cluster:
    """The settings of the cluster: a file of their own or the study's section. Raises UserError if there are both."""
    if path.exists() and study.cluster:
        raise UserError(f"{path}: params.yaml has a `cluster:` section too; keep one of the two")
    return _load(path, Cluster) if path.exists() else study.cluster or Cluster()


Model = TypeVar("Model", bound=BaseModel)


def _load(path: Path, model: type[Model], hint: str = "") -> Model:
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file{hint}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    return validate(data, path, model)


def validate(data: Any, path: Path, model: type[Model]) -> Model:
    """What stands in a file, as `model`. Raises UserError naming `path` and each key that does not fit."""
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected keys and values, found {type(data).__name__}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError("\n".join(_explain(path, item, model) for item in error.errors())) from None


def _explain(path: Path, item: Any, model: type[BaseModel]) -> str:
    loc = [str(part) for part in item["loc"] if part not in DATASETS]
    key = plain(".".join(loc)) or "(top level)"
    value = item["input"]
    shown = "" if isinstance(value, dict) and item["type"] != "value_error" else f" (value {_short(value)})"
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed_keys(model, item["loc"][:-1]))
        return f"{path}: {key}: unknown key; allowed here: {allowed}"
    if item["type"] == "missing":
        return f"{path}: {key}: this key is required"
    message = item["msg"].removeprefix("Value error, ")
    return f"{path}: {key}: {message}{'' if isinstance(value, dict) else shown}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _allowed_keys(model: Any, loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at `loc`, found by walking the models' own fields."""
    for part in loc:
        if part in DATASETS:
            model = DATASETS[str(part)]
            continue
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[str(part)].annotation
        else:  # a dict's key or a list's index: go on with what it holds
            model = get_args(model)[-1]
        optional = [choice for choice in get_args(model) if isinstance(choice, type) and issubclass(choice, BaseModel)]
        if optional and not hasattr(model, "model_fields") and type(None) in get_args(model):
            model = optional[0]
    if model is Variant:
        return [*Variant.model_fields, *(key for key in Insertion.model_fields if key != "name")]
    return [field.alias or name for name, field in model.model_fields.items()]
