"""What the installed MMDetection asks for and lacks."""

from __future__ import annotations

from mmdet.models import SSDHead

# Prediction asks every dense head for its `loss_cls`, to see how scores are made; SSD computes its losses without one.
SSDHead.loss_cls = None
