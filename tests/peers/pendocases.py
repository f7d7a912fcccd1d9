"""Cases in which the published tap-pendo and `weir tap pendo` are held against each other, each a function.

What a case lets differ has the id of a row in docs/PENDO.md, with _ for -.
"""

import json

from pendofixtures import DAY, HOUR, Pendo, account, entity, field, visitor, written
from pendolab import MISSING, Run, differences, selected, unequal

VISITORS = ["visitors", "visitor_history"]
FEATURES = ["features", "feature_events"]
SERVERS = ["events", "feature_events", "page_events", "track_events"]


def ordinary_data(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalogs = taps.catalogs()
        lab.explain(
            "catalogs",
            _of_catalogs(*catalogs),
            reports=lambda it: it.stream == "reports",
            server_in_keys=_is_server_in_keys,
            history_keys=_is_history_keys,
            track_type_names=_is_track_type_name,
            parent_named=lambda it: it.field.endswith("parent-tap-stream-id") and it.old == MISSING,
        )
        old, new = taps.both()
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()))
        own = taps.new(catalog=catalogs[1]).succeeded()
        lab.explain("records with the own catalog", differences(lab, old, own), reports=lambda it: it.stream == "reports")
        lab.explain(
            "schemas",
            _of_schemas(old, new),
            server_in_keys=_is_server_in_keys,
            history_keys=_is_history_keys,
            track_type_names=_is_track_type_name,
            bookmark_properties=lambda it: it.field == "bookmark_properties" and it.old == MISSING,
        )
        lab.explain("states", _of_states(old, new))
        parent, child = [[_first(run, stream) for run in (old, new)] for stream in FEATURES]
        assert parent[0] > child[0] and parent[1] < child[1]
        lab.show("parents-first")


def values_that_both_can_read(lab):
    fixture = Pendo()
    times = {"createdAt": "2026-01-02T03:04:05+02:00", "lastUpdatedAt": fixture.back(1)}
    fixture.add("features", entity("f-times", fixture.back(1)) | times, entity("f-empty", fixture.back(1), name="", createdAt=None, kind=None))
    fixture.add("features", entity("f-digits", fixture.back(1), createdAt="1767322800123", appId="9.5"))
    fixture.add("features", entity("f-old", fixture.back(1), createdAt=-1), entity("f-zero", fixture.back(1), createdAt=0))
    fixture.add("features", entity("f-numbers", fixture.back(1), name=5, color=2.5, kind=10**22))
    fixture.add("features", entity("f-blanks", fixture.back(1), appId="", createdAt=""))
    fixture.add("events", fixture.count(30, 2, numEvents="3", numMinutes=10**15), fixture.count(31, 2, numEvents=""))
    fixture.add("accounts", account("a-texts", fixture.back(1), custString="\x00\n\"\\ é 日本 🦀", custInteger="x", custFloat="2.5"))
    fixture.add("accounts", account("a-nulls", fixture.back(1), custString=None, custTime=None, custInteger=None, custFloat=None))
    fixture.add("visitors", visitor("v-large", fixture.back(1), custInteger=9_007_199_254_740_993, custFloat=-0.5e-3))
    with lab.pendo(fixture) as taps:
        old, new = taps.both()
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()))


def values_that_are_changed(lab):
    fixture = Pendo()
    fixture.add("features", entity("f-null", fixture.back(1), dirty=None), entity("f-list", fixture.back(1), name=["a", 1, None], kind={"en": {"subName": None}}))
    fixture.add("features", entity("f-true", fixture.back(1), name=True, dirty="no", elementPathRules=["a", {"b": "é"}, None]))
    fixture.add("trackTypes", entity("t-name", fixture.back(1), trackTypeName="tt"))
    fixture.add("events", fixture.count(30, 2, numMinutes=3.7, parameters={"fromWhere": "é", "list": [None]}))
    fixture.add("accounts", account("a-odd", fixture.back(1), custBoolean=None, custInteger=3.7, isVIP=None, custString={"o": [1, "it's"]}))
    with lab.pendo(fixture) as taps:
        old, new = taps.both()
        lab.explain(
            "records",
            differences(lab, old.succeeded(), new.succeeded()),
            null_boolean=lambda it: it.kind == "value" and it.old is False and it.new is None,
            fraction=lambda it: it.kind == "value" and it.new == 3.7 and it.old == 3,
            nested_text=lambda it: it.kind == "value" and isinstance(it.old, str) and isinstance(it.new, str) and it.new[:1] in "[{" and _is_same_text(it),
            boolean_from_text=lambda it: it.old is True and it.new == "no",
            track_type_names=lambda it: it.field == "track_type_name" and it.old is True and it.new == "tt",
        )


