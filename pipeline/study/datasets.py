"""The section `dataset` of params.yaml: the demo's pictures, or your own in one of the formats that people have."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.study.fields import Line
from pipeline.study.sections import Section


class Roadmarks(Section):
    """The demo's synthetic road scenes, drawn by this project."""

    source: Literal["roadmarks"]
    """which kind of data set this is"""
    origin: str = "pipeline/dataset/roadmarks"
    """what DVC watches: the code that draws the pictures; leave it as it is"""
    train: Annotated[int, Field(ge=1)] = 120
    """pictures to train on"""
    val: Annotated[int, Field(ge=1)] = 60
    """pictures to evaluate on"""
    size: tuple[Annotated[int, Field(ge=64)], Annotated[int, Field(ge=64)]] = (256, 160)
    """width and height of a picture in pixels"""
    seed: Annotated[int, Field(ge=0)] = 0
    """of all draws: another seed is another data set"""


class Split(Section):
    """How one annotation file is divided."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """share of the images that go to val"""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """share of the images that go to test; with 0 there is none and the report speaks of val"""
    seed: Annotated[int, Field(ge=0)] = 0
    """of the draw: another seed divides otherwise"""

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> Split:
        if self.val + self.test >= 1:
            raise ValueError("val and test together must leave images to train on (below 1)")
        return self


class Own(Section):
    """Your own data set; images are read where they are, never copied."""

    source: str
    """which kind of data set this is"""
    name: Line
    """what the card, the report and MLflow call the data set"""
    origin: Line
    """what DVC watches: the folder of the data set, or the one annotation file; `python -m pipeline data` finds it"""
    images: Line | dict[Literal["train", "val", "test"], Line] | None = None
    """the folder that file names start from, or one a split, where it cannot be found by the usual layouts"""
    train: Line | None = None
    """what to train on, where the layout does not say it: an annotation file in `origin` (coco), an image set (voc)"""
    val: Line | None = None
    """what to evaluate on, as `train`"""
    test: Line | None = None
    """what the report speaks of instead of val, as `train`"""
    split: Split | None = None
    """how a set that is one is divided, the class mix kept; instead of `train` and `val`"""
    classes: list[Line] | None = None
    """the classes to keep, in the order in which they are numbered and reported; by default all that are in use"""
    licence: Line = "not stated"
    """of the data, printed in the card and the report"""
    group: Line | None = None
    """what keeps pictures together in one split: a key of the image record, or a pattern on file names whose brackets
    hold the group, such as `(.+)_frame\\d+`"""
    boxes: Literal["as_given"] | None = None
    """as_given: take boxes that look normalised, or like two corners, as they are; by default they are refused"""
    rotated: Literal["envelope"] | None = None
    """envelope: take the upright box around a rotated one; by default rotated boxes are refused"""
    leave_out: Literal["unreadable"] | None = None
    """unreadable: leave out pictures that the loader cannot read; by default they are refused"""
    outside: Literal["allowed"] | None = None
    """allowed: follow file names and links that lead out of the image folder; by default they are refused"""

    @field_validator("group")
    @classmethod
    def _pattern_can_be_read(cls, group: str | None) -> str | None:
        if group and "(" in group:
            try:
                found = re.compile(group).groups
            except re.error as error:
                raise ValueError(f"not a pattern: {error}") from None
            if not found:
                raise ValueError("a pattern needs brackets around what names the group, such as `(.+)_frame\\d+`")
        return group

    @model_validator(mode="after")
    def _given_or_drawn_splits(self) -> Self:
        named = self.train or self.val or self.test
        if self.split and named:
            raise ValueError("`split` divides what is one: leave `train`, `val` and `test` out")
        if named and not (self.train and self.val):
            raise ValueError(
                "give both `train` and `val`, or neither: `split` divides one set, else the splits are found"
            )
        return self


class Coco(Own):
    """COCO files; without `train`, `val` and `split` they are found as COCO, Roboflow and CVAT lay them out."""

    source: Literal["coco"]
    """which kind of data set this is"""
    name: Line = "coco"
    """what the card, the report and MLflow call the data set"""


class Voc(Own):
    """Pascal VOC: `origin` holds Annotations, ImageSets/Main and JPEGImages, or XML files in folders."""

    source: Literal["voc"]
    """which kind of data set this is"""
    name: Line = "voc"
    """what the card, the report and MLflow call the data set"""
    images: Line | None = None
    """the folder of the pictures, where it is not JPEGImages, images or that of the XML files"""


class Yolo(Own):
    """YOLO: `origin` holds data.yaml (or classes.txt), pictures and labels."""

    source: Literal["yolo"]
    """which kind of data set this is"""
    name: Line = "yolo"
    """what the card, the report and MLflow call the data set"""
    images: None = None
    """not used: data.yaml names the pictures"""
    train: None = None
    """not used: data.yaml names the splits"""
    val: None = None
    """not used, as `train`"""
    test: None = None
    """not used, as `train`"""


class LabelMe(Own):
    """LabelMe: `origin` holds JSON files beside their pictures, or in folders train and val."""

    source: Literal["labelme"]
    """which kind of data set this is"""
    name: Line = "labelme"
    """what the card, the report and MLflow call the data set"""
    images: None = None
    """not used: the pictures lie beside the JSON files"""
    train: None = None
    """not used: the folders train, val and test are the splits"""
    val: None = None
    """not used, as `train`"""
    test: None = None
    """not used, as `train`"""


OWN: dict[str, type[Own]] = {"coco": Coco, "voc": Voc, "yolo": Yolo, "labelme": LabelMe}
DATASETS: dict[str, type[Section]] = {"roadmarks": Roadmarks, **OWN}
Dataset = Annotated[Roadmarks | Coco | Voc | Yolo | LabelMe, Field(discriminator="source")]
