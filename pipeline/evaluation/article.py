"""What the article's published table allows to be concluded: nothing about the modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.evaluation.outcomes import Outcome


def article_outcome(rows: Iterable[Mapping[str, str | float]], baseline: str = "baseline") -> Outcome:
    """From rows {variant, metric, iou, area, max_dets, value}: one run a variant, the number of images unknown.

    A difference of two single runs has a standard error that no part of the table shows: not that of the seeds, which
    takes two runs of a variant, nor that of the images, which takes the detections.
    """
    ap = {
        str(row["variant"]): float(row["value"])
        for row in rows
        if (row["metric"], row["iou"], row["area"]) == ("AP", "0.50:0.95", "all")
    }
    differences = {variant: round(value - ap[baseline], 6) for variant, value in ap.items() if variant != baseline}
    lead = max(differences, key=lambda variant: differences[variant])
    return Outcome(
        "article_one_seed",
        f"From the article's table nothing can be concluded about the modules: each variant was trained once and the "
        f"number of images is not given, so the error of a difference is unknown, and a largest difference of "
        f"{differences[lead]:+.3f} AP ({lead}) among {len(differences)} is of a size that chance alone can give.",
        {"baseline": baseline, "seeds": 1, "images": None, "differences": differences, "largest": lead},
    )
