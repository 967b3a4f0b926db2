"""COCO's size classes: a box is small below `SMALL`, medium below `MEDIUM`, else large, by its `area` in pixels^2."""

SMALL, MEDIUM = 32**2, 96**2
