"""What one part writes as JSON and another reads: a frozen model a file, with a schema number, checked when read.

A file of another schema, a damaged or an edited one is a UserError that names file and key.
"""

from pipeline.records.base import Part, Record
from pipeline.records.card import Card
from pipeline.records.cell import CellIdentity, Failure, Heartbeat, Job, Owner
from pipeline.records.cost import Cost
from pipeline.records.estimate import Estimate
from pipeline.records.manifest import Manifest
from pipeline.records.plan import Plan
from pipeline.records.run import Run

__all__ = [
    "Card", "CellIdentity", "Cost", "Estimate", "Failure", "Heartbeat", "Job", "Manifest", "Owner", "Part", "Plan",
    "Record", "Run",
]  # fmt: skip
