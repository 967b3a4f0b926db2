"""What the evaluate stage says besides the comparison: the cells, precision-recall curves, error types, box counts and
example images. `Run` and `Failure` are what cells say themselves.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.records.base import Part, Record
from pipeline.records.run import Run

EVALUATE = "`dvc repro evaluate`"
BoxOutcome = Literal["truth", "crowd", "found", "false", "ignored", "missed"]


class CellResult(Part):
    """One cell of params.yaml: done with its run, failed with the reason, or missing."""

    variant: str
    seed: int
    state: Literal["done", "failed", "missing"]
    reason: str | None
    run: Run | None


class CellResults(Record):
    """cells.json, in the order of params.yaml."""

    MADE_BY: ClassVar[str] = EVALUATE

    cells: list[CellResult]


class Curves(Record):
    """curves.json: `recall` (101,), and variant -> "0.50", "0.75" or "mean" -> precision (101,), mean over seeds."""

    MADE_BY: ClassVar[str] = EVALUATE

    recall: list[float]
    variants: dict[str, dict[str, list[float]]]


class RunErrors(Part):
    """Of one run: type -> AP50 to gain were these errors mended, and how many there are."""

    delta_ap: dict[str, float]
    counts: dict[str, int]


class ErrorTypes(Record):
    """errors.json: TIDE's error types of every run, their means over seeds, and the differences to the baseline."""

    MADE_BY: ClassVar[str] = EVALUATE

    types: list[str]
    baseline: str
    runs: dict[str, dict[int, RunErrors]]
    mean: dict[str, dict[str, float]]
    difference: dict[str, dict[str, float]]


class BoxCounts(Part):
    """Boxes that count in each size class; crowds are left out."""

    all: int
    small: int
    medium: int
    large: int


class BoxTable(Record):
    """boxes.json: of the reported split."""

    MADE_BY: ClassVar[str] = EVALUATE

    images: int
    total: BoxCounts
    classes: dict[str, BoxCounts]


class ShownBox(Part):
    """`bbox` is x, y, width, height in pixels; `outcome` is the evaluation's judgement. A box of the ground truth is
    a `truth` or a `crowd`; a detection has `found` its box, is `false`, or is `ignored` (in a crowd); a box that no
    detection found is `missed`.
    """

    bbox: tuple[float, float, float, float]
    category: str
    outcome: BoxOutcome
    score: float | None = None


class Example(Part):
    """One image for all variants: why it was chosen, its boxes, and what each variant's first seed detects there."""

    image_id: int
    file_name: str
    width: int
    height: int
    reason: Literal["largest gain", "largest loss", "random"]
    variant: str | None
    change: float | None
    score_threshold: float
    ground_truth: list[ShownBox]
    detections: dict[str, list[ShownBox]]

    @property
    def picture(self) -> str:
        """The file of a small copy, beside examples.json."""
        return f"examples/{self.image_id}.jpg"


class Examples(Record):
    """examples.json."""

    MADE_BY: ClassVar[str] = EVALUATE

    examples: list[Example]
