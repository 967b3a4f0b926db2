"""The main table: what a reader wants first stands first, the verdict in the fourth column."""

from __future__ import annotations

from pipeline.report.blocks import Column, Entry, Table
from pipeline.report.text import Markdown
from pipeline.report.words import NOTHING, REPEAT, VERDICTS, interval, millions, number, p_value, plural, signed
from pipeline.results.read import Evidence
from pipeline.results.repeats import repeat

BRIEF_ROWS = 20


def headline(evidence: Evidence) -> Table:
    """Baseline first, then by difference; the A/A variants last, with no verdict."""
    columns = [
        Column("variant", numeric=False),
        Column(f"{evidence.comparison.primary} ± SD (n)"),
        Column(Markdown("difference [interval]")),
        Column("verdict", numeric=False),
        Column("adjusted p"),
        Column("P(improve)"),
        Column("params"),
        Column("GFLOPs"),
        Column("ms an image (P95)"),
    ]
    compared = [[Entry(name), *_compared(evidence, name), *_costs(evidence, name)] for name in evidence.outcomes]
    repeats = [[Entry(name), *_repeated(evidence, name), *_costs(evidence, name)] for name in evidence.repeats]
    return Table("Every variant against the baseline", columns, [*compared, *repeats], narrow=True)


def brief(evidence: Evidence) -> tuple[Table, str]:
    """The first four columns for a pull request or a chat, and a sentence on the variants that are left out."""
    whole = headline(evidence)
    rows = [row[:4] for row in whole.rows]
    left_out = len(rows) - BRIEF_ROWS
    text = ""
    if left_out > 0:
        rows = [*rows[: BRIEF_ROWS // 2], *rows[-BRIEF_ROWS // 2 :]]
        text = f"The highest and the lowest; {plural(left_out, 'variant')} between them: see the report."
    return Table(whole.name, whole.columns[:4], rows), text


def _compared(evidence: Evidence, name: str) -> list[Entry]:
    """Score, difference, verdict, adjusted p, P(improve)."""
    row = evidence.outcomes[name]
    score = _score(row.mean, row.sd, row.n)
    if name == evidence.baseline:
        return [score, Entry("baseline", 0.0), Entry(""), Entry(""), Entry("")]
    difference = signed(row.delta)
    if row.ci_low is not None:
        difference = Markdown(f"{difference} {interval(row.ci_low, row.ci_high)}")
    verdict = "no finished run" if row.n == 0 else VERDICTS[row.verdict or "not_claimed"]
    if row.small:
        verdict += ", but by less than matters"
    improved = Entry(NOTHING)
    if row.p_improve:
        wins, pairs = row.p_improve
        improved = Entry(f"{wins:g}/{pairs}", wins / pairs)
    return [
        score,
        Entry(difference, row.delta),
        Entry(verdict),
        Entry(p_value(row.p_adjusted), row.p_adjusted),
        improved,
    ]


def _repeated(evidence: Evidence, name: str) -> list[Entry]:
    found = repeat(evidence, name)
    if found is None:
        return [Entry(NOTHING), Entry(NOTHING), Entry(f"{REPEAT}, no finished run"), Entry(""), Entry("")]
    score = _score(found.mean, found.sd, found.n)
    return [score, Entry(signed(found.delta), found.delta), Entry(REPEAT), Entry(""), Entry("")]


def _score(mean: float | None, sd: float | None, n: int) -> Entry:
    spread = "" if sd is None else f" ± {number(sd)}"
    return Entry(NOTHING if mean is None else f"{number(mean)}{spread} ({n})", mean)


def _costs(evidence: Evidence, name: str) -> list[Entry]:
    """Parameters, multiply-adds, latency."""
    cost = evidence.cost.variants.get(name)
    if cost is None:
        return [Entry(NOTHING)] * 3
    latency = cost.latency_ms
    milliseconds = f"{number(latency.median, 1)} ({number(latency.p95, 1)})"
    return [
        Entry(millions(cost.parameters), cost.parameters),
        Entry(number(cost.gflops, 2), cost.gflops),
        Entry(milliseconds, latency.median),
    ]
