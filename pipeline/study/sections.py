"""The sections of params.yaml: what may stand in each, and what it is when nothing does."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.study.fields import Line

WIDEN_TOLERANCE = 0.05  # of the parameters that a control is to have
Pairing = Literal["none", "seeds"]
Place = Literal["after_conv1", "after_conv2", "after_conv3", "before_add", "after_stage", "neck"]
PLACES: dict[str, str] = {  # each in words
    "after_conv1": "after the first convolution of each residual block",
    "after_conv2": "after the second convolution of each residual block",
    "after_conv3": "after the third convolution of each residual block",
    "before_add": "on the residual branch, before the addition",
    "after_stage": "between the stages",
    "neck": "on the levels of the neck",
}


class Section(BaseModel):
    """A part of params.yaml: unknown keys are mistakes, values never change after loading.

    The string below a key says what it is: docs/params.md is made of them (`make docs`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, data: Any) -> Any:
        """Python takes true for 1; whoever writes it where a number stands means something else."""
        for name, value in data.items() if isinstance(data, dict) else ():
            annotation = str(cls.model_fields[name].annotation) if name in cls.model_fields else "Any"
            items = value if isinstance(value, list) else [value]
            if "bool" not in annotation and "Any" not in annotation and any(isinstance(item, bool) for item in items):
                raise ValueError(f"`{name}` holds true or false, which is no number or name")
        return data


Overrides = Annotated[dict[str, Any], AfterValidator(lambda overrides: _finite(overrides))]


def _finite(value: Any) -> Any:
    """Refuse .inf and .nan anywhere in free values: JSON has neither, so that no plan could hold them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that a plan can hold")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite(item)
    return value


class Detector(Section):
    """Which detector, how wide, and from which weights."""

    config: Line = "faster_rcnn/faster-rcnn_r50_fpn_1x_coco"
    """the base config: a name in MMDetection (`python -m pipeline configs` lists them), or a file of your own below
    configs/, relative to params.yaml"""
    width: Literal["thin", "full"] = "thin"
    """thin: a backbone of 16 base channels and a 64-channel neck, for a CPU and small images; full: as the config has
    it"""
    weights: Line | None = None
    """of the backbone, to start from: a path or an https:// address of safetensors or of a checkpoint of tensors alone;
    without, all weights are drawn"""
    weights_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """what the file of `weights` must hash to; required for http://"""
    frozen_stages: Annotated[int, Field(ge=-1, le=4)] = -1
    """backbone stages that do not train, as in MMDetection's ResNet: -1 none, 0 the stem, n the stem and the first n
    stages"""
    norm_eval: bool = False
    """true: the backbone's BatchNorm keeps its statistics while training (those of an attention module train on)"""
    parameter_budget: Annotated[int, Field(ge=0)] = 50_000_000
    """learnable parameters that the attention of one variant may add; a variant above it is refused"""
    overrides: Overrides = {}
    """values to set in the resolved config of every variant, by dotted path: `model.backbone.depth: 101`"""

    @model_validator(mode="after")
    def _weights_are_checked(self) -> Detector:
        if self.weights_sha256 and not self.weights:
            raise ValueError("`weights_sha256` is given but `weights` is not")
        return self


