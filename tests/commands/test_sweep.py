"""What `python -m pipeline sweep` leaves in params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.presets import FOLDER
from pipeline.commands.sweep import sweep
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.study import load


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path)
    found.params.write_text((FOLDER / "demo.yaml").read_text())
    return found


def test_a_sweep_adds_variants_and_nothing_else(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    before = load(paths.params)
    sweep(paths, "se", ["reduction=4,8,16,32", "stages=[2],[3]"])
    after = load(paths.params)
    assert len(after.variants) == len(before.variants) + 8
    assert "8 new variants, 24 cells to train" in capsys.readouterr().out
    added = after.variants["se_reduction16_stages3"].attention[0]
    assert (added.name, added.options, added.stages) == ("se", {"reduction": 16}, [3])
    assert after.sweep == {"se": {"reduction": [4, 8, 16, 32], "stages": [[2], [3]]}}
    text = paths.params.read_text()
    assert "# part of the plan: the number of threads changes the numbers" in text
    assert "se_reduction4_stages2: {attention: se, options: {reduction: 4}, stages: [2]}" in text
    rest = {name: variant for name, variant in after.variants.items() if name in before.variants}
    assert after.model_copy(update={"variants": rest, "sweep": {}}) == before


def test_one_value_more_is_two_variants_more(paths: Paths) -> None:
    sweep(paths, "se", ["reduction=4,8", "stages=[2],[3]"])
    first = load(paths.params).variants
    sweep(paths, "se", ["reduction=16"])
    second = load(paths.params).variants
    assert set(second) - set(first) == {"se_reduction16_stages2", "se_reduction16_stages3"}
    assert {name: second[name] for name in first} == first
    text = paths.params.read_text()
    sweep(paths, None, [])
    assert paths.params.read_text() == text


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("sse", ["reduction=4"], r"unknown attention 'sse'"),
        ("se", [], r"sweep se: no option is given"),
        ("se", ["stages=[0]"], r"variants.se_stages0.attention.0.stages.0: .*1"),
        (None, [], r"no section `sweep`"),
    ],
)
def test_mistakes_leave_the_file_as_it_is(paths: Paths, module: str | None, words: list[str], message: str) -> None:
    before = paths.params.read_text()
    with pytest.raises(UserError, match=message):
        sweep(paths, module, words)
    assert paths.params.read_text() == before


def test_a_variant_of_that_name_that_says_something_else_is_kept(paths: Paths) -> None:
    text = paths.params.read_text().replace("  se: {attention: se}", "  se_reduction4: {attention: eca}")
    paths.params.write_text(text)
    with pytest.raises(UserError, match=r"variants.se_reduction4 is not what the sweep says"):
        sweep(paths, "se", ["reduction=4"])
    assert paths.params.read_text() == text
