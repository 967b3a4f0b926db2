"""The decisions, each by hand."""

from pipeline.tracking.content import Content, Point
from pipeline.tracking.reconcile import Existing, Reconciliation, reconcile

LOSS = (Point("loss", 2.0, 1000, 1), Point("loss", float("nan"), 2000, 2))


def content(key: str = "cell/se/0/abc", **changes: object) -> Content:
    given = {"points": LOSS, "params": {"lr": "0.1"}, "tags": {"cell": "se-0"}, **changes}
    return Content(key=key, name="se-0", started=1000, ended=5000, **given)  # type: ignore[arg-type]


def run(run_id: str = "1", key: str = "cell/se/0/abc", digest: str | None = None, **changes: object) -> Existing:
    tags = {"key": key, "cell": "se-0"} | ({"digest": digest} if digest else {})
    return Existing(run_id=run_id, tags=tags, **{"started": 1000, "status": "RUNNING", **changes})  # type: ignore[arg-type]


def decide(
    existing: list[Existing], wanted: Content | None = None, cells: tuple[str, ...] = ("se-0",)
) -> Reconciliation:
    return reconcile([wanted or content()], existing, cells)


def outcome(plan: Reconciliation) -> tuple[str | None, list[str]]:
    (_, matched), *_ = plan.matches
    return matched.run_id if matched else None, [found.run_id for found, _ in plan.superseded]


def test_nothing_there_makes_a_run() -> None:
    assert outcome(decide([])) == (None, [])


def test_equal_contents_stay() -> None:
    assert outcome(decide([run(digest=content().digest)])) == ("1", [])


def test_other_contents_are_superseded() -> None:
    assert outcome(decide([run(digest="other")])) == (None, ["1"])


def test_what_watch_began_is_completed() -> None:
    begun = run(points=frozenset({LOSS[0].identity}), params={"lr": "0.1"})
    assert outcome(decide([begun])) == ("1", [])


def test_points_and_params_that_were_taken_back_are_superseded() -> None:
    lost = Point("loss", 9.0, 900, 1)
    assert outcome(decide([run(points=frozenset({lost.identity}))])) == (None, ["1"])
    assert outcome(decide([run(params={"lr": "0.2"})])) == (None, ["1"])


def test_of_two_equal_runs_every_machine_keeps_the_same_one() -> None:
    pair = [run("2", digest=content().digest), run("1", digest=content().digest)]
    assert outcome(decide(pair)) == outcome(decide(pair[::-1])) == ("1", ["2"])


def test_a_complete_run_is_preferred_to_a_begun_one() -> None:
    assert outcome(decide([run("1"), run("2", digest=content().digest)])) == ("2", ["1"])


def test_a_cell_that_trains_again_is_left_alone() -> None:
    done = run("1", digest=content().digest)
    assert outcome(decide([done, run("2", key="cell/se/0/new", started=5001)])) == ("1", [])
    assert outcome(decide([done, run("2", key="cell/se/0/old", started=4999)])) == ("1", ["2"])


def test_a_run_of_a_cell_that_left_the_study() -> None:
    gone = decide([run(key="cell/se/0/new", started=9000)], cells=())
    assert gone.superseded[0][1] == "no longer in the study"


def test_a_failed_cell_takes_over_its_watched_run() -> None:
    failed = content("cell/se/0/failed", status="FAILED", points=())
    watched = run(points=frozenset({LOSS[0].identity}))
    assert outcome(decide([watched], failed)) == ("1", [])


def test_digest_sees_contents_but_not_tags() -> None:
    assert content().digest == content(tags={"cell": "se-0", "git": "x"}).digest
    assert content().digest == content(points=LOSS[::-1]).digest
    assert len({content().digest, content(points=LOSS[:1]).digest, content(params={}).digest}) == 3
