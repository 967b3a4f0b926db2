"""How a config's own recipe follows a shorter training and a smaller image: pure rules on numbers and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.detector.config.model import nodes

SIZES = ("scale", "scales", "img_scale", "crop_size", "size", "border", "max_shift_px", "random_size_range")
GRID = 32  # the largest stride of most detectors: sizes on this grid stay on it


@dataclass(frozen=True)
class Clock:
    """Times of the config's training in the study's: `old` epochs or iterations become `new`."""

    old: int
    new: int

    def at(self, time: int) -> int:
        """A time of the config in the study's: begin and end stay what they are, what lies between stays between."""
        if time <= 0 or time >= self.old:
            return 0 if time <= 0 else self.new
        return max(min(int(time * self.new / self.old + 0.5), self.new - 1), 1)

    def length(self, iterations: int) -> int:
        """A number of iterations, where the clock counts epochs."""
        return max(int(iterations * self.new / self.old + 0.5), 1) if iterations else 0


def scale_schedule(schedulers: list[Any], clock: Clock, by_epoch: bool) -> list[Any]:
    """Schedulers whose begin, end, period and milestones follow `clock`; `by_epoch` says what the clock counts.

    A scheduler that shrinks to nothing is left out. Milestones that fall together stay as many as they were: each
    still lowers the learning rate.
    """
    scaled = []
    for scheduler in schedulers:
        counts_epochs = scheduler.get("by_epoch", True)
        move = clock.at if counts_epochs == by_epoch else clock.length
        changed = dict(scheduler)
        whole = changed.get("T_max") == changed.get("end", 0) - changed.get("begin", 0)
        for key in ("begin", "end", "T_max"):
            if changed.get(key) is not None:
                changed[key] = move(changed[key])
        if whole and "T_max" in changed:  # a cosine that ends where its scheduler does
            changed["T_max"] = changed["end"] - changed["begin"]
        if "milestones" in changed:
            changed["milestones"] = [move(milestone) for milestone in changed["milestones"]]
        if changed.get("end") is None or changed["end"] > changed.get("begin", 0):
            scaled.append(changed)
    return scaled


def scale_times(node: Any, clock: Clock) -> None:
    """Epochs at which hooks and heads switch: YOLOX's last epochs, RTMDet's second pipeline, TOOD's assigner."""
    for part in nodes(node):
        for key in ("switch_epoch", "num_last_epochs", "begin_epoch", "initial_epoch"):
            if isinstance(part.get(key), int):
                part[key] = clock.at(part[key])


def scale_sizes(node: Any, factor: float) -> None:
    """Multiply every image size below `node`, wherever a transform or a batch augmentation writes one."""
    for part in nodes(node):
        if "type" in part:
            for key in SIZES:
                if key in part:
                    part[key] = _scaled(part[key], factor)


def snapped(side: int, wanted: int) -> float:
    """The factor that brings `side` nearest to `wanted` without leaving the grid that `side` is on."""
    return _scaled((side,), wanted / side)[0] / side


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, tuple | list) and value and all(isinstance(item, tuple | list) for item in value):
        return type(value)(_scaled(item, factor) for item in value)
    sides = value if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        return value  # a share of the image, not a size in pixels
    on_grid = all(side > 0 and side % GRID == 0 for side in sides)
    new = [max(GRID, round(side * factor / GRID) * GRID) if on_grid else _nearest(side, factor) for side in sides]
    return type(value)(new) if isinstance(value, tuple | list) else new[0]


def _nearest(side: int, factor: float) -> int:
    return round(side * factor) or (1 if side > 0 else -1 if side < 0 else 0)


def test_size(pipeline: list[Mapping[str, Any]]) -> tuple[int, int] | None:
    """The size (width, height) that a pipeline resizes images to; None where it does not."""
    for part in nodes(pipeline):
        if str(part.get("type")).endswith("Resize") and isinstance(part.get("scale"), tuple | list):
            width, height = part["scale"][:2]
            return int(width), int(height)
    return None
