"""Offer the best supported variant's checkpoint to MLflow's model registry, and only where the evidence bears it."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256
from pipeline.common.paths import CellPaths
from pipeline.tracking.projection import cell_identity
from pipeline.tracking.sources import Sources
from pipeline.tracking.store import Store

ALIAS = "best"


def best_cell(sources: Sources) -> tuple[str, int] | None:
    """The variant with the largest difference among those shown better than the baseline, and its median seed.

    None where the comparison claims less than a full one, or no variant is better. The median seed (the
    lower of two) stands for its variant; the luckiest one would not.
    """
    comparison = sources.evidence.comparison
    better = {name: row for name, row in comparison.variants.items() if row.verdict == "better"}
    if comparison.claim != "full" or not better:
        return None
    variant = max(better, key=lambda name: better[name].delta or 0.0)
    runs = better[variant].runs
    ranked = sorted(runs, key=lambda seed: (runs[seed], int(seed)))
    return variant, int(ranked[(len(ranked) - 1) // 2])


def register(store: Store, sources: Sources) -> str | None:
    """Make sure that the alias `best` names what the evidence supports now; returns that, or None."""
    client, name = store.client, re.sub(r"\W", "_", sources.study.study)
    chosen = best_cell(sources)
    if chosen is None:
        _withdraw(client, name)
        return None
    variant, seed = chosen
    run = sources.evidence.runs[chosen]
    card, tags = _card(sources, variant, seed), {"variant": variant, "seed": str(seed), "verdict": "better"}
    tags["checkpoint.sha256"] = run.checkpoint_sha256
    _ensure_model(client, name)
    versions = client.search_model_versions(f"name = '{name}'")
    same = [found for found in versions if found.tags == tags and found.description == card]
    if same:
        version = str(same[0].version)
    else:
        key = cell_identity(variant, seed, run.fingerprint)["key"]
        run_id = store.runs(f"tags.key = '{key}'")[0].run_id
        checkpoint = CellPaths(sources.paths.run(variant, seed)).checkpoint
        _check(checkpoint, run.checkpoint_sha256)
        _upload(client, run_id, checkpoint, card)
        source = f"runs:/{run_id}/model"
        version = str(client.create_model_version(name, source, run_id, tags=tags, description=card).version)
    if client.get_registered_model(name).aliases.get(ALIAS) != version:
        client.set_registered_model_alias(name, ALIAS, version)
    return f"{name} version {version}: {variant}, seed {seed}"


def _card(sources: Sources, variant: str, seed: int) -> str:
    """What a reader must know before using the weights, as Markdown; every number is the comparison's."""
    evidence, comparison = sources.evidence, sources.evidence.comparison
    found = comparison.variants[variant]
    demo = "\n\nFrom the demo study: it shows the tool and is no detector to use." if evidence.study.demo else ""
    return f"""# {variant}, seed {seed}

Verdict: better than `{comparison.baseline}` by {found.delta:+.4f} {comparison.primary}, \
interval {found.ci_low:+.4f} to {found.ci_high:+.4f}, adjusted p {found.p_adjusted:.4f}, \
{comparison.k} seeds, {comparison.images} images of split {comparison.split}.

Largest difference among the variants shown better; the order among those is not tested. This seed is the \
median of its variant: AP {found.runs[str(seed)]:.4f}, mean of the seeds {found.mean:.4f}.

The file holds tensors alone: `torch.load("checkpoint.pth", weights_only=True)["state_dict"]`.

Data: {evidence.card.name}, licence {evidence.card.licence}.{demo}
"""


def _check(checkpoint: Path, sha256: str) -> None:
    """A registry hands files on: only what the run wrote, and what runs nothing when it is read."""
    if not checkpoint.exists():
        raise UserError(f"{checkpoint}: no such file; `dvc checkout` or `dvc pull` brings it back")
    if file_sha256(checkpoint) != sha256:
        raise UserError(f"{checkpoint}: not the file that run.json beside it names; `dvc checkout` brings it back")
    from pipeline.detector import tensors  # torch loads only where there is something to register

    tensors.read(checkpoint)


def _upload(client: MlflowClient, run_id: str, checkpoint: Path, card: str) -> None:
    client.log_artifact(run_id, str(checkpoint), "model")
    client.log_text(run_id, card, "model/card.md")


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _withdraw(client: MlflowClient, name: str) -> None:
    """Nothing is best any more: an alias that an earlier study set must not go on saying so."""
    try:
        if ALIAS in client.get_registered_model(name).aliases:
            client.delete_registered_model_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
