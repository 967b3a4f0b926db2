"""What stands beside each difference: where the truth may lie, what luck could do, what the looks decided."""

from __future__ import annotations

from pipeline.report.blocks import Column, Entry, Table
from pipeline.report.words import NOTHING, interval, number, p_value, percent, signed
from pipeline.results.read import Evidence

DECISIONS = {"futile": "stopped: what is wanted is out of reach", "open": "open"}


def regions(evidence: Evidence) -> Table | None:
    """Where each true difference may lie, and what luck and selection do to what is seen. None without a claim."""
    if evidence.comparison.claim != "full":
        return None
    region = number(evidence.comparison.equivalence)
    columns = [
        Column("variant", numeric=False),
        Column(f"P(above +{region})"),
        Column(f"P(within ±{region})"),
        Column(f"P(below \u2212{region})"),
        Column("wins"),
        Column("as many by luck"),
        Column("likely overstated"),
    ]
    rows = []
    for name, row in evidence.outcomes.items():
        if name == evidence.baseline or row.p_region is None or row.p_improve is None:
            continue
        wins, pairs = row.p_improve
        shown = row.verdict in ("better", "worse")
        times = f"{row.exaggeration:.1f} times" if row.exaggeration else "cannot be bounded"
        rows.append(
            [
                Entry(name),
                *(Entry(number(p, 2), p) for p in row.p_region),
                Entry(f"{wins:g}/{pairs}", wins / pairs),
                Entry(NOTHING if row.p_chance is None else percent(round(row.p_chance, 2)), row.p_chance),
                Entry(times if shown else "", row.exaggeration),
            ]
        )
    return Table("Where each true difference may lie", columns, rows) if rows else None


def looks(evidence: Evidence) -> Table | None:
    """What each declared look decided. None where none was declared."""
    comparison = evidence.comparison
    if not comparison.looks:
        return None
    rows = []
    for look in comparison.looks:
        for name, decision in look.decisions.items():
            rows.append(
                [
                    Entry(str(look.seeds), look.seeds),
                    Entry(f"{look.alpha:.4f}", look.alpha),
                    Entry(name),
                    Entry(DECISIONS.get(decision, decision)),
                ]
            )
    columns = [Column("seeds"), Column("level"), Column("variant", False), Column("decided", False)]
    return Table("What each look decided", columns, rows)


def further(evidence: Evidence) -> Table | None:
    """Declared differences between variants. None where none was declared."""
    found = evidence.comparison.further
    if not found:
        return None
    rows = [
        [
            Entry(f"{row.first} \u2212 {row.second}"),
            Entry(signed(row.delta), row.delta),
            Entry(interval(row.ci_low, row.ci_high), row.ci_low),
            Entry(p_value(row.p_adjusted), row.p_adjusted),
        ]
        for row in found
    ]
    columns = [Column("difference", False), *map(Column, (evidence.comparison.primary, "interval", "adjusted p"))]
    return Table("Differences between variants", columns, rows)
