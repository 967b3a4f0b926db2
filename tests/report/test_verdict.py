"""Sections 1 and 13: the sentences against comparison.json, and the honest forms."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.evaluation import outcomes
from pipeline.evaluation.comparison import Look
from pipeline.evaluation.further import Further
from pipeline.evaluation.noise import noise_floor
from pipeline.records.card import EqualFiles
from pipeline.records.run import LoadedWeights
from pipeline.records.study import Git
from pipeline.report import judgements, verdict
from pipeline.report.blocks import Drawing
from pipeline.report.headline import headline
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.report.text import escape
from pipeline.report.words import interval, number, signed
from pipeline.results.read import Evidence, read

from . import studies


def form(tmp_path: Path, **settings: Any) -> Evidence:
    return read(studies.write(tmp_path / "evaluation", 4, pictures=0, **settings))


def test_every_variant_stands_under_its_verdict(evidence: Evidence) -> None:
    lines = verdict.verdict(evidence)
    titles = {
        "better": "**Better**",
        "worse": "**Worse**",
        "equivalent": "**Equivalent**",
        "not_shown": "**Not shown**",
    }
    stated = 0
    for name, row in evidence.outcomes.items():
        for outcome, title in titles.items():
            here = [
                line for line in lines if line.startswith(title) and re.search(rf"\b{name}\b", line.partition(":")[2])
            ]
            assert bool(here) == (row.verdict == outcome), (name, outcome)
        if row.verdict in ("better", "worse"):
            expected = f"{name} {signed(row.delta)} {interval(row.ci_low, row.ci_high)}"
            assert any(expected in line for line in lines)
            stated += 1
    assert stated  # the made-up study has such variants


def test_the_study_says_what_it_could_have_shown(evidence: Evidence) -> None:
    text = "\n".join(verdict.verdict(evidence))
    comparison = evidence.comparison
    assert f"differences of {number(comparison.minimum_detectable)} AP or more" in text
    assert "k = 3 seeds, V = 500 images (val), m = 10 variants against baseline" in text
    assert f"an observed one below {number(comparison.least_observed)} could not count" in text
    assert "Half of that is shown in 10 % of them, and then overstated 2.4 times" in text
    assert (
        f"To show {number(comparison.needed.wanted)}: either 20 seeds a variant (187 more runs) or 2,000 images."
        in text
    )


@pytest.mark.parametrize("settings", [{}, {"seeds": 1}, {"seeds": 2}, {"config_differs": True}, {"broken": True}])
def test_the_verdict_has_at_most_eight_lines_and_all_refusals_are_told(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    evidence = form(tmp_path, **settings)
    lines = verdict.verdict(evidence)
    assert len(lines) <= 8
    assert all("\n" not in line for line in lines)
    told = [line for alert in verdict.alerts(evidence) + verdict.remarks(evidence) for line in alert.lines]
    assert sorted(told) == sorted(refusal.text for refusal in evidence.comparison.refusals)
    assert told  # class no_parking_mark has too few boxes in all of them


EVERY_OUTCOME = [
    outcomes.one_seed(0),
    outcomes.two_seeds([0, 1], 0.01),
    outcomes.config_differs({"se": {"train_cfg.max_epochs": (8, 9)}}),
    outcomes.missing_seeds({"se": [2]}, "baseline"),
    outcomes.too_few_boxes({"AP_small": 12}, {"AP_small": 9}),
    outcomes.secondary_only({"se": ["AP75"]}),
    outcomes.secondary_harm({"se": ["AP_large"]}),
    outcomes.few_units(20, True),
    outcomes.copied_seeds({("se", 2): ("se", 0)}, 2),
    outcomes.unequal_spread({"se": (5.0, "judged by its own")}),
    outcomes.seed_diverged([("se", 2, 0.1, 0.4)]),
    outcomes.looked_again([3, 6]),
]


def test_every_outcome_has_its_sentence_in_the_report(evidence: Evidence) -> None:
    """That of the article's table stands in its own section."""
    assert {row.kind for row in EVERY_OUTCOME} == set(get_args(outcomes.Kind)) - {"article_one_seed"}
    comparison = evidence.comparison.model_copy(update={"refusals": tuple(EVERY_OUTCOME)})
    told = build(replace(evidence, comparison=comparison))
    picture = Drawing("png", b"", (1, 1))
    text = page("ablation.md.j2", told, {figure.name: picture for figure in told.figures()})
    for outcome in EVERY_OUTCOME:
        assert escape(outcome.text) in text
    assert evidence.study.article
    assert evidence.study.article.sentence in text


@pytest.mark.parametrize(
    ("settings", "kind"),
    [({"seeds": 1}, "IMPORTANT"), ({"seeds": 2}, "WARNING"), ({"config_differs": True}, "CAUTION")],
)
def test_without_a_claim_a_box_stands_first_and_nothing_is_called_better(
    tmp_path: Path, settings: dict[str, Any], kind: str
) -> None:
    evidence = form(tmp_path, **settings)
    assert verdict.alerts(evidence)[0].kind == kind
    text = "\n".join(verdict.verdict(evidence))
    assert text.startswith("**Nothing is")
    assert "Better" not in text
    assert "Worse" not in text


