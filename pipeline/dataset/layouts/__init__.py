"""Which files belong to which split, and where the pictures lie: one file a format."""

from pipeline.dataset.layouts import coco, labelme, voc, yolo

__all__ = ["coco", "labelme", "voc", "yolo"]
