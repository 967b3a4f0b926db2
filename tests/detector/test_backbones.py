"""The named places in every family of backbones and necks: what is run by hand gives the same numbers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from pipeline.common.errors import UserError
from pipeline.detector.config import resolve
from pipeline.detector.placement import attention_modules
from pipeline.detector.places.maps import build_without_weights
from pipeline.detector.randomness import initialise

from . import tiny

CONFIGS = {
    "Darknet": "yolo/yolov3_d53_8xb8-320-273e_coco",
    "CSPDarknet": "yolox/yolox_tiny_8xb8-300e_coco",
    "CSPNeXt": "rtmdet/rtmdet_tiny_8xb32-300e_coco",
    "MobileNetV2": "yolo/yolov3_mobilenetv2_8xb24-320-300e_coco",
    "EfficientNet": "efficientnet/retinanet_effb3_fpn_8xb4-crop896-1x_coco",
    "HRNet": "hrnet/fcos_hrnetv2p-w18-gn-head_4xb4-1x_coco",
    "Swin": "swin/retinanet_swin-t-p4-w7_fpn_1x_coco",
    "PVT": "pvt/retinanet_pvt-t_fpn_1x_coco",
    "PVTv2": "pvt/retinanet_pvtv2-b0_fpn_1x_coco",
    "SSDVGG": "ssd/ssd300_coco",
    "Trident": "tridentnet/tridentnet_r50-caffe_1x_coco",
    "Res2Net": "res2net/faster-rcnn_res2net-101_fpn_2x_coco",
    "ResNeSt": "resnest/faster-rcnn_s50_fpn_syncbn-backbone+head_ms-range-1x_coco",
    "RegNet": "regnet/faster-rcnn_regnetx-3.2GF_fpn_1x_coco",
    "DetectoRS": "detectors/cascade-rcnn_r50-rfp_1x_coco",
    "Hourglass": "cornernet/cornernet_hourglass104_8xb6-210e-mstest_coco",
}
STAGES = {"Darknet": 5, "MobileNetV2": 7, "EfficientNet": 5, "SSDVGG": 2, "Trident": 3, "Hourglass": 2, "Swin": 3}
NECKS = {
    "FPN": "retinanet/retinanet_r50_fpn_1x_coco",
    "PAFPN": "pafpn/faster-rcnn_r50_pafpn_1x_coco",
    "NASFPN": "nas_fpn/retinanet_r50_nasfpn_crop640-50e_coco",
    "HRFPN": CONFIGS["HRNet"],
    "FPN+BFP": "libra_rcnn/libra-faster-rcnn_r50_fpn_1x_coco",
    "FPN+DyHead": "dyhead/atss_r50_fpn_dyhead_1x_coco",
    "ChannelMapper": "dino/dino-4scale_r50_8xb2-12e_coco",
    "CSPNeXtPAFPN": CONFIGS["CSPNeXt"],
    "YOLOXPAFPN": CONFIGS["CSPDarknet"],
    "YOLOV3Neck": CONFIGS["Darknet"],
    "SSDNeck": "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco",
    "DilatedEncoder": "yolof/yolof_r50-c5_8xb8-1x_coco",
    "RFP": CONFIGS["DetectoRS"],
}
SIDES = {CONFIGS["SSDVGG"]: 300, NECKS["SSDNeck"]: 320, NECKS["NASFPN"]: 256}  # made for large images
BRANCH = {  # block -> its convolutions, as the paper's figure has them in a row
    "ResBlock": ("conv1", "conv2"),
    "DarknetBottleneck": ("conv1", "conv2"),
    "CSPNeXtBlock": ("conv1", "conv2"),
    "InvertedResidual": ("expand_conv", "depthwise_conv", "linear_conv"),
}


def config(name: str, **insertion: Any) -> Any:
    size = [SIDES[name]] * 2 if name in SIDES else [128, 96]
    variant = {"attention": [{"name": "se", "options": {"reduction": 4, "bias": True}, **insertion}]}
    study = tiny.study({"x": variant}, config=name, width="full", overrides={}, train={"image_size": size})
    return resolve(study, "x").model


def without(model: Any) -> Any:
    plain = {key: value for key, value in model.items() if key not in ("attention", "module")}
    return MODELS.build(copy.deepcopy({**plain, "type": model.module}))


def pair(name: str, **insertion: Any) -> tuple[Any, Any]:
    """A detector with stirred attention and the same without."""
    given = config(name, **insertion)
    plain, model = without(given), MODELS.build(copy.deepcopy(given))
    initialise(model, seed=0)  # some parameters hold what memory held until then
    for module in attention_modules(model).values():
        tiny.stir(module)
    plain.load_state_dict(tiny.shared(model.state_dict()))
    return model.eval(), plain.eval()


def inserted(host: nn.Module) -> list[nn.Module]:
    return [child for name, child in host.named_children() if name.startswith("attention_")]


@pytest.mark.parametrize("family", tiny.few(CONFIGS, "CSPNeXt", "HRNet", "Swin", "EfficientNet", "ResNeSt", "SSDVGG"))
def test_attention_adds_its_own_keys_and_no_other(family: str) -> None:
    given = config(CONFIGS[family], place="after_stage")
    built, plain = (
        build_without_weights(given),
        build_without_weights(
            {**{k: v for k, v in given.items() if k not in ("attention", "module")}, "type": given.module}
        ),
    )
    ours = tuple(f"{name}." for name in attention_modules(built))
    assert [key for key in built.state_dict() if not key.startswith(ours)] == list(plain.state_dict())
    stages = len({(site.module, site.index) for site in given.attention[0].sites})
    assert stages >= STAGES.get(family, 4)


@torch.no_grad()
@pytest.mark.parametrize("place", ["after_conv1", "after_conv2", "before_add"])
@pytest.mark.parametrize(
    "family", tiny.few(("Darknet", "CSPDarknet", "CSPNeXt", "MobileNetV2"), "CSPNeXt", "MobileNetV2")
)
def test_a_block_equals_the_same_block_run_by_hand(family: str, place: str) -> None:
    model, plain = pair(CONFIGS[family], place=place, stages=[3])
    blocks = {name: module for name, module in model.named_modules() if inserted(module)}
    assert blocks
    for name, block in blocks.items():
        bare: Any = plain.get_submodule(name)
        convolutions = BRANCH[type(block).__name__]
        after = len(convolutions) if place == "before_add" else int(place[-1])
        x = torch.rand(
            2,
            getattr(bare, convolutions[0]).conv.in_channels
            if hasattr(getattr(bare, convolutions[0]), "conv")
            else bare.conv1.depthwise_conv.conv.in_channels,
            10,
            8,
        )
        y = x
        for number, convolution in enumerate(convolutions, 1):
            y = getattr(bare, convolution)(y)
            if number == after:
                (attention,) = inserted(block)
                y = attention(y)
        adds = getattr(bare, "add_identity", getattr(bare, "with_res_shortcut", True))
        assert torch.equal(block(x), x + y if adds else y)
        assert not torch.equal(block(x), bare(x))


@torch.no_grad()
@pytest.mark.parametrize("family", tiny.few(("Swin", "PVT", "PVTv2"), "Swin"))
def test_attention_after_a_stage_of_tokens_works_on_the_map_that_it_outputs(family: str) -> None:
    """RetinaNet's Swin outputs stages 2 to 4, PVT all four."""
    model, plain = pair(CONFIGS[family], place="after_stage", stages=[2])
    maps, bare = model.backbone(image()), plain.backbone(image())
    (attention,) = inserted(model.backbone)
    changed = 0 if family == "Swin" else 1
    assert tiny.equal(list(maps), [attention(x) if i == changed else x for i, x in enumerate(bare)])