def test_one_seed_compares_checkpoints(tmp_path: Path) -> None:
    assert "this checkpoint against that one" in verdict.verdict(form(tmp_path, seeds=1))[0]


def test_a_baseline_alone_is_refused_in_words(tmp_path: Path) -> None:
    evidence = form(tmp_path)
    comparison = evidence.comparison.model_copy(update={"claim": "refused", "refusals": ()})
    alert = verdict.alerts(replace(evidence, comparison=comparison))[0]
    assert alert.lines == ["There is no variant to compare with the baseline."]


def test_an_a_a_variant_is_counted_in_no_family(repeated: Evidence) -> None:
    text = "\n".join(str(line) for line in [*verdict.verdict(repeated), *verdict.threats(repeated)])
    assert "m = 2 variants against baseline" in text
    assert "The 2 comparisons are covered together" in text
    assert "differed by up to 0.0030 AP" in text


def test_unfinished_runs_are_counted(evidence: Evidence) -> None:
    assert any("2 of 33 runs failed or are missing" in line for line in verdict.verdict(evidence))


def test_threats_are_those_of_this_study(tmp_path: Path, evidence: Evidence) -> None:
    text = "\n".join(verdict.threats(evidence))
    for expected in (
        "without pretrained weights for 8 epochs",
        "1 image with equal content",
        "1 run resumed",
        "uncommitted changes",
    ):
        assert expected in text
    assert "The images are drawn" in text
    weights = LoadedWeights(file="r50.pth", sha256="a" * 64, loaded=265, missing=[], unexpected=["fc.weight"])
    variants = {**evidence.study.variants}
    variants["se"] = variants["se"].model_copy(update={"weights": weights})
    clean = Git(revision="0", dirty=False)
    study = evidence.study.model_copy(update={"demo": False, "git": clean, "variants": variants})
    card = evidence.card.model_copy(update={"leaks": EqualFiles(count=0, groups=[])})
    other = "\n".join(verdict.threats(replace(evidence, study=study, card=card)))
    for absent in ("without pretrained", "equal content", "uncommitted", "drawn"):
        assert absent not in other
    assert "made without the attention modules" in other
    assert "One training set" in other
    params = {**study.params, "train": {"resample": "seeds"}}
    anew = "\n".join(verdict.threats(replace(evidence, study=study.model_copy(update={"params": params}))))
    assert "Every seed drew its training images anew" in anew
    assert "One training set" not in anew
    assert "Seeds are paired" not in text
    paired = evidence.comparison.model_copy(update={"pairing": "seeds"})
    assert any(line.startswith("Seeds are paired") for line in verdict.threats(replace(evidence, comparison=paired)))


def test_the_noise_floor_is_told_in_its_own_words(evidence: Evidence) -> None:
    floor = noise_floor({0: 0.34, 1: 0.35}, {"again": {0: 0.34, 1: 0.35}})
    assert floor
    noisy = evidence.comparison.model_copy(update={"noise_floor": floor})
    assert floor.text in verdict.threats(replace(evidence, comparison=noisy))


def test_images_that_may_not_be_independent_are_the_first_threat(evidence: Evidence) -> None:
    def first(**changes: Any) -> str:
        comparison = evidence.comparison.model_copy(update=changes)
        return verdict.threats(replace(evidence, comparison=comparison))[0]

    assert first().startswith("Pictures are taken as independent of each other: no groups")
    assert first(frames=True).startswith("File names look like frames of videos.")
    assert "form 30 groups" in first(grouped=True, units=30)


def test_looks_and_further_contrasts_have_their_tables(evidence: Evidence) -> None:
    assert judgements.looks(evidence) is judgements.further(evidence) is None
    looks = (Look(3, 0.0003, {"se": "better", "cbam": "futile", "eca": "open"}),)
    further = (Further("se", "eca", 0.01, 0.002, 0.004, 0.016, 0.001),)
    changes = {"looks": looks, "declared_looks": (3, 10), "wanted": 0.01, "further": further}
    changed = replace(evidence, comparison=evidence.comparison.model_copy(update=changes))
    table = judgements.looks(changed)
    assert table
    assert [row[3].text for row in table.rows] == ["better", "stopped: what is wanted is out of reach", "open"]
    assert "31 runs of 110: 79 saved" in verdict.saved(changed)
    pairs = judgements.further(changed)
    assert pairs
    assert [str(entry.text) for entry in pairs.rows[0]] == ["se − eca", "+0.010", "[+0.004, +0.016]", "0.001"]


def test_a_small_win_is_called_small(evidence: Evidence) -> None:
    name = next(name for name, row in evidence.outcomes.items() if row.verdict == "better")
    row = replace(evidence.outcomes[name], small=True)
    variants = {**evidence.comparison.variants, name: row}
    changed = replace(evidence, comparison=evidence.comparison.model_copy(update={"variants": variants}))
    assert "by less than matters" in "\n".join(verdict.verdict(changed))
    assert "better, but by less than matters" in str(headline(changed).rows)
