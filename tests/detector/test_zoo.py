"""MMDetection's configs as a study takes them: a sample here, all of them with the slow tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.zoo.examine import examine
from benchmarks.zoo.page import works, write_tables
from benchmarks.zoo.train import KINDS, try_to_train
from pipeline.detector.config import base

SAMPLE = {
    "yolox/yolox_nano_8xb8-300e_coco": None,
    "pvt/retinanet_pvtv2-b0_fpn_1x_coco": None,
    "rpn/rpn_r50_fpn_1x_coco": None,  # where there is one class
    "mask_rcnn/mask-rcnn_r50_fpn_1x_coco": "MaskRCNN needs masks, and this version trains on boxes alone",
}


@pytest.fixture(scope="module")
def records(project: Path) -> dict[str, dict[str, object]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return {name: examine(name) for name in SAMPLE}


def test_a_sample_of_the_zoo(records: dict[str, dict[str, object]]) -> None:
    for name, reason in SAMPLE.items():
        record = records[name]
        assert record["traceback"] is None
        assert record["refused"] == reason
        assert works(record) == (reason is None)


def test_the_page_holds_what_was_found(records: dict[str, dict[str, object]], tmp_path: Path) -> None:
    marks = ("summary", "detectors", "trained", "refused")
    parts = [f"<!-- {mark}: made by benchmarks.zoo -->\nold\n<!-- end of {mark} -->" for mark in marks]
    page = tmp_path / "page.md"
    page.write_text("# Words\n\n" + "\n\n".join(parts) + "\n\nmore words\n")
    trained = [{"kind": "YOLOX", "config": "yolox", "error": None, "losses": [2.5, 2.25], "detections": 7}]
    write_tables(page, list(records.values()), trained, 9)
    text = page.read_text()
    assert (
        "4 of the 9 configs were tried: 1 are refused with a sentence, 3 are detectors of boxes. Of these, 3 (100.0%)"
        in text
    )
    assert (
        "| YOLOX | CSPDarknet | YOLOXPAFPN | 1 of 1 | after_conv1, after_conv2, before_add, after_stage, neck |" in text
    )
    assert "| YOLOX | `yolox` | 2.50, 2.25 | 7 |" in text
    assert "| 1 | MaskRCNN needs masks, and this version trains on boxes alone |" in text
    assert text.startswith("# Words\n")
    assert text.endswith("\n\nmore words\n")
    assert "old" not in text


@pytest.mark.slow
def test_every_config_that_mmdetection_ships() -> None:
    found = [examine(name) for name in base.shipped()]
    assert [record["config"] for record in found if record["traceback"]] == []
    tried = [record for record in found if not record["refused"]]
    assert sum(map(works, tried)) >= 0.98 * len(tried)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_detector_trains_with_its_own_recipe(kind: str) -> None:
    record = try_to_train(kind)
    assert record["error"] is None
    assert len(record["losses"]) == 2
