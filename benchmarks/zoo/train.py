"""One config of each kind of detector, with its own recipe on a CPU: two iterations and a prediction."""

from __future__ import annotations

import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.zoo.examine import study
from pipeline import dataset
from pipeline.commands.stages import plan_of
from pipeline.common.errors import UserError
from pipeline.common.files import read_json
from pipeline.common.paths import CellPaths, Paths
from pipeline.detector.config import base, own_recipe
from pipeline.detector.train import train
from pipeline.records import Manifest
from pipeline.study.datasets import Roadmarks

KINDS = {
    "Faster R-CNN": "faster_rcnn/faster-rcnn_r50_fpn_1x_coco",
    "Cascade R-CNN": "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco",
    "Grid R-CNN": "grid_rcnn/grid-rcnn_r50_fpn_gn-head_1x_coco",
    "Dynamic R-CNN": "dynamic_rcnn/dynamic-rcnn_r50_fpn_1x_coco",
    "Libra R-CNN": "libra_rcnn/libra-faster-rcnn_r50_fpn_1x_coco",
    "Double-Head R-CNN": "double_heads/dh-faster-rcnn_r50_fpn_1x_coco",
    "Sparse R-CNN": "sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco",
    "RetinaNet": "retinanet/retinanet_r50_fpn_1x_coco",
    "FCOS": "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco",
    "ATSS": "atss/atss_r50_fpn_1x_coco",
    "GFL": "gfl/gfl_r50_fpn_1x_coco",
    "VFNet": "vfnet/vfnet_r50_fpn_1x_coco",
    "TOOD": "tood/tood_r50_fpn_1x_coco",
    "PAA": "paa/paa_r50_fpn_1x_coco",
    "DDOD": "ddod/ddod_r50_fpn_1x_coco",
    "FoveaBox": "foveabox/fovea_r50_fpn_4xb4-1x_coco",
    "FSAF": "fsaf/fsaf_r50_fpn_1x_coco",
    "RepPoints": "reppoints/reppoints-moment_r50_fpn-gn_head-gn_1x_coco",
    "CenterNet": "centernet/centernet_r18_8xb16-crop512-140e_coco",
    "AutoAssign": "autoassign/autoassign_r50-caffe_fpn_1x_coco",
    "YOLOF": "yolof/yolof_r50-c5_8xb8-1x_coco",
    "YOLOv3": "yolo/yolov3_d53_8xb8-320-273e_coco",
    "YOLOX": "yolox/yolox_tiny_8xb8-300e_coco",
    "RTMDet": "rtmdet/rtmdet_tiny_8xb32-300e_coco",
    "SSD": "ssd/ssd300_coco",
    "NAS-FCOS": "nas_fcos/nas-fcos_r50-caffe_fpn_nashead-gn-head_4xb4-1x_coco",
    "DETR": "detr/detr_r50_8xb2-150e_coco",
    "Conditional DETR": "conditional_detr/conditional-detr_r50_8xb2-50e_coco",
    "DAB-DETR": "dab_detr/dab-detr_r50_8xb2-50e_coco",
    "Deformable DETR": "deformable_detr/deformable-detr_r50_16xb2-50e_coco",
    "DINO": "dino/dino-4scale_r50_8xb2-12e_coco",
    "DDQ": "ddq/ddq-detr-4scale_r50_8xb2-12e_coco",
}
NOT_RESUMED = {"default_hooks.checkpoint": None}  # most of the time would go into writing what nobody reads
SIDE = 256  # pixels of the longer side; the recipe's sizes follow
LARGER = {"ddod": 512, "dino": 512}  # a kernel as large as the smallest map; 900 queries from all places of the maps


def try_to_train(kind: str) -> dict[str, Any]:
    """Two iterations of a kind of detector and its prediction of two images; `error` holds what stopped it."""
    name, start = KINDS[kind], time.monotonic()
    record: dict[str, Any] = {"kind": kind, "config": name, "error": None}
    with tempfile.TemporaryDirectory() as folder:
        try:
            record |= _train(name, Path(folder))
        except UserError as error:
            record["error"] = str(error)
        except Exception:
            record["error"] = traceback.format_exc()
    return {**record, "seconds": round(time.monotonic() - start, 1)}


def _train(name: str, folder: Path) -> dict[str, Any]:
    """The working directory is a project with four images to train on and two to predict."""
    paths = Paths()
    if not paths.manifest.exists():
        dataset.prepare(Roadmarks(source="roadmarks", train=4, val=2, size=(256, 160)), paths.coco)
    asked = study(name, "config", overrides=NOT_RESUMED, **_settings(name))
    plan = plan_of(asked, "baseline", Manifest.read(paths.manifest), paths)
    train(plan, 0, "0" * 64, CellPaths(folder))
    rows = [line.split(",") for line in CellPaths(folder).history.read_text().splitlines()]
    losses = [float(row[4]) for row in rows if row[3] == "loss"]
    return {"losses": losses, "detections": len(read_json(CellPaths(folder).predictions)), "notes": plan.notes}


def _settings(name: str) -> dict[str, Any]:
    """One epoch of two batches, and small images where the detector takes them."""
    cfg = base.load(name)
    schedulers = cfg.get("param_scheduler") or []
    schedulers = [schedulers] if isinstance(schedulers, dict) else schedulers
    warms_up = any(own_recipe.is_warmup(scheduler) for scheduler in schedulers)
    side = LARGER.get(name.partition("/")[0], SIDE)
    small = {} if "ssd" in name else {"image_size": [side, side]}
    return {"epochs": 1, "batch_size": 2, "log_interval": 1, **small, **({"warmup_iters": 1} if warms_up else {})}
