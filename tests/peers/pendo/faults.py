"""What becomes of a run when Pendo fails."""

import json

from fixtures import FEATURES, Pendo, throttled, visitor
from lab import differences


def a_parent_that_cannot_be_read(lab):
    fixture = Pendo()
    fixture.broken["f2"] = 500
    with lab.pendo(fixture) as taps:
        old, new = taps.both(only=FEATURES)
        old.succeeded()
        new.failed("f2", "500")
        lab.explain("records", differences(lab, old, new))
        # Another run, when it can be read again, from what each has noted.
        fixture.broken.clear()
    with lab.pendo(fixture) as taps:
        again = taps.both(only=FEATURES, states=(old.state, new.state))
        union = [run.succeeded().after(first) for run, first in zip(again, (old, new), strict=True)]
        lost = [it for it in _once(differences(lab, *union)) if it.kind == "more"]
        assert {it.new["feature_id"] for it in lost} == {"f2"}, lost
        lab.show("failed-parents")


def a_stream_that_is_refused(lab):
    """Or of which there is no answer, however often it is asked for."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog(["events", "pages", "poll_events"])
        for status in (403, 503):
            runs = []
            for tap in (taps.old, taps.new):
                taps.fail("aggregation/pages", {"status": {"status": status, "body": "{}"}}, times=99)
                runs.append(tap(catalog=catalog))
                taps.heal()
            old, new = runs
            assert old.code == 1
            new.failed("pages", str(status))
            lab.explain("records", differences(lab, old, new), refused_streams=lambda it: it.kind == "more" and it.stream == "poll_events")


def too_many_requests(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog()
        for tap, at in ((taps.old, "features"), *((taps.new, at) for at in ("features", "featureEvents", "history", "metadata"))):
            taps.fail(at, throttled({"retry-after": "1"}))
            run = tap(catalog=catalog)
            assert run.code == (1 if tap == taps.old else 0), run.errors[-2000:]
            taps.heal()
        lab.show("too-many-requests")


def answers_that_are_cut(lab):
    fixture = Pendo()
    fixture.padding = 20_000
    fixture.add("visitors", *(visitor(f"v-{n}", fixture.back(1)) for n in range(20)))
    with lab.pendo(fixture) as taps:
        runs = []
        # The published tap counts the visitors first.
        for tap, after in ((taps.old, 1), (taps.new, 0)):
            taps.fail("aggregation/visitors", {"cut_rows": 15}, after=after)
            runs.append(tap(catalog=taps.catalog(["visitors"])).succeeded())
            taps.heal()
        whole = runs[1].records["visitors"]
        lab.explain("records", differences(lab, *runs), cut_answers=lambda it: it.kind == "missing" and it.old in whole)
        for answer in ({"results": None}, {"message": "no"}):
            codes = []
            for tap in (taps.old, taps.new):
                taps.fail("aggregation/features", {"body": answer}, times=100)
                codes.append(tap(catalog=taps.catalog(["features"])).code)
                taps.heal()
            assert codes == [0, 1], (answer, codes)
        lab.show("answers-without-results")


def _once(found):
    """Differences, those of one record once."""
    return list({json.dumps([it.stream, it.kind, it.old, it.new], sort_keys=True): it for it in found}.values())
