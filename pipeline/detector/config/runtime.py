"""How any cell runs, whatever the recipe: hooks, logging, device, processes."""

from __future__ import annotations

from typing import Any

from pipeline.study.sections import Train

REGISTERED = "pipeline.detector.registered"
STUDY_HOOKS = ("CommonRandomNumbers", "History", "ChannelsLast")


def set_runtime(cfg: Any, train: Train, image_size: tuple[int, int], hooks: list[Any]) -> None:
    """`hooks` are the recipe's own beside the study's; `image_size` is what its test pipeline resizes to."""
    own = (cfg.get("custom_imports") or {}).get("imports") or []
    own = [own] if isinstance(own, str) else list(own)
    cfg.custom_imports = dict(imports=[*own, REGISTERED], allow_failed_imports=False)
    study = [dict(type="CommonRandomNumbers"), dict(type="History", interval=train.log_interval)]  # STUDY_HOOKS
    if train.channels_last:
        study.append(dict(type="ChannelsLast"))
    cfg.custom_hooks = [*study, *hooks]
    cfg.default_hooks = dict(
        timer=dict(type="IterTimerHook"),
        logger=dict(type="LoggerHook", interval=train.log_interval),
        param_scheduler=dict(type="ParamSchedulerHook"),
        checkpoint=dict(type="AtomicCheckpointHook", keep=2),
        sampler_seed=dict(type="DistSamplerSeedHook"),
    )
    cfg.default_scope = "mmdet"
    cfg.vis_backends = []
    cfg.visualizer = dict(type="DetLocalVisualizer", vis_backends=[], name="visualizer")
    cfg.log_level, cfg.load_from, cfg.resume = "INFO", None, False
    cfg.env_cfg = dict(
        cudnn_benchmark=False,
        mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
        dist_cfg=dict(backend="nccl" if train.device == "cuda" else "gloo"),
    )
    if train.processes > 1 and train.device == "cpu":  # MMEngine would name GPUs
        cfg.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
        if cfg.get("find_unused_parameters"):
            cfg.model_wrapper_cfg.find_unused_parameters = True
    cfg.resources = dict(
        device=train.device, threads=train.threads, processes=train.processes, image_size=list(image_size)
    )
