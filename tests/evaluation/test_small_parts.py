"""The article's outcome, the noise floor's words, and what pairing buys."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.common.errors import UserError
from pipeline.evaluation import article_outcome, pairing_gain
from pipeline.evaluation.noise import noise_floor

ARTICLE = [
    {"variant": v, "metric": m, "iou": "0.50:0.95", "area": "all", "max_dets": "100", "value": x}
    for v, m, x in [("baseline", "AP", "0.341"), ("cbam", "AP", "0.364"), ("se", "AP", "0.338"), ("cbam", "AR", "0.4")]
]


def test_the_articles_numbers_conclude_nothing():
    outcome = article_outcome(ARTICLE)
    assert outcome.kind == "article_one_seed"
    assert outcome.details["differences"] == {"cbam": 0.023, "se": -0.003}
    assert outcome.text.startswith("From the article's table nothing can be concluded about the modules")
    assert "trained once" in outcome.text
    assert "+0.023 AP (cbam)" in outcome.text
    assert outcome.text.count(". ") == 0  # one sentence


def test_a_machine_without_noise_says_so():
    floor = noise_floor({0: 0.3, 1: 0.4}, {"again": {0: 0.3, 1: 0.4}})
    assert (floor.cells, floor.sd, floor.largest) == (2, 0.0, 0.0)
    assert "adds no noise" in floor.text
    assert noise_floor({0: 0.3}, {"again": {}}) is None


def test_noise_floor_estimates_the_sd_of_a_run():
    rng = np.random.default_rng(0)
    first, second = ({s: float(x) for s, x in enumerate(rng.normal(0.4, 0.003, 4000))} for _ in range(2))
    assert noise_floor(first, {"again": second}).sd == pytest.approx(0.003, rel=0.05)


def test_pairing_pays_where_seeds_are_shared_and_not_where_they_are_not():
    rng = np.random.default_rng(0)
    own = rng.normal(0, 0.004, (10, 400))
    shared = rng.normal(0, 0.004, 400)
    unrelated = pairing_gain({str(v): dict(enumerate(row)) for v, row in enumerate(own)})
    related = pairing_gain({str(v): dict(enumerate(row + shared)) for v, row in enumerate(own)})
    assert unrelated["correlation"] == pytest.approx(0, abs=0.05)
    assert related["correlation"] == pytest.approx(0.5, abs=0.1)
    assert related["sd_paired"] == pytest.approx(0.004 * np.sqrt(2), rel=0.05)
    assert related["half_width_ratio"] < 0.8 < 0.95 < unrelated["half_width_ratio"]
    with pytest.raises(UserError, match="two seeds"):
        pairing_gain({"a": {0: 0.1}, "b": {0: 0.2}})
