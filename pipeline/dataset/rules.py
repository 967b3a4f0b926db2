"""What is mended by rule: one table of the rules, and the log that counts every use of them for the card."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.records.card import Repair

LISTED = 20  # uses of one rule that the card lists; it counts them all

RULES = {
    "ids_as_text": "the id was written as text: it counts as the number that it spells",
    "whole_floats": "a whole number was written with a decimal point",
    "image_ids_renumbered": "image ids were not whole numbers from 1 to 2^63: the split's images were numbered anew",
    "box_ids_renumbered": "box ids were missing, repeated, or no whole numbers from 1 to 2^63: the boxes of the split "
    "were numbered anew",
    "category_id_changed": "category ids were made contiguous from 1, in the order of the classes",
    "category_unused": "no annotation of any split uses the category: it was left out",
    "category_name_to_text": "the category's name was a number and became text",
    "categories_joined": "several categories had one name: they are one class",
    "class_left_out": "the box belongs to a class that the study leaves out",
    "size_filled": "width or height was missing or below 1: it is the picture's, as the loader reads it",
    "backslashes": "the file name had backslashes: they were read as slashes",
    "found_by_stem": "the picture that the annotation names is not there: the one with its own name was taken",
    "picture_without_json": "the picture lies beside the others but has no LabelMe file: it was left out",
    "shape_left_out": "points and lines have no extent, so no box: the shape was left out",
    "file_shared": "the picture was listed under several ids: it is one image with the boxes of all",
    "equal_box_dropped": "the picture was listed under several ids and this very box stood under more than one",
    "picture_left_out": "the loader cannot read the picture: it was left out, as dataset.leave_out says",
    "image_in_two_splits": "the same image file was in two splits: it stays in test before val before train",
    "box_from_polygon": "the annotation had a polygon and no bbox: the box is the one around it",
    "rotated_to_envelope": "the box was rotated: it is the upright box around it, as dataset.rotated says",
    "empty_box_dropped": "the box has no width or no height",
    "box_outside_dropped": "the box lies outside its image",
    "box_clipped": "the box reached over the edge of its image and was cut there",
    "area_filled": "the area was missing, not positive or above the box's own: width x height was put in",
    "iscrowd_filled": "iscrowd was missing or null: 0 was put in",
    "ignore_made_crowd": "`ignore` is known to the detector only: the box became iscrowd, which scoring knows too",
    "difficult_made_crowd": "VOC does not score objects marked difficult: the box became iscrowd",
}


@dataclass
class RepairLog:
    """Counts of every rule that was used, and the first `LISTED` uses of each."""

    counts: Counter[str] = field(default_factory=Counter)
    details: list[dict[str, Any]] = field(default_factory=list)
    listed: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, split: str, record_id: int | str | None, detail: str, times: int = 1) -> None:
        self.counts[rule] += times
        self.listed[rule] += 1
        if self.listed[rule] <= LISTED:
            self.details.append({"rule": rule, "split": split, "id": record_id, "detail": detail})

    def summary(self) -> dict[str, Repair]:
        """Rule -> how often it was used and what it means, in the order of `RULES`."""
        return {rule: Repair(count=self.counts[rule], meaning=RULES[rule]) for rule in RULES if self.counts[rule]}