def values_that_do_not_fit(lab):
    """The published tap ends where one of them is; Weir tells them as they are."""
    odd = {
        "appId": ["abc", [1], {"a": 1}],
        "createdAt": ["soon", 253_402_300_800_000, ["x"]],
        "createdByUser": ["someone", ["x"]],
        "elementPathRules": ["a", {"b": 1}],
    }
    for name, values in odd.items():
        for value in values:
            fixture = Pendo(records=False)
            fixture.add("features", entity("f1", fixture.back(1), **{name: value}), entity("f2", fixture.back(1)))
            with lab.pendo(fixture) as taps:
                old, new = taps.both(only=["features"])
                assert old.code == 1 and "Errors during transform" in old.errors, (name, value)
                assert [record["id"] for record in new.succeeded().records["features"]] == ["f1", "f2"], (name, value)
    lab.show("unfit-value")


def fields_of_types_that_are_not_known(lab):
    fixture = Pendo()
    for kind in ("list", "holographic"):
        fixture.metadata["account"]["custom"]["custOdd"] = field(kind)
        fixture.rows["accounts"][0]["metadata"]["custom"]["custOdd"] = ["a", {"b": 1}]
        with lab.pendo(fixture) as taps:
            assert taps.old("--discover").code == 1
            catalog = selected(taps.new("--discover").succeeded().catalog)
            records = taps.new(catalog=catalog).succeeded().records["accounts"]
            told = {record["account_id"]: record["metadata_custom"].get("cust_odd") for record in records}
            assert told == {"a1": ["a", {"b": 1}], "a2": None, "a3": None}, told
    lab.show("custom-type")


def hours(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        config = fixture.config(period="hourRange")
        catalogs = taps.catalogs(config)
        of = [next(entry for entry in catalog["streams"] if entry["stream"] == "events") for catalog in catalogs]
        keys = [entry["metadata"][0]["metadata"]["table-key-properties"] for entry in of]
        assert [key[-1] for key in keys] == ["hour", "hour"], keys
        old, new = taps.both(config, catalogs[0])
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()))
        lab.explain("states", _of_states(old, new))


def some_apps_and_visitors_who_are_not_known(lab):
    fixture = Pendo()
    fixture.add("visitors", visitor("_PENDO_T_unknown", fixture.back(1)))
    fixture.add("features", entity("f-other", fixture.back(1), appId=-323232))
    with lab.pendo(fixture) as taps:
        for changes in ({"app_ids": "1"}, {"app_ids": "2, -323232"}, {"include_anonymous_visitors": "TRUE"}, {"include_anonymous_visitors": True}):
            config = fixture.config(**changes)
            old, new = taps.both(config)
            lab.explain(str(changes), differences(lab, old.succeeded(), new.succeeded()))
            told = {record["visitor_id"] for record in new.records["visitors"]}
            assert ("_PENDO_T_unknown" in told) == ("include_anonymous_visitors" in changes)


def some_streams_and_fields(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").succeeded().catalog, ["accounts", "guides", "guide_events", "poll_events"])
        for stream, path in [("accounts", ["metadata_custom"]), ("accounts", ["metadata_auto", "properties", "idhash"]), ("guides", ["steps"]), ("guides", ["id"])]:
            metadata = next(entry for entry in catalog["streams"] if entry["stream"] == stream)["metadata"]
            breadcrumb = ["properties", *path]
            found = [each["metadata"] for each in metadata if each["breadcrumb"] == breadcrumb]
            if found:
                found[0]["selected"] = False
            else:
                metadata.append({"breadcrumb": breadcrumb, "metadata": {"inclusion": "available", "selected": False}})
        old, new = taps.both(catalog=catalog)
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()))
        lab.explain("schemas", _of_schemas(old, new), deselected_in_schema=lambda it: it.new == MISSING, bookmark_properties=lambda it: it.field == "bookmark_properties")


