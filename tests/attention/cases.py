"""The published forms, small enough to differentiate in float64, and a way to give a module arbitrary weights."""

from __future__ import annotations

from typing import Any

import torch

from pipeline.attention import build

# id: module, channels, options. Every module and form, with the switches that change a formula.
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "se": ("se", 32, {}),
    "se-bias": ("se", 32, {"bias": True}),
    "se-article": ("se", 20, {"form": "article", "reduction": 4}),
    "cbam": ("cbam", 32, {}),
    "cbam-article": ("cbam", 32, {"form": "article", "kernel_size": 5}),
    "bam": ("bam", 32, {}),
    "bam-official": ("bam", 32, {"form": "official"}),
    "bam-article": ("bam", 32, {"form": "article"}),
    "eca": ("eca", 128, {}),
    "eca-article": ("eca", 32, {"form": "article"}),
    "shuffle": ("shuffle", 32, {"groups": 4}),
    "shuffle-odd": ("shuffle", 18, {"groups": 3}),
    "shuffle-article": ("shuffle", 32, {"form": "article"}),
    "polarized-parallel": ("polarized", 16, {}),
    "polarized-sequential": ("polarized", 16, {"mode": "sequential"}),
    "polarized-article": ("polarized", 16, {"form": "article"}),
    "polarized-official-parallel": ("polarized", 16, {"form": "official"}),
    "polarized-official-sequential": ("polarized", 16, {"form": "official", "mode": "sequential"}),
    "sge": ("sge", 64, {}),
    "sge-article": ("sge", 32, {"form": "article"}),
    "coordinate": ("coordinate", 32, {}),
    "coordinate-article": ("coordinate", 32, {"form": "article", "reduction": 2}),
    "gam": ("gam", 16, {}),
    "gam-grouped": ("gam", 32, {"groups": 4}),
    "gam-article": ("gam", 16, {"form": "article"}),
    "gc": ("gc", 32, {"ratio": 1 / 8}),
    "gc-mul": ("gc", 32, {"fusion": "channel_mul", "ratio": 1 / 4}),
    "simam": ("simam", 6, {}),
    "simam-coco": ("simam", 6, {"regularization": 0.1}),
    "triplet": ("triplet", 12, {}),
    "triplet-flat": ("triplet", 9, {"kernel_size": 3, "no_spatial": True}),
    "nam": ("nam", 12, {}),
    "non_local": ("non_local", 8, {}),
    "non_local-dot": ("non_local", 9, {"mode": "dot_product", "reduction": 4}),
    "generalized": ("generalized", 16, {"heads": 2}),
    "generalized-keys": ("generalized", 12, {"heads": 3, "attention_type": "0010", "kv_stride": 1}),
    "generalized-query-key": ("generalized", 6, {"heads": 3, "attention_type": "1000"}),
    "generalized-query-place": ("generalized", 8, {"heads": 2, "attention_type": "0100", "kv_stride": 3}),
    "generalized-place": ("generalized", 8, {"heads": 1, "attention_type": "0011"}),
    "danet": ("danet", 16, {}),
    "danet-paper": ("danet", 9, {"form": "paper"}),
    "lsk": ("lsk", 8, {}),
    "lsk-odd": ("lsk", 5, {}),
    "ema": ("ema", 32, {"factor": 8}),
    "ema-single": ("ema", 6, {"factor": 6}),
    "ela-T": ("ela", 64, {"variant": "T"}),
    "ela": ("ela", 32, {}),
    "ela-S": ("ela", 32, {"variant": "S"}),
    "ela-L": ("ela", 32, {"variant": "L"}),
    "mlca": ("mlca", 12, {}),
    "mlca-uneven": ("mlca", 8, {"local_size": 3, "local_weight": 0.2}),
    "scsa": ("scsa", 16, {"window": 2}),
    "scsa-heads": ("scsa", 16, {"window": 3, "heads": 4}),
}


def fits(case: str, height: int, width: int) -> bool:
    """Whether the module of a case takes a map of this size; it refuses others with a UserError."""
    name, _, options = CASES[case]
    if name == "scsa":
        return min(height, width) >= options["window"]
    return name != "simam" or height * width > 1


def arbitrary(case: str, **more: Any) -> Any:
    """The module of a case in float64, with weights and running statistics that no formula can ignore."""
    name, channels, options = CASES[case]
    module = build(name, channels, **{**options, **more}).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5, generator=draws)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.5, generator=draws)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2, generator=draws)
    return module


def image(channels: int, height: int, width: int, batch: int = 3) -> torch.Tensor:
    """A map in float64 whose mean is not zero."""
    draws = torch.Generator().manual_seed(2)
    return torch.randn(batch, channels, height, width, dtype=torch.float64, generator=draws) + 0.3
