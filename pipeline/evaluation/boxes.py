"""Ground truth and detections as columns.

A list of COCO dicts costs 500 bytes a box and a Python loop at every use; columns cost 60 and none. Everything in
this room works on them. Reading checks what pycocotools would drop in silence or die of.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.common.errors import UserError
from pipeline.common.files import read_json

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GroundTruth:
    """V images, K classes and G boxes, in the order of the file."""

    image_ids: Ints  # (V,) ascending
    category_ids: Ints  # (K,) ascending
    category_names: tuple[str, ...]  # (K,)
    image: Ints  # (G,) position in image_ids
    category: Ints  # (G,) position in category_ids
    boxes: Floats  # (G, 4) x, y, width, height in pixels
    area: Floats  # (G,) pixels; of the mask where the file has masks
    crowd: Bools  # (G,)
    images: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # id -> its COCO record


@dataclass(frozen=True)
class Detections:
    """D detections of one run, in the order of the file (which breaks ties in score)."""

    image: Ints  # (D,) position in GroundTruth.image_ids
    category: Ints  # (D,) position in GroundTruth.category_ids
    boxes: Floats  # (D, 4) x, y, width, height in pixels
    score: Floats  # (D,)

    def take(self, index: NDArray[Any]) -> Detections:
        return Detections(self.image[index], self.category[index], self.boxes[index], self.score[index])


GroundTruthSource = GroundTruth | Mapping[str, Any] | str | Path
DetectionsSource = Detections | Sequence[Mapping[str, Any]] | str | Path


def read_ground_truth(source: GroundTruthSource) -> GroundTruth:
    """COCO ground truth from a dict or a .json or .json.gz path.

    A missing `iscrowd` is 0, a missing `area` is the area of the box. Annotation ids are not kept: boxes are numbered
    from 1 where an engine wants numbers, since pycocotools takes id 0 for "unmatched".
    Raises UserError for an annotation of an unknown image or class and for a box that is not four finite numbers.
    """
    if isinstance(source, GroundTruth):
        return source
    with _way_out(source):
        return _ground_truth(source)


def _ground_truth(source: Mapping[str, Any] | str | Path) -> GroundTruth:
    coco, origin = _load(source), _named(source, "ground truth")
    if not isinstance(coco, Mapping):
        raise UserError(f"{origin}: expected a COCO data set, found {type(coco).__name__}")
    categories, images = _rows(coco.get("categories"), origin), _rows(coco.get("images"), origin)
    annotations, what = _rows(coco.get("annotations", []), origin), f"{origin} annotation"
    category_ids = _ids(categories, "id", f"{origin} category")
    names = {int(i): str(c.get("name", i)) for i, c in zip(category_ids, categories, strict=True)}
    category_ids, image_ids = np.unique(category_ids), _ids(images, "id", f"{origin} image")
    boxes = _boxes(annotations, what)
    area = _numbers(
        [
            boxed if (a := row.get("area")) is None else a
            for row, boxed in zip(annotations, boxes[:, 2] * boxes[:, 3], strict=True)
        ],
        "area",
        what,
    )
    by_id = dict(zip(image_ids.tolist(), images, strict=True))
    image_ids = np.unique(image_ids)
    return GroundTruth(
        image_ids=image_ids,
        category_ids=category_ids,
        category_names=tuple(names[int(i)] for i in category_ids),
        image=_positions(annotations, "image_id", image_ids, what),
        category=_positions(annotations, "category_id", category_ids, what),
        boxes=boxes,
        area=area,
        crowd=np.array([bool(a.get("iscrowd", 0)) for a in annotations], np.bool_),
        images=by_id,
    )


def read_detections(source: DetectionsSource, gt: GroundTruth, name: str = "detections") -> Detections:
    """Detections {image_id, category_id, bbox, score} from a list or a path; `name` is for messages.

    Raises UserError where they speak of images or classes that the ground truth does not have: they belong to
    another data set, and a comparison across data sets says nothing.
    """
    if isinstance(source, Detections):
        return source
    with _way_out(source):
        return _detections(source, gt, _named(source, name))


def _detections(source: Sequence[Mapping[str, Any]] | str | Path, gt: GroundTruth, name: str) -> Detections:
    found = _rows(_load(source), name)
    boxes = _boxes(found, name)
    score = _numbers([row.get("score") for row in found], "score", name)
    return Detections(
        image=_positions(found, "image_id", gt.image_ids, name),
        category=_positions(found, "category_id", gt.category_ids, name),
        boxes=boxes,
        score=score,
    )


def _load(source: Any) -> Any:
    if not isinstance(source, str | Path):
        return source
    try:
        return read_json(Path(source))
    except FileNotFoundError:
        raise UserError(f"{source}: no such file") from None


@contextmanager
def _way_out(source: Any) -> Iterator[None]:
    """An error about a file says how to get it back."""
    try:
        yield
    except UserError as error:
        if not isinstance(source, str | Path):
            raise
        raise UserError(f"{error}; `dvc checkout --force` or `dvc pull` brings back what the pipeline wrote") from None


def _named(source: Any, name: str) -> str:
    """What a message calls the source: the file, where it is one."""
    return str(source) if isinstance(source, str | Path) else name


def _rows(value: Any, what: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or not all(isinstance(row, Mapping) for row in value):
        raise UserError(f"{what}: expected lists of objects, as COCO has them")
    return value


def _numbers(values: Sequence[Any], key: str, what: str) -> Floats:
    """(N,) finite numbers, one a row."""
    try:
        numbers = np.array(values, np.float64).reshape(len(values))
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{what}: every row needs a number as `{key}` ({_short(error)})") from error
    broken = np.flatnonzero(~np.isfinite(numbers))
    if broken.size:
        raise UserError(f"{what} number {broken[0]}: {key} is {numbers[broken[0]]}; a finite number is needed")
    return numbers


def _ids(rows: Sequence[Mapping[str, Any]], key: str, what: str) -> Ints:
    """(N,) whole numbers, one a row."""
    try:
        return np.array([operator.index(row[key]) for row in rows], np.int64)
    except KeyError as error:
        raise UserError(f"{what}: every row needs `{key}`") from error
    except (TypeError, OverflowError) as error:
        raise UserError(f"{what}: every row needs a whole number as `{key}` ({_short(error)})") from error


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120]


def _boxes(rows: Sequence[Mapping[str, Any]], what: str) -> Floats:
    """(N, 4) from the `bbox` of each row."""
    try:
        boxes = np.array([r["bbox"] for r in rows], np.float64).reshape(len(rows), 4)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{what}: every row needs `bbox` as four numbers [x, y, width, height] ({_short(error)})"
        ) from error
    broken = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if broken.size:
        raise UserError(f"{what} number {broken[0]}: bbox is {boxes[broken[0]].tolist()}; finite numbers are needed")
    return boxes


def _positions(rows: Sequence[Mapping[str, Any]], key: str, known: Ints, what: str) -> Ints:
    """Where the id of each row stands in `known` (ascending)."""
    ids = _ids(rows, key, what)
    found = np.searchsorted(known, ids)
    strange = np.flatnonzero(~np.isin(ids, known))
    if strange.size:
        raise UserError(
            f"{what} number {strange[0]}: {key} {ids[strange[0]]} is not in the ground truth, which has {len(known)} "
            f"({_some(known)}); detections must come from the same images and classes as the ground truth"
        )
    return found


def _some(known: Ints) -> str:
    return ", ".join(str(i) for i in known[:5].tolist()) + (", ..." if len(known) > 5 else "")