@torch.no_grad()
def test_every_branch_of_hrnet_has_its_own_attention() -> None:
    model, plain = pair(CONFIGS["HRNet"], place="after_stage", stages=[4])
    maps, bare = model.backbone(image()), plain.backbone(image())
    host = model.backbone.stage4[-1]
    assert len(inserted(host)) == len(bare) == 4
    assert tiny.equal(list(maps), [attention(x) for attention, x in zip(inserted(host), bare, strict=True)])


@torch.no_grad()
def test_tridents_branches_share_the_attention() -> None:
    """In training a block takes a list of three maps; each passes through the same module."""
    model, plain = pair(CONFIGS["Trident"], place="after_conv1", stages=[3])
    name = next(name for name, module in model.named_modules() if inserted(module))
    block, bare = model.get_submodule(name).train(), plain.get_submodule(name).train()
    (attention,) = inserted(block)
    for part in (block, bare):
        for norm in part.modules():
            norm.training = False
    for part in (block, bare, block.conv2, bare.conv2):
        part.training = True
    x = torch.rand(1, bare.conv1.in_channels, 6, 6)
    conv2 = bare.conv2.forward
    bare.conv2.forward = lambda maps: conv2([attention(y) for y in maps])
    assert tiny.equal(list(block(x)), list(bare(x)))


