"""What was asked: params.yaml typed and checked, the plans that follow from it, and the fingerprints of its cells."""

from pipeline.study.params import Cell, Study, load, load_cluster, load_complete

__all__ = ["Cell", "Study", "load", "load_cluster", "load_complete"]
