"""The list of modules, one module in words, and the page of all, which is generated and must be current."""

from __future__ import annotations

import pytest

from pipeline import attention
from pipeline.commands import attention as command
from pipeline.common.errors import UserError
from pipeline.study.about import about
from tests.conftest import ROOT


def test_the_page_is_current() -> None:
    """`python -m pipeline attention --write` makes it anew."""
    assert (ROOT / "docs" / "attention.md").read_text(encoding="utf-8") == command.page()


@pytest.mark.parametrize("name", attention.names())
def test_each_module_says_what_it_is(name: str) -> None:
    said = about(name)
    assert said.link.startswith("https://")
    assert said.year
    assert said.formula
    assert said.differs
    assert said.summary


def test_options_are_those_of_the_constructor() -> None:
    assert about("bam").options == (
        ("reduction", "16"), ("dilation", "4"), ("channel_layers", "1"), ("spatial_layers", "2"),
    )  # fmt: skip
    assert about("bam").forms == ("paper", "official", "article")
    assert about("danet").forms == ("official", "paper")
    assert about("nam").options == ()
    assert about("nam").forms == ()


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    command.show(None, None)
    text = capsys.readouterr().out
    assert all(name in text for name in attention.names())
    assert "1,639,680" in text  # GAM's 25 C^2 + 5 C


def test_one_module(capsys: pytest.CaptureFixture[str]) -> None:
    command.show("simam", None)
    text = capsys.readouterr().out
    for part in ("yang21o", "regularization=0.0001", "Differences", "one pixel has no variance"):
        assert part in text.replace("\n", " ")


def test_an_unknown_module() -> None:
    with pytest.raises(UserError, match=r"attention 'sse': no such module; allowed: bam, cbam"):
        command.show("sse", None)


def test_a_module_from_elsewhere_says_what_its_file_says() -> None:
    said = about("tests/commands/gates.py:Soft")
    assert said.paper == "SOFT: a gate to be read, 2026."
    assert said.options == (("scale", "1.0"), ("sharp", "True"))
    assert about("torch.nn:Identity").paper == "torch.nn:Identity"