@torch.no_grad()
@pytest.mark.parametrize("neck", tiny.few(NECKS, "CSPNeXtPAFPN", "YOLOXPAFPN", "SSDNeck", "FPN+DyHead"))
def test_a_neck_of_any_kind_changes_the_chosen_level_alone(neck: str) -> None:
    level = 0 if neck == "DilatedEncoder" else 1
    model, plain = pair(NECKS[neck], place="neck", levels=[level])
    x = image(SIDES.get(NECKS[neck], 96))
    maps, bare = (list(part.neck(part.backbone(x))) for part in (model, plain))
    (attention,) = attention_modules(model).values()
    assert tiny.equal(maps, [attention(y) if i == level else y for i, y in enumerate(bare)])


def image(side: int = 96) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize(
    ("at", "side", "count"),
    [
        ("backbone.stage4.*", "output", 3),
        ("backbone.stage3.1.blocks.*.conv2", "output", 3),
        ("backbone.stage2", "input", 1),
        ("neck.out_convs.*", "output", 3),
        ("bbox_head.multi_level_cls_convs.*", "input", 3),
    ],
)
def test_a_pattern_of_names_puts_attention_anywhere(at: str, side: str, count: int) -> None:
    given = config(CONFIGS["CSPDarknet"], at=at, side=side)
    plain, model = without(given), MODELS.build(copy.deepcopy(given))
    modules = attention_modules(model)
    assert len(modules) == len(given.attention[0].sites) == count
    assert all(".attention_at_se" in name for name in modules)
    plain.load_state_dict(tiny.shared(model.state_dict()))
    seen: dict[str, list[Tensor]] = {}
    for name, module in modules.items():
        module.register_forward_hook(lambda m, a, y, name=name: seen.setdefault(name, []).append(y))
    model.eval().bbox_head(model.neck(model.backbone(image())))
    assert seen.keys() == modules.keys()


@pytest.mark.parametrize(
    ("insertion", "words"),
    [
        ({"at": "backbone.stage9"}, "at 'backbone.stage9' matches no module of the detector; near: backbone.stage"),
        ({"at": "bbox_head.loss_cls"}, "the output of CrossEntropyLoss is no map (N, C, H, W)"),
        ({"at": "neck"}, None),
        ({"place": "after_conv3"}, "DarknetBottleneck has no place 'after_conv3'; allowed: after_conv1, after_conv2, "),
        ({"stages": [5]}, "no stage 5; allowed: 1 to 4"),
        ({"place": "neck", "levels": [3]}, "no neck level 3; allowed: 0 to 2"),
    ],
)
def test_a_place_that_is_not_there(insertion: dict[str, Any], words: str | None) -> None:
    if words is None:
        assert len(config(CONFIGS["CSPDarknet"], **insertion).attention[0].sites) == 3
        return
    with pytest.raises(UserError) as error:
        config(CONFIGS["CSPDarknet"], **insertion)
    assert words in str(error.value)


@pytest.mark.parametrize("family", ["CSPDarknet", "Darknet", "MobileNetV2"])
def test_a_frozen_stage_counts_alike_in_every_backbone(family: str) -> None:
    study = tiny.study(
        {"x": {"attention": "se", "place": "after_stage"}}, config=CONFIGS[family], width="full",
        overrides={"model.backbone.frozen_stages": 2 + (family == "Darknet")},
    )  # fmt: skip
    with pytest.raises(UserError, match=r"stage 1 is frozen .* allowed: stages above 2"):
        resolve(study, "x")
