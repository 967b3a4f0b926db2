"""The config a study starts from: one that MMDetection ships, by name, or a file of the user's own below `configs/`."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mmdet
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, MODELS, OPTIM_WRAPPERS, OPTIMIZERS, TRANSFORMS

from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.detector.config.inherit import files_of
from pipeline.detector.quiet import quiet

SHIPPED = Path(mmdet.__file__).parent / ".mim" / "configs"
OWN = Paths().configs  # DVC watches this folder, so that an edit of any file in it is seen
# What a run of MMEngine reads. The rest of a config file are its own intermediate variables.
RUN = (
    "model", "data_preprocessor", "train_dataloader", "val_dataloader", "test_dataloader", "train_cfg", "val_cfg",
    "test_cfg", "val_evaluator", "test_evaluator", "optim_wrapper", "param_scheduler", "auto_scale_lr", "custom_hooks",
    "default_hooks", "default_scope", "custom_imports", "env_cfg", "log_processor", "log_level", "visualizer",
    "vis_backends", "load_from", "resume", "find_unused_parameters",
)  # fmt: skip
REGISTRIES = (MODELS, DATASETS, TRANSFORMS, DATA_SAMPLERS, HOOKS, LOOPS, OPTIMIZERS, OPTIM_WRAPPERS)


def shipped() -> list[str]:
    """Names of all configs that MMDetection ships, `_base_` left out."""
    names = (path.relative_to(SHIPPED).with_suffix("").as_posix() for path in SHIPPED.rglob("*.py"))
    return sorted(name for name in names if not name.startswith("_base_"))


def load(name: str) -> Config:
    """The base config, of what a run reads alone. Raises UserError for one that is not there or does not load."""
    path = _path(name)
    try:
        with quiet():
            loaded = Config.fromfile(str(path))
    except Exception as error:  # a config is code: it may fail in any way
        raise UserError(f"detector.config: {name!r} does not load: {_first_line(error)}") from None
    content = _plain({key: value for key, value in loaded.to_dict().items() if key in RUN})
    preprocessor = content.pop("data_preprocessor", None)
    if preprocessor and "model" in content:
        content["model"].setdefault("data_preprocessor", preprocessor)
    return Config(content)


def _path(name: str) -> Path:
    own = Path(name)
    if name.endswith(".py") and own.is_file():
        _refuse_unwatched(name, own)
        return own
    path = SHIPPED / f"{name.removesuffix('.py')}.py"
    if path.is_file() and path.resolve().is_relative_to(SHIPPED.resolve()):
        return path
    near = difflib.get_close_matches(name.removesuffix(".py"), shipped(), n=5, cutoff=0.6)
    raise UserError(
        f"detector.config: {name!r} is neither a file here nor a config of MMDetection; "
        + (f"near: {', '.join(near)}; " if near else "")
        + "`python -m pipeline configs WORDS` lists what MMDetection has, a file of your own lies below configs/"
    )


def _refuse_unwatched(name: str, own: Path) -> None:
    try:
        files = files_of(own)
    except SyntaxError as error:
        raise UserError(f"detector.config: {error.filename}: line {error.lineno}: {error.msg}") from None
    for file in files:
        if not file.is_file():
            raise UserError(f"detector.config: {name!r} inherits from {file}: no such file")
        if not file.resolve().is_relative_to(OWN.resolve()):
            raise UserError(
                f"detector.config: {file} lies outside {OWN}/, the folder that DVC watches; move it there"
                + (f" ({name} inherits from it)" if file != own else "")
            )


def _first_line(error: Exception) -> str:
    words = str(error).strip().splitlines() or [""]
    if isinstance(error, FileNotFoundError):  # Python names the file, MMEngine puts it between quotes
        missing = str(error.filename or (re.findall('"(.*)"', words[0]) or words)[0])
        return f"it needs the file {os.path.normpath(missing).removeprefix(f'{SHIPPED}/')}, which is not there"
    if "mmpretrain" in str(error):
        return "it needs the package mmpretrain: `pip install onedl-mmpretrain==1.3.6`"
    return f"{type(error).__name__}: {words[0]}"


def _plain(value: Any) -> Any:
    """Types by their registered name: pure-Python configs name classes, written out as `mmdet.models.ResNet`."""
    if isinstance(value, Mapping):
        named = {key: _plain(item) for key, item in value.items()}
        if isinstance(named.get("type"), str):
            named["type"] = _short(named["type"])
        return named
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value


def _short(name: str) -> str:
    module, _, leaf = name.rpartition(".")
    if not module:
        return name
    for registry in REGISTRIES:
        for known in (registry, *registry.children.values()):
            found = known.module_dict.get(leaf)
            if found is not None and found.__module__.startswith(module.split(".")[0] + "."):
                return leaf
    return name
