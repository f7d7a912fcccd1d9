"""Runs that go on from a state."""

import json

from fixtures import DAY, FEATURES, HOUR, Pendo, account, entity, throttled, visitor, written
from lab import differences
from told import of_states


def a_second_run(lab):
    """Each from its own state; and Weir from the published tap's."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        firsts = taps.both()
        _grow(fixture, taps)
        own = taps.both(states=[run.succeeded().state for run in firsts])
        moved = taps.new(catalog=taps.catalog(), state=firsts[0].state).succeeded()
        for name, new in (("records from the own state", own[1]), ("records from the published tap's state", moved)):
            lab.explain(name, differences(lab, own[0].succeeded(), new.succeeded()))
            assert sum(map(len, new.records.values())) < sum(map(len, firsts[1].records.values()))
        lab.explain("states", of_states(own[0], own[1]))


def _grow(fixture, taps):
    """New rows and changed ones, as they come in between two runs."""
    one, two = fixture.back(1), fixture.back(2)
    taps.change(put={"source": "features", "row": entity("f3", one + HOUR, name="renamed")})
    taps.change(put={"source": "visitors", "row": visitor("v1", one + HOUR)})
    taps.change(put={"source": "accounts", "row": account("a9", one + HOUR)})
    taps.change(add={"source": "events", "rows": [fixture.count(40, 2), fixture.count(41, 1)]})
    taps.change(add={"source": "featureEvents", "rows": [fixture.count(42, 1) | {"featureId": "f1"}]})
    taps.change(add={"source": "guideEvents", "rows": [fixture.single(43, 1) | {"guideId": "g2"}]})
    taps.change(add={"source": "history", "rows": [{"visitorId": "v1", "type": "page", "ts": two + HOUR}]})


def a_run_from_the_other_tap_s_state(lab):
    """The published tap goes on from Weir's state, of a whole run and of one that was stopped in the middle of a stream."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog()
        taps.fail("parent=<p2>", {"status": {"status": 401}}, times=9)
        stopped = taps.new(catalog=catalog).failed("401")
        taps.heal()
        assert stopped.state["currently_syncing"] == "page_events", stopped.state
        whole = taps.new(catalog=catalog).succeeded()
        rest = taps.old(catalog=catalog, state=stopped.state).succeeded()
        found = differences(lab, rest.after(stopped), whole)
        assert {it.kind for it in found} <= {"missing", "key"}, found
        again = [taps.old(catalog=catalog, state=state).succeeded() for state in (taps.old(catalog=catalog).state, whole.state)]
        lab.compare(again)


def a_stream_in_which_a_run_was_stopped(lab):
    fixture = Pendo()
    state = {"currently_syncing": "page_events", "bookmarks": {}}
    with lab.pendo(fixture) as taps:
        runs = taps.both(states=(state, state))
        before = ["accounts", "events", *FEATURES, "guides", "guide_events", "metadata_accounts", "metadata_visitors"]
        lab.compare(runs, earlier_streams=lambda it: it.kind == "missing" and it.stream in before)
        # What was interrupted before that is read, and last.
        start = written(fixture.back(9))
        state["bookmarks"]["feature_events"] = {"day": start, "previous_sync_completed_ts": start, "last_processed": "f1"}
        runs = taps.both(states=(state, state))
        _, new = lab.compare(runs, earlier_streams=lambda it: it.kind == "missing" and it.stream in set(before) - set(FEATURES))
        assert new.all()[-1][0] == "feature_events"


def another_period(lab):
    fixture = Pendo()
    state = {"bookmarks": {stream: {"day": written(fixture.back(4))} for stream in ("events", "feature_events")}}
    with lab.pendo(fixture) as taps:
        runs = taps.both(fixture.config(period="hourRange"), states=(state, state), only=["events", *FEATURES])
        day = written(fixture.back(4))
        lab.compare(runs, other_period=lambda it: it.kind == "missing" and it.old["hour"] < day)


def a_window_before_the_bookmark(lab):
    fixture = Pendo()
    only = ["events", "poll_events", *FEATURES, "guides", "guide_events"]
    with lab.pendo(fixture) as taps:
        states = [run.succeeded().state for run in taps.both(only=only)]
        newest = max(row["browserTime"] for row in fixture.rows["guideEvents"])
        second = written(newest - 2 * DAY)[:19]
        lab.compare(
            taps.both(fixture.config(lookback_window="2"), states=states, only=only),
            lookback_of_events=lambda it: it.stream in ("events", "poll_events") and it.kind == "more",
            lookback_of_seconds=lambda it: it.stream == "guide_events" and it.kind == "missing" and it.old["browser_time"][:19] == second,
        )


def a_window_before_the_start(lab):
    fixture = Pendo()
    config = fixture.config(start_date=written(fixture.back(4)), lookback_window=20)
    with lab.pendo(fixture) as taps:
        runs = taps.both(config, only=["events", "poll_events", *FEATURES])
        start = config["start_date"]
        lab.compare(runs, lookback_of_events=lambda it: it.stream in ("events", "poll_events") and it.kind == "more")
        assert min(record["day"] for record in runs[1].records["feature_events"]) < start


def states_of_old(lab):
    """Of guide and poll events, with the names that their bookmarks once had."""
    fixture = Pendo()
    only = ["guides", "guide_events", "poll_events"]
    with lab.pendo(fixture) as taps:
        for name in ("day", "browserTime"):
            state = {"bookmarks": {stream: {name: written(fixture.back(4))} for stream in only[1:]}}
            runs = taps.both(only=only, states=(state, state))
            before = written(fixture.back(4))
            lab.compare(runs, old_bookmarks=lambda it: it.kind == "missing" and it.old["browser_time"] < before)


def parents_that_come_later(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        states = [run.succeeded().state for run in taps.both(only=FEATURES)]
        taps.change(add={"source": "features", "rows": [entity("f-late", fixture.back(1))]})
        taps.change(add={"source": "featureEvents", "rows": [fixture.count(50, 8) | {"featureId": "f-late"}]})
        lab.compare(taps.both(only=FEATURES, states=states), new_parents=lambda it: it.kind == "more" and it.new["feature_id"] == "f-late")


def an_interrupted_run(lab):
    """Where three parents share one time."""
    fixture = Pendo(records=False)
    fixture.add("features", *(entity(f"f{n}", fixture.back(1)) for n in (1, 2, 3)))
    fixture.add("featureEvents", *(fixture.count(n, days) | {"featureId": f"f{n}"} for n in (1, 2, 3) for days in (5, 3)))
    whole = 6
    with lab.pendo(fixture) as taps:
        taps.fail("parent=<f2>", throttled())
        old = taps.both(only=FEATURES)[0]
        taps.heal()
        assert old.code == 1
        rest = taps.both(only=FEATURES, states=(old.state, old.state))
        counts = [len(_distinct(run.succeeded().after(old).records["feature_events"])) for run in rest]
        assert counts[0] < whole and counts[1] == whole, counts
        lab.show("interrupted-parents")


def _distinct(records):
    return {json.dumps(record | {"app_id": int(record["app_id"])}, sort_keys=True) for record in records}
