"""What the annotations say of each picture, held against what the loader makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.common.files import write_text
from pipeline.dataset.annotations import Annotations, Record
from pipeline.dataset.mistakes import SHOWN
from pipeline.dataset.pictures.look import BARRED, Picture
from pipeline.dataset.rules import RepairLog

TURNS_SIDES = range(5, 9)  # EXIF orientations that swap width and height


def judge(
    splits: Sequence[Annotations], pictures: Mapping[Path, Picture], leave_out: bool, listing: Path, log: RepairLog
) -> list[Annotations]:
    """The splits with all sides known, filled in place where they were missing.

    Pictures that the loader cannot read are dropped where `leave_out`. Raises UserError for all other bad ones:
    the first are shown, all are written to `listing`, a path and a reason a line.
    """
    lines: list[str] = []
    bad: dict[Path, str] = {}
    droppable = False
    kept = []
    for found in splits:
        dropped = set()
        for image in found.images:
            path = found.path(image)
            picture = pictures[path]
            unreadable = picture.problem is not None and picture.form != BARRED
            if unreadable and leave_out:
                dropped.add(image["id"])
                log.add("picture_left_out", found.split, image["id"], f"{path}: {picture.problem}")
                continue
            problem = picture.problem or _contradiction(image, picture)
            if problem:
                droppable |= unreadable
                lines.append(f"{found.file}: image {image['id']}: {path}: {problem}")
                bad[path] = problem
            else:
                _fill(found, image, picture, log)
        kept.append(found.without_images(dropped))
    if bad:
        write_text(listing, "".join(f"{path}\t{problem}\n" for path, problem in bad.items()))
        more = [f"... and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        advice = "; `dataset.leave_out: unreadable` leaves out what cannot be read" if droppable else ""
        raise UserError("\n".join([*lines[:SHOWN], *more, f"the whole list ({len(bad):,}) is in {listing}{advice}"]))
    return kept


def _contradiction(image: Record, picture: Picture) -> str | None:
    width, height = image["width"] or picture.width, image["height"] or picture.height
    if picture.orientation != 1 and not picture.turned:
        return (
            f"has the EXIF orientation {picture.orientation}, which the loader ignores in a {picture.form}: it would "
            "be fed unturned; save it turned and without the tag"
        )
    if (width, height) == (picture.width, picture.height):
        return None
    stated = f"is {picture.width}x{picture.height} to the loader, the annotations say {width}x{height}"
    if picture.orientation in TURNS_SIDES and (height, width) == (picture.width, picture.height):
        return (
            f"{stated}: its EXIF orientation {picture.orientation} turns it, and these are the sides before; if the "
            "boxes fit the turned picture, exchange width and height, else save it without the tag"
        )
    return stated


def _fill(found: Annotations, image: Record, picture: Picture, log: RepairLog) -> None:
    if image["width"] and image["height"]:
        return
    image["width"], image["height"] = picture.width, picture.height
    if not found.relative:  # YOLO never states sides
        log.add("size_filled", found.split, image["id"], f"{image['file_name']} is {picture.width}x{picture.height}")
