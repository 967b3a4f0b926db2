"""Ablation studies of attention modules on MMDetection detectors, with honest statistics."""
