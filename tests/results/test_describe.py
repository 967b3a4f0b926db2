"""study.json says of a variant what it is in words."""

from __future__ import annotations

from pathlib import Path

from pipeline.common.paths import Paths
from pipeline.records.results import CellResults
from pipeline.results.describe import describe
from pipeline.study import Study
from tests import made


def test_a_control_is_said_to_have_no_attention_and_whose_size_it_has(tmp_path: Path) -> None:
    study = Study.model_validate(
        {
            "dataset": {"source": "roadmarks"},
            "variants": {"baseline": {}, "gam": {"attention": "gam"}, "control": {"attention": None, "widen": "gam"}},
            "seeds": [0],
        }
    )
    plan = made.plan(config={"optim_wrapper": {"optimizer": {"lr": 0.1}}})
    results = CellResults(cells=[])
    facts = describe(study, dict.fromkeys(study.variants, plan), results, made.manifest(), Paths(tmp_path))
    titles = {name: variant.title for name, variant in facts.variants.items()}
    assert titles["baseline"] == "no attention"
    assert titles["gam"] == "gam at before_add"
    assert titles["control"] == (
        "no attention: where gam has it, plain 1x1 convolutions with as many parameters (within 5 %)"
    )