def a_second_run(lab):
    """Each from its own state; and Weir from the published tap's."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        firsts = taps.both()
        _grow(fixture, taps)
        own = taps.both(states=[run.succeeded().state for run in firsts])
        moved = taps.new(catalog=selected(taps.old("--discover").catalog), state=firsts[0].state).succeeded()
        for name, new in (("records from the own state", own[1]), ("records from the published tap's state", moved)):
            lab.explain(name, differences(lab, own[0].succeeded(), new.succeeded()), **_GROWN)
            assert sum(map(len, new.records.values())) < sum(map(len, firsts[1].records.values()))
        lab.explain("states", _of_states(own[0], own[1]))


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


_GROWN = {}


def a_run_from_the_other_tap_s_state(lab):
    """The published tap goes on from Weir's state, of a whole run and of one that was stopped in the middle of a stream."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").succeeded().catalog)
        taps.fail("parent=<p2>", {"status": {"status": 401}}, times=9)
        stopped = taps.new(catalog=catalog).failed("401")
        taps.heal()
        assert stopped.state["currently_syncing"] == "page_events", stopped.state
        whole = taps.new(catalog=catalog).succeeded()
        rest = taps.old(catalog=catalog, state=stopped.state).succeeded()
        found = differences(lab, rest.after(stopped), whole)
        assert [it for it in found if it.kind != "missing"] == [], found
        again = [taps.old(catalog=catalog, state=state).succeeded() for state in (taps.old(catalog=catalog).state, whole.state)]
        lab.explain("records", differences(lab, *again))


def a_stream_in_which_a_run_was_stopped(lab):
    fixture = Pendo()
    state = {"currently_syncing": "page_events", "bookmarks": {}}
    with lab.pendo(fixture) as taps:
        old, new = taps.both(states=(state, state))
        before = ["accounts", "events", *FEATURES, "guides", "guide_events", "metadata_accounts", "metadata_visitors"]
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), earlier_streams=lambda it: it.kind == "missing" and it.stream in before)


def another_period(lab):
    fixture = Pendo()
    state = {"bookmarks": {stream: {"day": written(fixture.back(4))} for stream in ("events", "feature_events")}}
    with lab.pendo(fixture) as taps:
        old, new = taps.both(fixture.config(period="hourRange"), states=(state, state), only=["events", *FEATURES])
        day = written(fixture.back(4))
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), other_period=lambda it: it.kind == "missing" and it.old["hour"] < day)


def a_window_before_the_bookmark(lab):
    fixture = Pendo()
    only = ["events", "poll_events", *FEATURES, "guides", "guide_events"]
    with lab.pendo(fixture) as taps:
        states = [run.succeeded().state for run in taps.both(only=only)]
        newest = max(row["browserTime"] for row in fixture.rows["guideEvents"])
        second = written(newest - 2 * DAY)[:19]
        old, new = taps.both(fixture.config(lookback_window="2"), states=states, only=only)
        lab.explain(
            "records",
            differences(lab, old.succeeded(), new.succeeded()),
            lookback_of_events=lambda it: it.stream in ("events", "poll_events") and it.kind == "more",
            lookback_of_seconds=lambda it: it.stream == "guide_events" and it.kind == "missing" and it.old["browser_time"][:19] == second,
        )


def a_window_before_the_start(lab):
    fixture = Pendo()
    config = fixture.config(start_date=written(fixture.back(4)), lookback_window=20)
    with lab.pendo(fixture) as taps:
        old, new = taps.both(config, only=["events", "poll_events", *FEATURES])
        start = config["start_date"]
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), lookback_before_start=lambda it: it.kind == "missing" and it.old["day"] < start)


