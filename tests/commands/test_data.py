"""`data PATH`: what it writes is a study, the rest of params.yaml stays as it was."""

import json

import pytest

from pipeline.commands.data import data
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.study import load
from tests.conftest import SHORT
from tests.dataset import made

PARAMS = """# my study
study: mine  # its name
dataset: {source: roadmarks}
detector: {}
train:
  epochs: 1 # short
  image_size: [320, 320]
variants: {baseline: {}}
seeds: [0]
evaluation: {}
tracking: {}
"""


@pytest.mark.parametrize("layout", ["voc", "roboflow yolo"])
def test_the_section_is_written_and_all_else_stays(tmp_path, monkeypatch, capsys, layout):
    monkeypatch.chdir(tmp_path)
    source, make = made.SPLIT[layout]
    make(tmp_path / "raw")
    (tmp_path / "params.yaml").write_text(PARAMS)
    data(Paths(), tmp_path / "raw")
    study = load(tmp_path / "params.yaml")
    assert study.dataset.source == source
    assert study.train.image_size == (64, 64)
    written = (tmp_path / "params.yaml").read_text()
    assert written.startswith("# my study\nstudy: mine  # its name\n")
    assert "epochs: 1 # short" in written
    assert "licence: not stated  # decide" in written
    said = capsys.readouterr().out
    assert "classes: barrel 12, cone 10" in said
    assert "train.image_size: [64, 64]: pictures are 64x48; 100 % of the boxes keep 8 px or more" in said


def test_one_set_is_divided_and_the_share_is_to_be_decided(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.plain_coco(tmp_path / "raw")
    data(Paths(), tmp_path / "raw")  # without a params.yaml: the demo's is the start
    assert "split: {val: 0.2, seed: 0}  # decide" in (tmp_path / "params.yaml").read_text()
    assert load(tmp_path / "params.yaml").dataset.split.val == 0.2


def test_what_is_not_recognised_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match="no data set is recognised here; looked for COCO"):
        data(Paths(), tmp_path / "raw")
    assert not (tmp_path / "params.yaml").exists()


LAYOUTS = {
    **{name: made.SPLIT[name][1] for name in ("roboflow coco", "roboflow yolo", "cvat coco", "voc", "labelme")},
    "one coco file": made.plain_coco,
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_from_a_download_to_a_report(project, tmp_path, layout):
    """One command and one look: `data`, then `make repro` (what it would install is there), at tiny size."""
    project.params(seeds=[0, 1], train=SHORT)
    LAYOUTS[layout](tmp_path / "raw")
    project.pipeline("data", str(tmp_path / "raw"))
    project.run("make", "--old-file=setup", "repro")
    report = (project.root / "reports/ablation.md").read_text()
    assert "m = 1 variant against baseline" in report
    card = json.loads((project.root / "data/coco/card.json").read_text())
    assert set(card["classes"]) == {"barrel", "cone"}
    assert (project.root / "data/coco/preview.png").exists()
