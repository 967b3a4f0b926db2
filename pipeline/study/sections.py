"""The sections of params.yaml: what may stand in each, and what it is when nothing does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline import attention

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
    """A part of params.yaml: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Roadmarks(Section):
    """The synthetic data set; `size` is width and height in pixels."""

    source: Literal["roadmarks"]
    origin: str = "pipeline/dataset/roadmarks"
    train: Annotated[int, Field(ge=1)] = 120
    val: Annotated[int, Field(ge=1)] = 60
    size: tuple[Annotated[int, Field(ge=64)], Annotated[int, Field(ge=64)]] = (256, 160)
    seed: Annotated[int, Field(ge=0)] = 0


class Split(Section):
    """How one annotation file is divided: fractions of its images, and the seed of the draw."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> Split:
        if self.val + self.test >= 1:
            raise ValueError("val and test together must leave images to train on (below 1)")
        return self


class Coco(Section):
    """Your own COCO files.

    `origin` is what DVC watches: the folder of the annotation files, or the one file that `split`
    divides. `train`, `val` and `test` are file names in that folder. `images` is the image folder,
    or one folder a split; images are read where they are.
    """

    source: Literal["coco"]
    name: str = "coco"
    origin: str
    images: str | dict[Literal["train", "val", "test"], str]
    train: str | None = None
    val: str | None = None
    test: str | None = None
    split: Split | None = None
    classes: list[str] | None = None
    licence: str = "not stated"

    @model_validator(mode="after")
    def _given_or_drawn_splits(self) -> Coco:
        given = self.train is not None and self.val is not None
        if given == (self.split is not None):
            raise ValueError("give either `train` and `val` (file names in `origin`) or `split`, not both")
        if self.split and (self.train or self.val or self.test):
            raise ValueError("`split` divides the one file `origin`: leave `train`, `val` and `test` out")
        return self


class Detector(Section):
    """Which detector, how wide, and from which weights.

    `weights` are a backbone's: a path or an https:// URL of safetensors or of a checkpoint of tensors alone;
    `weights_sha256` pins the file, and is required for http://.
    `frozen_stages` and `norm_eval` as in MMDetection's ResNet (0 freezes the stem alone).
    `parameter_budget` bounds the learnable parameters that the attention of a variant may add.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    config: str = "faster_rcnn/faster-rcnn_r50_fpn_1x_coco"
    width: Literal["thin", "full"] = "thin"
    weights: str | None = None
    weights_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    frozen_stages: Annotated[int, Field(ge=-1, le=4)] = -1
    norm_eval: bool = False
    parameter_budget: Annotated[int, Field(ge=0)] = 50_000_000
    overrides: dict[str, Any] = {}

    @model_validator(mode="after")
    def _weights_are_checked(self) -> Detector:
        if self.weights_sha256 and not self.weights:
            raise ValueError("`weights_sha256` is given but `weights` is not")
        return self


class Train(Section):
    """The schedule all variants share. `lr` holds for a batch of `lr_batch` and is scaled to the real one.

    `image_size` is width and height; `threads` are the CPU threads of one cell (they change results).
    `milestones` are the epochs after which the learning rate falls to a tenth; none means cosine decay.
    """

    epochs: Annotated[int, Field(ge=1)] = 8
    batch_size: Annotated[int, Field(ge=1)] = 8
    image_size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] = (256, 160)
    optimizer: Literal["sgd", "adamw"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 0.001
    lr_batch: Annotated[int, Field(ge=1)] = 8
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    warmup_iters: Annotated[int, Field(ge=0)] = 20
    milestones: list[Annotated[int, Field(ge=1)]] = []
    clip_grad_norm: Annotated[float, Field(gt=0)] | None = None
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    device: Literal["cpu", "cuda"] = "cpu"
    processes: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] = 1
    workers: Annotated[int, Field(ge=0)] = 0
    val_interval: Annotated[int, Field(ge=0)] = 0
    log_interval: Annotated[int, Field(ge=1)] = 5

    @model_validator(mode="after")
    def _precision_fits_device(self) -> Train:
        if self.device == "cpu" and self.precision != "fp32":
            raise ValueError(f"precision {self.precision} needs device: cuda (MMCV's operators refuse it on a CPU)")
        return self


class Insertion(Section):
    """One attention module and its place. `stages` count from 1; `levels` are FPN outputs from 0."""

    name: str
    options: dict[str, Any] = {}
    place: Place = "before_add"
    stages: list[Annotated[int, Field(ge=1, le=4)]] | None = None
    levels: list[Annotated[int, Field(ge=0)]] | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in attention.names():
            raise ValueError(f"unknown attention; allowed: {', '.join(attention.names())}")
        return name

    @model_validator(mode="after")
    def _place_has_its_index(self) -> Insertion:
        if self.place == "neck" and self.stages is not None:
            raise ValueError("place `neck` takes `levels`, not `stages`")
        if self.place != "neck" and self.levels is not None:
            raise ValueError(f"place `{self.place}` takes `stages`, not `levels`")
        return self


class Variant(Section):
    """Attention modules (none for a baseline) and free overrides of the resolved config.

    In params.yaml one module is written flat (`attention: se, options: {...}, place: ...`), several as
    a list (`attention: [{name: se, ...}, {name: eca, ...}]`); here both are a list. `repeat` above 0 trains
    the same again (an A/A variant of the baseline): its differences are noise by construction.
    """

    attention: list[Insertion] = []
    overrides: dict[str, Any] = {}
    repeat: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _one_module_written_flat(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict) or isinstance(data.get("attention"), list | None):
            return data
        flat = {key: data[key] for key in data if key in ("options", "place", "stages", "levels")}
        rest = {key: data[key] for key in data if key not in (*flat, "attention")}
        return {"attention": [{"name": data["attention"], **flat}], **rest}


class Evaluation(Section):
    """What a comparison claims and how: see docs/evidence.md."""

    baseline: str = "baseline"
    primary: Literal["AP"] = "AP"
    resamples: Annotated[int, Field(ge=100)] = 2000
    seed: Annotated[int, Field(ge=0)] = 0
    equivalence: Annotated[float, Field(gt=0, lt=1)] = 0.005
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    pairing: Pairing = "none"


class Tracking(Section):
    """The MLflow projection. `register` offers the best variant's checkpoint to the model registry."""

    register_best: bool = Field(default=False, alias="register")