def more_rows_than_an_answer_may_have(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        whole = taps.new(catalog=selected(taps.old("--discover").catalog)).succeeded()
        old, new = taps.both(fixture.config(record_limit=2))
        lab.explain("records of Weir with and without a limit", differences(lab, whole, new.succeeded()))
        lab.explain(
            "records",
            differences(lab, old.succeeded(), new),
            entities_beyond_limit=lambda it: it.stream in ("features", "guides", "pages", "track_types", "accounts") and it.kind == "more",
            children_beyond_limit=lambda it: it.stream in ("feature_events", "guide_events", "page_events", "track_events") and it.kind == "more",
            later_histories=lambda it: it.stream == "visitor_history" and it.kind == "more",
        )


def histories_of_more_visitors_than_an_answer_may_have(lab):
    fixture = Pendo(records=False)
    early = [{"visitorId": f"v{n}", "type": "page", "ts": fixture.back(5, n)} for n in (1, 2)]
    late = [{"visitorId": f"v{n}", "type": "page", "ts": fixture.back(2, n)} for n in (0, 3)]
    fixture.add("visitors", *(visitor(f"v{n}", fixture.back(2)) for n in range(4))).add("history", *early, *late)
    with lab.pendo(fixture) as taps:
        old, new = taps.both(fixture.config(record_limit=2), only=VISITORS)
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), later_histories=lambda it: it.kind == "more" and it.new["visitor_id"] == "v2")


def histories_that_go_on(lab):
    """An entry that began on an earlier day, and visitors whose last visit is newer than their last update."""
    fixture = Pendo(records=False)
    fixture.add("visitors", visitor("v1", fixture.back(3)), visitor("v2", fixture.back(6)))
    fixture.rows["visitors"][1]["metadata"]["auto"]["lastvisit"] = fixture.back(2)
    fixture.add("history", {"visitorId": "v1", "type": "page", "ts": fixture.back(3) - 5, "lastTs": fixture.back(3, HOUR)})
    fixture.add("history", {"visitorId": "v1", "type": "page", "ts": fixture.back(3, 7)}, {"visitorId": "v2", "type": "page", "ts": fixture.back(2, 7)})
    state = {"bookmarks": {"visitor_history": {"modified_ts": written(fixture.back(3))}}}
    with lab.pendo(fixture) as taps:
        old, new = taps.both(only=VISITORS, states=(state, state))
        lab.explain(
            "records",
            differences(lab, old.succeeded(), new.succeeded()),
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
        old, new = taps.both(only=["accounts", *FEATURES])
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), accounts_without_time=lambda it: it.stream == "accounts" and it.kind == "more")
    for metadata in (None, {"auto": {"lastupdated": None}}):
        fixture = Pendo(records=False)
        bare = visitor("v1", fixture.back(1)) | {"metadata": metadata}
        fixture.add("visitors", bare, visitor("v2", fixture.back(1))).add("history", {"visitorId": "v1", "type": "page", "ts": fixture.back(1, 1)})
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
        old, new = taps.both(only=VISITORS)
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), escaped_ids=lambda it: it.kind == "more" and it.stream == "visitor_history")
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
        old, new = taps.both(only=VISITORS)
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), do_not_process_text=lambda it: it.kind == "more" and it.new["visitor_id"] == "v-text")