class Train(Section):
    """The schedule and the machine's share, the same for all variants.

    With `recipe: config` the detector's config brings its own schedule and augmentation; of the keys below only those
    that are given change it: docs/detectors.md has the rule of each.
    """

    recipe: Literal["study", "config"] = "study"
    """study: the schedule and augmentation of this section, for any detector; config: the detector config's own"""
    epochs: Annotated[int, Field(ge=1)] = 8
    """passes over the training images"""
    batch_size: Annotated[int, Field(ge=1)] = 8
    """images a step and process"""
    image_size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] = (256, 160)
    """pixels that each image is resized to fit, its aspect ratio kept: the larger bounds its long side, the smaller its
    short one; cost is measured at this width and height"""
    optimizer: Literal["sgd", "adamw"] = "adamw"
    """sgd has momentum 0.9"""
    lr: Annotated[float, Field(gt=0)] = 0.001
    """learning rate for a batch of `lr_batch` images; scaled in proportion to `batch_size` x `processes`"""
    lr_batch: Annotated[int, Field(ge=1)] = 8
    """images a step that `lr` holds for"""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """of all parameters but the scale and bias of attention gates"""
    warmup_iters: Annotated[int, Field(ge=0)] = 20
    """steps in which the learning rate rises linearly from a thousandth; 0: none"""
    milestones: list[Annotated[int, Field(ge=1)]] = []
    """epochs after which the learning rate falls to a tenth; none: it falls along a cosine to 0"""
    clip_grad_norm: Annotated[float, Field(gt=0)] | None = None
    """largest L2 norm of the gradient; null: not clipped"""
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """probability that an image is mirrored left to right"""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """of the arithmetic: fp16 and bf16 are mixed precision (AMP) and need device: cuda"""
    channels_last: bool = False
    """true: the channels of a pixel lie together in memory: a step measured 8 % faster on a CPU; rounds otherwise, so
    numbers differ"""
    fused: bool = False
    """true: the optimizer computes in one kernel: a step measured 2 % faster on a CPU; rounds otherwise, so numbers
    differ"""
    predict_batch: Annotated[int, Field(ge=1)] = 1
    """images of one size predicted at once: 2 measured 12 % faster than 1 on a CPU; detections differ in the last
    digits"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where cells train and predict"""
    processes: Annotated[int, Field(ge=1)] = 1
    """of one cell, one GPU each with device: cuda; above 1 torchrun starts them"""
    threads: Annotated[int, Field(ge=1)] = 1
    """CPU threads of one process; part of the plan, since their number changes the numbers"""
    workers: Annotated[int, Field(ge=0)] = 0
    """processes that load images for one training process; 0: it loads them itself"""
    resample: Literal["seeds"] | None = None
    """seeds: every seed draws its training images anew, as many as there are, with replacement and by whole groups of
    `dataset.group`, so that the spread between seeds holds what another training set does; null: all train on the same
    images"""
    val_interval: Annotated[int, Field(ge=0)] = 0
    """epochs between two looks at AP on val, for the curves alone; 0: none"""
    log_interval: Annotated[int, Field(ge=1)] = 5
    """steps between two rows of history.csv and two lines of the log"""

    @model_validator(mode="after")
    def _precision_fits_device(self) -> Train:
        if self.device == "cpu" and self.precision != "fp32":
            raise ValueError(f"precision {self.precision} needs device: cuda (MMCV's operators refuse it on a CPU)")
        return self

    @field_validator("milestones")
    @classmethod
    def _in_order(cls, milestones: list[int]) -> list[int]:
        if any(later <= earlier for earlier, later in pairwise(milestones)):
            raise ValueError("milestones must rise, each given once")
        return milestones

    @model_validator(mode="after")
    def _milestones_come_true(self) -> Train:
        if self.recipe == "study" and self.milestones and self.milestones[-1] >= self.epochs:
            raise ValueError(
                f"milestone {self.milestones[-1]} would never come: training ends after epoch {self.epochs}; "
                f"allowed: 1 to {self.epochs - 1}"
            )
        return self


