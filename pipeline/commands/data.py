"""`python -m pipeline data PATH`: what lies there, in a table, and the section `dataset` written into params.yaml."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.commands import presets
from pipeline.common.errors import UserError
from pipeline.common.files import write_text
from pipeline.common.paths import Paths
from pipeline.dataset.explore import Found, explore, fit_image_size
from pipeline.study.params import Study, validate

CLASSES_SHOWN = 12


def data(paths: Paths, path: Path) -> None:
    """Look at `path`, say what is there, and write it into params.yaml, comments and other sections kept.

    Without a params.yaml the demo's is the start. Raises UserError, and writes nothing, for what is not recognised.
    """
    origin = Path(os.path.relpath(path)) if not path.is_absolute() else path
    found = explore(origin)
    yaml = YAML()
    yaml.width = 120
    start = paths.params if paths.params.exists() else presets.FOLDER / "demo.yaml"
    params = yaml.load(start.read_text(encoding="utf-8"))
    if not isinstance(params, dict) or not isinstance(params.get("train"), dict):
        raise UserError(
            f"{paths.params}: no section `train`; `python -m pipeline preset demo --force` writes a whole study"
        )
    fit = fit_image_size(found.splits, params["train"].get("device", "cpu"))
    params["dataset"] = _section(found)
    size = CommentedSeq(fit.size)
    size.fa.set_flow_style()
    params["train"]["image_size"] = size
    validate(params, paths.params, Study)
    text = io.StringIO()
    yaml.dump(params, text)
    write_text(paths.params, text.getvalue())
    _say(found, paths, f"train.image_size: [{fit.size[0]}, {fit.size[1]}]: {fit.reason}")


def _section(found: Found) -> CommentedMap:
    """The section, with what is left to decide marked."""
    given = found.dataset
    section = CommentedMap(source=given.source, name=given.name, origin=given.origin)
    if found.divided:
        split: Any = CommentedMap(val=0.2, seed=0)
        split.fa.set_flow_style()
        section["split"] = split
        section.yaml_add_eol_comment("decide: the share that is scored (test: 0.1 for a final test too)", "split")
    section["licence"] = given.licence
    section.yaml_add_eol_comment("decide: what the data's owner says", "licence")
    section.yaml_set_comment_before_after_key(
        "licence", before="group: (.+)_frame\\d+ # decide: needed if these are frames of videos", indent=2
    )
    return section


def _say(found: Found, paths: Paths, size: str) -> None:
    counts = found.counts()
    title = f"{found.dataset.source}: {found.dataset.origin}"
    table = Table("split", "images", "boxes", "classes in use", "pictures in", title=title)
    for part in found.splits:
        images, boxes, classes = counts[part.split]
        name = "all" if found.divided else part.split
        table.add_row(name, f"{images:,}", f"{boxes:,}", f"{classes:,}", part.root.as_posix())
    Console().print(table)
    names = [f"{name} {count:,}" for name, count in found.classes().items()]
    more = [f"and {len(names) - CLASSES_SHOWN} more"] if len(names) > CLASSES_SHOWN else []
    print("classes: " + ", ".join([*names[:CLASSES_SHOWN], *more]))
    print(size)
    print(f"written into {paths.params}; look at the lines marked `decide`, then `make repro` (`dvc repro`)")
