"""All numbers, and what they may claim: detections in, typed results out."""

from pipeline.evaluation.article import article_outcome
from pipeline.evaluation.comparison import Comparison, VariantComparison
from pipeline.evaluation.evidence import Evaluation, compare, evaluate
from pipeline.evaluation.metrics import STANDARD, coco_metrics
from pipeline.evaluation.outcomes import Outcome
from pipeline.evaluation.pairing import pairing_gain
from pipeline.evaluation.planning import PowerPlan, plan_power
from pipeline.evaluation.settings import Settings

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
    "evaluate",
    "pairing_gain",
    "plan_power",
]
