"""Whether MMDetection builds what a config says: each of its parts is built once, without weights, on drawn images.

What a constructor refuses is the user's to know before anything trains: its own words, and the override behind them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import mmcv.transforms  # noqa: F401  (registers what pipelines name)
import torch
from mmdet.registry import DATA_SAMPLERS, HOOKS, LOOPS, PARAM_SCHEDULERS, TRANSFORMS
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.utils.data import DataLoader

from pipeline.common.errors import UserError
from pipeline.detector import registered  # noqa: F401  (registers what resolved configs name)
from pipeline.detector.config import resolve, without_attention
from pipeline.detector.config.data import PATHS
from pipeline.detector.config.drawn import pass_images
from pipeline.detector.config.model import nodes
from pipeline.detector.config.own_recipe import is_warmup, passes_iterations
from pipeline.detector.config.study_recipe import set_precision
from pipeline.detector.places.maps import host_of
from pipeline.detector.quiet import quiet
from pipeline.records import Manifest
from pipeline.study import Study

NO_CPU = "implementation for device cpu not found"  # of an operator of MMCV
Part = tuple[str, Callable[[], Any]]


def checked(study: Study, variant: str, manifest: Manifest | None = None) -> Config:
    """The resolved config of a variant, each of whose parts MMDetection builds.

    Raises UserError for what `resolve` refuses and for what a constructor of MMDetection refuses, naming the override
    that is to blame where taking it away helps.
    """
    manifest = Manifest.read(PATHS.manifest) if manifest is None else manifest
    words = _refusal(without_attention(study, study.variants[variant], manifest), manifest)
    if words is None:
        return resolve(study, variant, manifest)
    for source, key, value, without in _one_override_less(study, variant):
        try:
            helps = _refusal(without_attention(without, without.variants[variant], manifest), manifest) is None
        except UserError:
            helps = False
        if helps:
            raise UserError(f"{source} overrides: {key!r}: {value!r}: {words}")
    raise UserError(f"detector.config: {study.detector.config!r}: {words}")


def _refusal(cfg: Config, manifest: Manifest) -> str | None:
    """The words of the first constructor that refuses its part of `cfg`."""
    for name, build in _parts(cfg, manifest):
        try:
            with quiet():
                build()
        except UserError:
            raise
        except Exception as error:  # constructors refuse in any way they like
            return f"{name}: {_words(error)}"
    return None


def _parts(cfg: Config, manifest: Manifest) -> list[Part]:
    model: list[nn.Module] = []  # built first, what is checked after it takes it
    return [
        ("model", lambda: model.append(_model(cfg))),
        ("train_dataloader", lambda: _loader(cfg.train_dataloader)),
        ("train_dataloader", lambda: _counts_passes(cfg.train_dataloader.sampler.type)),
        ("test_dataloader", lambda: _loader(cfg.test_dataloader)),
        ("pipelines", lambda: pass_images(cfg)),
        ("train_cfg", lambda: _loop(cfg.train_cfg)),
        ("optim_wrapper", lambda: _schedule(cfg, model[0], manifest)),
        ("custom_hooks", lambda: [HOOKS.build(dict(hook)) for hook in _without_priority(cfg.custom_hooks)]),
    ]


def _model(cfg: Config) -> nn.Module:
    """The detector without weights; an image passes through backbone and neck."""
    host = host_of(cfg.model.to_dict(), tuple(cfg.resources.image_size))
    failure = host.failure
    if failure and NO_CPU in failure and cfg.resources.device != "cpu":
        failure = None  # it cannot be tried here
    if failure:
        raise ValueError(f"no image passes through it: {failure}" + ("; set device: cuda" if NO_CPU in failure else ""))
    return host.model


def _loader(loader: Any) -> None:
    for node in nodes(loader.dataset):
        for transform in node.get("pipeline") or ():
            TRANSFORMS.build(ConfigDict(transform))
    settings = {k: v for k, v in loader.items() if k not in ("dataset", "sampler", "batch_sampler", "collate_fn")}
    DataLoader(range(2), **settings)  # type: ignore[arg-type]
    sampler = dict(loader.sampler)
    if sampler["type"] != "PassesClassAwareSampler":  # it counts the images of each class
        DATA_SAMPLERS.build(dict(sampler, dataset=range(2), seed=0))


def _counts_passes(sampler: str) -> None:
    if not sampler.startswith("Passes"):
        raise ValueError(f"with {sampler} every epoch would draw the same flips and crops; allowed: Passes{sampler}")


def _loop(train_cfg: Any) -> None:
    if train_cfg.type not in LOOPS:
        raise ValueError(f"{train_cfg.type} is no loop")
    length = train_cfg.get("max_epochs", train_cfg.get("max_iters"))
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise ValueError(f"{length!r} is no number of epochs or iterations")


def _schedule(cfg: Any, model: nn.Module, manifest: Manifest) -> None:
    length = passes_iterations(cfg, manifest, cfg.resources.processes)
    settings = copy.deepcopy(ConfigDict(cfg.optim_wrapper))
    if not torch.cuda.is_available():  # AMP builds where a GPU is; plans are made anywhere
        set_precision(settings, "fp32")
    wrapper = build_optim_wrapper(model, settings)
    total = _iterations(cfg, manifest)
    for scheduler in cfg.param_scheduler:
        asked = dict(scheduler)
        asked.setdefault("end", cfg.train_cfg.get("max_epochs", total))
        PARAM_SCHEDULERS.build(asked, default_args=dict(optimizer=wrapper, epoch_length=length))
    for group in wrapper.optimizer.param_groups:
        if not math.isfinite(group["lr"]):
            raise ValueError(f"learning rate {group['lr']}")


def refuse_long_warmup(cfg: Config, manifest: Manifest) -> None:
    """Raises UserError where the learning rate would still rise when the training ends."""
    total = _iterations(cfg, manifest)
    for scheduler in cfg.param_scheduler:
        if is_warmup(scheduler) and scheduler["end"] > total:
            raise UserError(
                f"train.warmup_iters: a warm-up of {scheduler['end']} iterations is longer than the training "
                f"({total} iterations); allowed: 0 to {total}"
            )


def _iterations(cfg: Config, manifest: Manifest) -> int:
    one_pass = passes_iterations(cfg, manifest, cfg.resources.processes)
    return int(cfg.train_cfg.get("max_iters") or cfg.train_cfg.max_epochs * one_pass)


def _without_priority(hooks: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in hook.items() if key != "priority"} for hook in hooks]


def _words(error: Exception) -> str:
    """The constructor's own words in one line; MMEngine puts the class before them."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


def _one_override_less(study: Study, variant: str) -> list[tuple[str, str, Any, Study]]:
    """Each override of the study or the variant with the study that lacks it, the variant's first."""
    found = []
    own = study.variants[variant]
    for key, value in own.overrides.items():
        rest = {k: v for k, v in own.overrides.items() if k != key}
        changed = {**study.variants, variant: own.model_copy(update={"overrides": rest})}
        found.append((f"variants.{variant}", key, value, study.model_copy(update={"variants": changed})))
    for key, value in study.detector.overrides.items():
        rest = {k: v for k, v in study.detector.overrides.items() if k != key}
        detector = study.detector.model_copy(update={"overrides": rest})
        found.append(("detector", key, value, study.model_copy(update={"detector": detector})))
    return found
