"""The only room that imports MMDetection: configs, placement, training, prediction and cost."""