def parents_that_come_later(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        states = [run.succeeded().state for run in taps.both(only=FEATURES)]
        taps.change(add={"source": "features", "rows": [entity("f-late", fixture.back(1))]})
        taps.change(add={"source": "featureEvents", "rows": [fixture.count(50, 8) | {"featureId": "f-late"}]})
        old, new = taps.both(only=FEATURES, states=states)
        lab.explain("records", differences(lab, old.succeeded(), new.succeeded()), new_parents=lambda it: it.kind == "more" and it.new["feature_id"] == "f-late")


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
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").succeeded().catalog, ["events", "pages", "poll_events"])
        runs = []
        for tap in (taps.old, taps.new):
            taps.fail("aggregation/pages", {"status": {"status": 403, "body": "{}"}}, times=9)
            runs.append(tap(catalog=catalog))
            taps.heal()
        old, new = runs
        assert old.code == 1
        new.failed("pages", "403")
        lab.explain("records", differences(lab, old, new), refused_streams=lambda it: it.kind == "more" and it.stream == "poll_events")


def an_interrupted_run(lab):
    """Where three parents share one time."""
    fixture = Pendo(records=False)
    fixture.add("features", *(entity(f"f{n}", fixture.back(1)) for n in (1, 2, 3)))
    fixture.add("featureEvents", *(fixture.count(n, days) | {"featureId": f"f{n}"} for n in (1, 2, 3) for days in (5, 3)))
    whole = 6
    with lab.pendo(fixture) as taps:
        taps.fail("parent=<f2>", _throttled())
        old = taps.both(only=FEATURES)[0]
        taps.heal()
        assert old.code == 1
        rest = taps.both(only=FEATURES, states=(old.state, old.state))
        counts = [len(_distinct(run.succeeded().after(old).records["feature_events"])) for run in rest]
        assert counts[0] < whole and counts[1] == whole, counts
        lab.show("interrupted-parents")


def too_many_requests(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").catalog)
        for tap, at in ((taps.old, "features"), (taps.new, "features"), (taps.new, "featureEvents"), (taps.new, "history"), (taps.new, "metadata")):
            taps.fail(at, _throttled({"retry-after": "1"}))
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
            runs.append(tap(catalog=selected(taps.old("--discover").catalog, ["visitors"])).succeeded())
            taps.heal()
        lab.explain("records", differences(lab, *runs), cut_answers=lambda it: it.kind == "missing" and it.old in runs[1].records["visitors"])
        for answer in ({"results": None}, {"message": "no"}):
            codes = []
            for tap in (taps.old, taps.new):
                taps.fail("aggregation/features", {"body": answer}, times=100)
                codes.append(tap(catalog=selected(taps.old("--discover").catalog, ["features"])).code)
                taps.heal()
            assert codes == [0, 1], (answer, codes)
        lab.show("answers-without-results")


def states_of_old(lab):
    """Of guide and poll events, with the names that their bookmarks once had."""
    fixture = Pendo()
    only = ["guides", "guide_events", "poll_events"]
    with lab.pendo(fixture) as taps:
        for name in ("day", "browserTime"):
            state = {"bookmarks": {stream: {name: written(fixture.back(4))} for stream in only[1:]}}
            old, new = taps.both(only=only, states=(state, state))
            lab.explain(name, differences(lab, old.succeeded(), new.succeeded()), old_bookmarks=lambda it: it.kind == "missing" and it.old["browser_time"] < written(fixture.back(4)))


def what_is_asked(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").catalog)
        asked = []
        for tap in (taps.old, taps.new):
            before = len(taps.others.requests("pendo"))
            tap(catalog=catalog).succeeded()
            asked.append(taps.others.requests("pendo")[before:])
        features = [sum(each["place"].endswith("/features") for each in requests) for requests in asked]
        packed = [all("gzip" in each["headers"].get("accept-encoding", "") for each in requests) for requests in asked]
        assert features == [2, 1] and packed == [False, True], (features, packed)
        assert len(asked[1]) < len(asked[0])
        lab.show("asked-once")


def what_is_wrong_is_said(lab):
    """In a line that names it, by exit status 1; the published tap ends with a traceback, or says nothing."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = selected(taps.old("--discover").catalog)
        wrong = fixture.config(x_pendo_integration_key="another-key")
        for arguments, documents in ((["--discover"], {}), ([], {"catalog": catalog})):
            taps.old(*arguments, config=wrong, **documents).failed("CRITICAL", "HTTPError: 401")
            taps.new(*arguments, config=wrong, **documents).failed("error: Pendo refuses the key (401)").does_not_say("another-key")
        lab.show("wrong-key")
        assert taps.old(catalog=None).succeeded().text == ""
        assert len(taps.new(catalog=None).succeeded().records) == 16
        lab.show("no-catalog")
        _wrong_configs(lab, taps, fixture)
        _wrong_catalogs(lab, taps, catalog)
        _wrong_states(lab, taps, catalog)


def _wrong_configs(lab, taps, fixture):
    for key, value in (("period", "weekRange"), ("record_limit", -1), ("start_date", "soon"), ("app_ids", [1, "x"]), ("request_timeout", "x"), ("lookback_window", "1.5")):
        taps.new("--discover", config=fixture.config(**{key: value})).failed("error: ", f"config.json: {key}", str(value if key != "app_ids" else "x"))
    for key in ("start_date", "x_pendo_integration_key", "period"):
        without = {name: value for name, value in fixture.config().items() if name != key}
        taps.new("--discover", config=without).failed("config.json", key)
        taps.old("--discover", config=without).failed(key)
    for value in ({"period": "weekRange"}, {"lookback_window": "1.5"}, {"record_limit": -1}):
        taps.old("--discover", config=fixture.config(**value)).succeeded()
    lab.show("wrong-config")


def _wrong_catalogs(lab, taps, catalog):
    def changed(change, only=None):
        copy = selected(json.loads(json.dumps(catalog)), only)
        change(copy["streams"][0])
        return copy

    wrong = [
        (changed(lambda entry: None, ["feature_events"]), ["feature_events", "features"]),
        (changed(lambda entry: entry.update(tap_stream_id="acounts", stream="acounts")), ["acounts", "accounts"]),
        (changed(lambda entry: entry.pop("schema")), ["accounts", "schema"]),
        ({}, ["streams"]),
        ("{", ["catalog.json"]),
    ]
    for document, words in wrong:
        taps.old(catalog=document).failed("CRITICAL")
        taps.new(catalog=document).failed("error: ", *words)
    lab.show("wrong-catalog")


def _wrong_states(lab, taps, catalog):
    for bookmarks, words in (([], []), ({"events": {"day": "soon"}}, ["events.day", "soon"]), ({"events": "x"}, ["events"])):
        state = {"bookmarks": bookmarks}
        taps.old(catalog=catalog, state=state).failed("CRITICAL")
        taps.new(catalog=catalog, state=state).failed("error: state", *words)
    of_another = {"bookmarks": {"orders": {"updated_at": written(0)}}}
    taps.old(catalog=catalog, state=of_another).succeeded()
    taps.new(catalog=catalog, state=of_another).failed("another tap", "orders")
    lab.show("wrong-state")


def _throttled(headers=None):
    return {"status": {"status": 429, "headers": headers or {}, "body": "{}"}}


def _is_history_keys(it):
    return it.stream == "visitor_history" and ("key" in it.field or it.new == "automatic")


def _is_track_type_name(it):
    return (it.stream, it.new) == ("track_types", ["null", "boolean", "string"])


def _is_server_in_keys(it):
    return it.stream in SERVERS and "server" in f"{it.field} {it.new}"


def _is_same_text(it):
    """Whether Python's way to write a value has become JSON."""
    return json.loads(it.new) is not None and it.old != it.new


def _first(run, stream):
    """Where the first record of a stream stands."""
    return next(n for n, message in enumerate(run.messages) if message["type"] == "RECORD" and message["stream"] == stream)


def _of_catalogs(old, new):
    """How two catalogs differ, metadata by breadcrumb."""
    sides = [{entry["tap_stream_id"]: entry | {"metadata": _by_breadcrumb(entry)} for entry in catalog["streams"]} for catalog in (old, new)]
    return _of_documents(*sides)


def _by_breadcrumb(entry):
    return {"/".join(each["breadcrumb"]): each["metadata"] for each in entry["metadata"]}


def _of_schemas(old, new):
    sides = [{name: _meant(message) for name, message in run.schemas.items()} for run in (old, new)]
    return _of_documents(*sides)


def _meant(message):
    """A SCHEMA with its keys in one text, and without what is no word of JSON Schema and so says nothing."""
    return message | {"key_properties": " ".join(message["key_properties"]), "schema": _of_words(message["schema"])}


def _of_words(schema):
    words = {key: value for key, value in schema.items() if key in ("type", "format", "properties", "items", "anyOf")}
    if "properties" in words:
        words["properties"] = {name: _of_words(field) for name, field in words["properties"].items()}
    return words


def _of_states(old, new):
    """What the published tap's state says and Weir's does not: Weir's says more."""
    sides = [run.state["bookmarks"] for run in (old, new)]
    assert old.state.get("currently_syncing") is None and new.state["currently_syncing"] is None
    return [it for it in _of_documents(*sides) if it.old != MISSING]


def _of_documents(old, new):
    from pendolab import Difference

    found = []
    for name in sorted({*old, *new}):
        for path, left, right in unequal(old.get(name, MISSING), new.get(name, MISSING)):
            found.append(Difference(name, "value", path, left, right))
    return found


def _distinct(records):
    return {json.dumps(record | {"app_id": int(record["app_id"])}, sort_keys=True) for record in records}


def _once(found):
    """Differences, those of one record once."""
    return list({json.dumps([it.stream, it.kind, it.old, it.new], sort_keys=True): it for it in found}.values())
