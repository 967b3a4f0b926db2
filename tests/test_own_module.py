"""Modules of the user's own under real DVC: a package outside `pipeline`, and a single file."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import ROOT, SHORT, Project, clone

PACKAGE = """
import torch
from torch import nn
from my_package.numbers import HALF


class MyGate(nn.Module):
    def __init__(self, dim, scale=1.0):
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, 1)
        self.shift = nn.Parameter(torch.randn(1, dim, 1, 1) * scale)

    def forward(self, x):
        return x * (self.mix(x) + self.shift + HALF).sigmoid()
"""
VARIANTS = {
    "baseline": {},
    "package": {"attention": "my_package.blocks:MyGate", "options": {"scale": 0.5}},
    "file": {"attention": "modules/gate.py:MyGate", "place": "neck"},
}


def example() -> str:
    """The module that docs/attention.md shows."""
    text = (ROOT / "docs" / "attention.md").read_text()
    found = re.search(r"`modules/gate.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def digests(project: Project) -> dict[str, str]:
    project.dvc("repro", "plan")
    return {name: json.loads((project.root / f"data/plans/{name}.json").read_text())["digest"] for name in VARIANTS}


def trained(project: Project) -> set[str]:
    """The cells that `dvc repro` trains."""
    return set(re.findall(r"Running stage 'train@(\S+)'", project.dvc("repro").stdout))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = clone(tmp_path_factory.mktemp("own") / "project")
    files = {"my_package/__init__.py": "", "my_package/blocks.py": PACKAGE, "my_package/numbers.py": "HALF = 0.5\n"}
    for name, text in {**files, "modules/gate.py": example()}.items():
        path = project.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    project.params(variants=VARIANTS)
    return project


def test_editing_a_file_changes_the_plans_that_import_it(study: Project) -> None:
    first = digests(study)
    gate = study.root / "modules" / "gate.py"
    gate.write_text(gate.read_text() + "\n# a remark\n")
    (study.root / "my_package" / "numbers.py").write_text("HALF = 0.25  # what blocks.py imports\n")
    second = digests(study)
    assert {name for name in VARIANTS if first[name] != second[name]} == {"package"}
    gate.write_text(gate.read_text().replace("sigmoid", "tanh"))
    third = digests(study)
    assert {name for name in VARIANTS if third[name] != second[name]} == {"file"}


def test_a_module_that_changes_the_shape_is_refused_and_the_plans_stay(study: Project) -> None:
    (study.root / "half.py").write_text(
        "from torch import nn\n\nclass Half(nn.AvgPool2d):\n    def __init__(self):\n        super().__init__(2)\n"
    )
    before = sorted((path.name, path.read_text()) for path in (study.root / "data/plans").iterdir())
    study.params(variants={"baseline": {}, "half": {"attention": "half.py:Half"}})
    result = study.pipeline("plan", check=False)
    assert result.returncode == 2
    assert "variants.half: attention `half.py:Half`: tried on a map of 2 x 64 x 13 x 17" in result.stderr
    assert "Traceback" not in result.stderr
    assert before == sorted((path.name, path.read_text()) for path in (study.root / "data/plans").iterdir())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_editing_the_single_file_retrains_its_cell_alone(study: Project) -> None:
    study.params(variants=VARIANTS, seeds=[0], train=SHORT)
    assert trained(study) == {"baseline-0", "package-0", "file-0"}
    gate = study.root / "modules" / "gate.py"
    gate.write_text(gate.read_text() + "\nADDED = 1\n")
    assert trained(study) == {"file-0"}
    assert "gate.py:MyGate" in (study.root / "reports/ablation.md").read_text()