class Insertion(Section):
    """One attention module and its place."""

    name: str
    """a file in pipeline/attention/, or any class: `package.module:Class`, `folder/file.py:Class`, `mmcv:Name`"""
    options: dict[str, Any] = {}
    """the module's own, by keyword, as its file has them; `form` and `init` are every module's"""
    place: Place = "before_add"
    """where it goes"""
    stages: list[Annotated[int, Field(ge=1)]] | None = None
    """backbone stages that get it, from 1; null: all"""
    levels: list[Annotated[int, Field(ge=0)]] | None = None
    """maps of the neck that get it, from 0; null: all"""
    at: Annotated[str, Field(min_length=1)] | None = None
    """instead of a place: names of modules in the detector, `backbone.stage4.1.blocks.*.conv2`; `*` stands for any part
    of a name between dots"""
    side: Literal["output", "input"] = "output"
    """with `at`: whether the attention works on what those modules give or on what they take"""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            attention.known(name)
        except UserError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("options")
    @classmethod
    def _channels_are_the_places(cls, options: dict[str, Any]) -> dict[str, Any]:
        for key in ("channels", "in_channels"):
            if key in options:
                raise ValueError(f"`{key}` follows from the place and is no option")
        _finite(options)
        return options

    @field_validator("stages", "levels")
    @classmethod
    def _each_once(cls, numbers: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if numbers is not None and not numbers:
            raise ValueError(f"no {info.field_name} means no attention; leave the key out for all of them")
        twice = sorted({number for number in numbers or () if (numbers or []).count(number) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is given twice")
        return numbers

    @model_validator(mode="after")
    def _place_has_its_index(self) -> Insertion:
        if self.at is not None:
            given = [key for key in ("place", "stages", "levels") if key in self.model_fields_set]
            if given:
                raise ValueError(f"`at` names modules by itself: leave `{given[0]}` out")
            return self
        if self.side != "output":
            raise ValueError("`side` goes with `at`; a named place has its side")
        if self.place == "neck" and self.stages is not None:
            raise ValueError("place `neck` takes `levels`, not `stages`")
        if self.place != "neck" and self.levels is not None:
            raise ValueError(f"place `{self.place}` takes `stages`, not `levels`")
        return self


class Variant(Section):
    """Attention modules (none for a baseline) and free overrides of the resolved config.

    In params.yaml one module is written flat (`attention: se, options: {...}, place: ...`), several as
    a list (`attention: [{name: se, ...}, {name: eca, ...}]`); here both are a list.
    """

    attention: list[Insertion] = []
    """the modules: a name with its keys beside it, or a list of several; none for a baseline"""
    widen: Annotated[str, Field(min_length=1)] | None = None
    """a control: the name of a variant with attention, in whose places plain 1x1 convolutions with as many parameters
    stand (within 5 % in all), instead of `attention`"""
    overrides: Overrides = {}
    """values to set in this variant's resolved config, by dotted path, after those of the detector"""
    repeat: Annotated[int, Field(ge=0)] = 0
    """above 0: the same again, an A/A variant: its differences to the original are noise by construction"""

    @model_validator(mode="before")
    @classmethod
    def _one_module_written_flat(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, dict) and data.get("attention", ()) is None:
            return {key: data[key] for key in data if key != "attention"}
        if not isinstance(data, dict) or isinstance(data.get("attention"), list | None):
            return data
        flat = {key: data[key] for key in data if key in Insertion.model_fields and key != "name"}
        rest = {key: data[key] for key in data if key not in (*flat, "attention")}
        return {"attention": [{"name": data["attention"], **flat}], **rest}

    @model_validator(mode="after")
    def _a_control_has_no_attention(self) -> Variant:
        if self.widen and self.attention:
            raise ValueError("`widen` makes a control, which has no attention: leave `attention` out, or `widen`")
        return self

    @field_validator("attention")
    @classmethod
    def _each_insertion_once(cls, attention: list[Insertion]) -> list[Insertion]:
        for i, insertion in enumerate(attention):
            if insertion in attention[:i]:
                raise ValueError(
                    f"{insertion.name} at {insertion.at or insertion.place} is given twice with the same options"
                )
        return attention


class Evaluation(Section):
    """What the comparison claims and how; docs/evidence.md has the reasons."""

    baseline: str = "baseline"
    """the variant that all others are compared with"""
    primary: Literal["AP"] = "AP"
    """the metric that verdicts are about"""
    resamples: Annotated[int, Field(ge=100)] = 2000
    """draws of the images behind the intervals"""
    seed: Annotated[int, Field(ge=0)] = 0
    """of those draws"""
    equivalence: Annotated[float, Field(gt=0, lt=1)] = 0.005
    """half-width, in AP, of what is too small to matter: an interval inside it is `equivalent`"""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """family-wise error rate: all simultaneous intervals hold at once with probability 1 - alpha"""
    pairing: Pairing = "none"
    """seeds: what a seed does to all variants is taken out of the noise (docs/evidence.md says when that pays)"""
    baseline_seeds: Annotated[int, Field(ge=2)] | None = None
    """how many seeds the baseline alone has, if more than `seeds`: the next numbers; every interval gets narrower"""
    wanted: Annotated[float, Field(gt=0, lt=1)] | None = None
    """the AP difference that the study is for: what `power` plans for, and below which a look stops a variant"""
    looks: list[Annotated[int, Field(ge=3)]] = []
    """numbers of seeds at which the study is judged; the first is that of `seeds`, later looks train what is open"""
    contrasts: list[list[str]] | Literal["all"] = []
    """further differences: [a, b] for a - b, [both, a, b] for both - a and both - b; all: every pair of variants"""

    @model_validator(mode="after")
    def _looks_rise(self) -> Evaluation:
        if self.looks and (len(self.looks) < 2 or self.looks != sorted(set(self.looks))):
            raise ValueError(f"looks {self.looks}: two numbers of seeds or more, rising, such as [3, 6, 10]")
        if self.looks and self.wanted is None:
            raise ValueError("`looks` needs `wanted`, the AP difference below which a variant is given up")
        if self.looks and self.baseline_seeds:
            raise ValueError(
                "`baseline_seeds` and `looks`: the looks train the baseline on already; keep one of the two"
            )
        if self.baseline_seeds and self.pairing == "seeds":
            raise ValueError(
                "`baseline_seeds` needs `pairing: none`: a run of the baseline without a partner says nothing in pairs"
            )
        short = next((entry for entry in self.contrasts if len(set(entry)) < 2), None)
        if short is not None and self.contrasts != "all":
            raise ValueError(f"contrasts: {short} must name two variants or more, each once")
        return self


class Tracking(Section):
    """What goes to MLflow beside the runs."""

    register_best: bool = Field(default=False, alias="register")
    """true: offer the best variant's checkpoint to MLflow's model registry, where the evidence allows a best"""
