"""All numbers, and what they may claim: detections in, typed results out."""

from pipeline.evaluation.article import article_outcome
from pipeline.evaluation.boxes import read_ground_truth
from pipeline.evaluation.comparison import Comparison, VariantComparison
from pipeline.evaluation.evidence import Evaluation, compare, decide, evaluate
from pipeline.evaluation.metrics import STANDARD, coco_metrics
from pipeline.evaluation.outcomes import Outcome
from pipeline.evaluation.pairing import pairing_gain
from pipeline.evaluation.planning import PowerPlan, plan_power
from pipeline.evaluation.settings import Settings
from pipeline.evaluation.units import image_groups

__all__ = [
    "STANDARD",
    "Comparison",
    "Evaluation",
    "Outcome",
    "PowerPlan",
    "Settings",
    "VariantComparison",
    "article_outcome",
    "coco_metrics",
    "compare",
    "decide",
    "evaluate",
    "image_groups",
    "pairing_gain",
    "plan_power",
    "read_ground_truth",
]
