"""A sweep under real DVC: eight variants from one command, their figure, and what one value more trains."""

from __future__ import annotations

import re

import pytest

from tests.conftest import SHORT, Project


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sweep_of_four_reductions_at_two_stages(project: Project) -> None:
    project.params(variants={"baseline": {}}, seeds=[0], train=SHORT)
    said = project.pipeline("sweep", "se", "reduction=4,8,16,32", "stages=[2],[3]").stdout
    assert "8 new variants, 8 cells to train" in said
    project.dvc("repro")
    text = (project.root / "reports/ablation.md").read_text()
    (picture,) = re.findall(r"!\[[^]]*\]\((figures/sweep_se_reduction[^)]+)\)", text)
    assert (project.root / "reports" / picture).is_file()
    said = project.pipeline("sweep", "se", "reduction=2").stdout
    assert "2 new variants, 2 cells to train" in said
    trained = set(re.findall(r"Running stage 'train@(\S+)'", project.dvc("repro").stdout))
    assert trained == {"se_reduction2_stages2-0", "se_reduction2_stages3-0"}
