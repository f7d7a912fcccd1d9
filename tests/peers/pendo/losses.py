"""What the published tap loses of more rows than an answer may have, of histories, and of what has no time."""

from fixtures import FEATURES, HOUR, Pendo, VISITORS, account, entity, visitor, written
from lab import differences

PARENTS = ["accounts", "features", "guides", "pages", "track_types"]
CHILDREN = ["feature_events", "guide_events", "page_events", "track_events"]


def more_rows_than_an_answer_may_have(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        whole = taps.new(catalog=taps.catalog()).succeeded()
        old, new = taps.both(fixture.config(record_limit=2))
        lab.explain("records of Weir with and without a limit", differences(lab, whole, new.succeeded()))
        lab.explain(
            "records",
            differences(lab, old.succeeded(), new),
            entities_beyond_limit=lambda it: it.stream in PARENTS and it.kind == "more",
            children_beyond_limit=lambda it: it.stream in CHILDREN and it.kind == "more",
            later_histories=lambda it: it.stream == "visitor_history" and it.kind == "more",
        )


def histories_of_more_visitors_than_an_answer_may_have(lab):
    fixture = Pendo(records=False)
    early = [{"visitorId": f"v{n}", "type": "page", "ts": fixture.back(5, n)} for n in (1, 2)]
    late = [{"visitorId": f"v{n}", "type": "page", "ts": fixture.back(2, n)} for n in (0, 3)]
    fixture.add("visitors", *(visitor(f"v{n}", fixture.back(2)) for n in range(4))).add("history", *early, *late)
    with lab.pendo(fixture) as taps:
        runs = taps.both(fixture.config(record_limit=2), only=VISITORS)
        lab.compare(runs, later_histories=lambda it: it.kind == "more" and it.new["visitor_id"] == "v2")


def histories_that_go_on(lab):
    """An entry that began on an earlier day, and visitors whose last visit is newer than their last update."""
    fixture = Pendo(records=False)
    fixture.add("visitors", visitor("v1", fixture.back(3)), visitor("v2", fixture.back(6)))
    fixture.rows["visitors"][1]["metadata"]["auto"]["lastvisit"] = fixture.back(2)
    fixture.add("history", {"visitorId": "v1", "type": "page", "ts": fixture.back(3) - 5, "lastTs": fixture.back(3, HOUR)})
    fixture.add("history", *({"visitorId": f"v{n}", "type": "page", "ts": fixture.back(4 - n, 7)} for n in (1, 2)))
    state = {"bookmarks": {"visitor_history": {"modified_ts": written(fixture.back(3))}}}
    with lab.pendo(fixture) as taps:
        lab.compare(
            taps.both(only=VISITORS, states=(state, state)),
            open_entries=lambda it: it.kind == "more" and it.new.get("last_ts") is not None,
            last_visit=lambda it: it.kind == "more" and it.new["visitor_id"] == "v2" and it.stream == "visitor_history",
        )


def what_has_no_time(lab):
    fixture = Pendo(records=False)
    timeless = account("a2", fixture.back(1))
    timeless["metadata"]["auto"] = {"id": "a2", "lastupdated": None}
    fixture.add("accounts", account("a1", fixture.back(1)), timeless, {"accountId": "a3"})
    fixture.add("features", entity("f1", fixture.back(1)), entity("f2", None))
    fixture.add("featureEvents", fixture.count(1, 2) | {"featureId": "f2"})
    with lab.pendo(fixture) as taps:
        lab.compare(taps.both(only=["accounts", *FEATURES]), accounts_without_time=lambda it: it.stream == "accounts" and it.kind == "more")
    for metadata in (None, {"auto": {"lastupdated": None}}):
        fixture = Pendo(records=False)
        bare = visitor("v1", fixture.back(1)) | {"metadata": metadata}
        fixture.add("visitors", bare, visitor("v2", fixture.back(1)))
        fixture.add("history", {"visitorId": "v1", "type": "page", "ts": fixture.back(1, 1)})
        with lab.pendo(fixture) as taps:
            old, new = taps.both(only=VISITORS)
            assert old.code == 1
            assert {record["visitor_id"] for record in new.succeeded().records["visitors"]} == {"v1", "v2"}
            assert len(new.records["visitor_history"]) == 1
    lab.show("bare-visitors")


def histories_that_the_published_tap_cannot_read(lab):
    fixture = Pendo(records=False)
    ids = ["v/2", "v#3", "v?4", "v%5", "v%2F6", "v 9", "日本11"]
    fixture.add("visitors", *(visitor(id, fixture.back(1)) for id in ids))
    fixture.add("history", *({"visitorId": id, "type": "page", "ts": fixture.back(2)} for id in ids))
    with lab.pendo(fixture) as taps:
        lab.compare(taps.both(only=VISITORS), escaped_ids=lambda it: it.kind == "more" and it.stream == "visitor_history")
    fixture.rows["history"] = [{"visitorId": "v 9", "type": "page", "ts": fixture.back(2), "lastTs": None}]
    with lab.pendo(fixture) as taps:
        old, new = taps.both(only=VISITORS)
        assert old.code == 1 and len(new.succeeded().records["visitor_history"]) == 1
        lab.show("null-last-ts")
    fixture = Pendo(records=False)
    fixture.add("visitors", *(visitor(id, fixture.back(1)) for id in ("v-yes", "v-no", "v-text")))
    for row, value in zip(fixture.rows["visitors"], (True, False, "false"), strict=True):
        row["metadata"]["pendo"]["donotprocess"] = value
        fixture.add("history", {"visitorId": row["visitorId"], "type": "page", "ts": fixture.back(2)})
    with lab.pendo(fixture) as taps:
        lab.compare(taps.both(only=VISITORS), do_not_process_text=lambda it: it.kind == "more" and it.new["visitor_id"] == "v-text")
