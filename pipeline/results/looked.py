"""How often a study was looked at: judging, adding seeds and judging again takes luck for an effect more often.

The record lies beside the report, to be committed with it. A look counts where a verdict was possible: three seeds or
more of every variant that has runs. Declared looks (`evaluation.looks`) are paid for and need no record.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.common.files import digest
from pipeline.common.paths import Paths
from pipeline.records import Manifest, Plan
from pipeline.records.looks import Looked
from pipeline.records.results import CellResults
from pipeline.study.params import Study

FEWEST = 3


def look(
    study: Study, plans: Mapping[str, Plan], cells: CellResults, manifest: Manifest, paths: Paths
) -> tuple[int, ...]:
    """The numbers of seeds at which this study was judged, this time included, after noting this time down.

    The study is its data and its plans, whatever they are called; empty where looks were declared or nothing is judged.
    """
    counts = [sum(c.variant == name and c.state == "done" for c in cells.cells) for name in plans]
    judged = min(min(counts), len(study.seeds))
    if study.evaluation.looks or judged < FEWEST:
        return ()
    identity = digest([manifest.digest, sorted(plan.digest for plan in plans.values())])
    known = Looked.read_if_there(paths.looked)
    studies = dict(known.studies) if known else {}
    before = studies.get(identity, [])
    studies[identity] = sorted({*before, judged})
    if studies[identity] != before:
        Looked(studies=studies).write(paths.looked)
    return tuple(k for k in studies[identity] if k <= judged)
