"""Ordinary data, with one configuration after the other."""

from fixtures import FEATURES, Pendo, entity, visitor
from lab import MISSING, differences
from told import of_catalogs, of_schemas, of_states

UNWANTED = [
    ("accounts", "properties", "metadata_custom"),
    ("accounts", "properties", "metadata_auto", "properties", "idhash"),
    ("guides", "properties", "steps"),
]
SERVERS = ["events", "feature_events", "page_events", "track_events"]


def ordinary_data(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalogs = taps.catalogs()
        lab.explain(
            "catalogs",
            of_catalogs(*catalogs),
            reports=lambda it: it.stream == "reports",
            server_in_keys=_is_server_in_keys,
            history_keys=_is_history_keys,
            track_type_names=_is_track_type_name,
            parent_named=lambda it: it.field.endswith("parent-tap-stream-id") and it.old == MISSING,
        )
        old, new = lab.compare(taps.both())
        own = taps.new(catalog=catalogs[1]).succeeded()
        lab.explain("records with the own catalog", differences(lab, old, own), reports=lambda it: it.stream == "reports")
        lab.explain(
            "schemas",
            of_schemas(old, new),
            server_in_keys=_is_server_in_keys,
            history_keys=_is_history_keys,
            track_type_names=_is_track_type_name,
            bookmark_properties=lambda it: it.field == "bookmark_properties" and it.old == MISSING,
        )
        lab.explain("states", of_states(old, new))
        parent, child = [[_first(run, stream) for run in (old, new)] for stream in FEATURES]
        assert parent[0] > child[0] and parent[1] < child[1]
        lab.show("parents-first")


def hours(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        config = fixture.config(period="hourRange")
        catalogs = taps.catalogs(config)
        of = [next(entry for entry in catalog["streams"] if entry["stream"] == "events") for catalog in catalogs]
        keys = [entry["metadata"][0]["metadata"]["table-key-properties"] for entry in of]
        assert [key[-1] for key in keys] == ["hour", "hour"], keys
        old, new = lab.compare(taps.both(config, catalogs[0]))
        lab.explain("states", of_states(old, new))


def some_apps_and_visitors_who_are_not_known(lab):
    fixture = Pendo()
    fixture.add("visitors", visitor("_PENDO_T_unknown", fixture.back(1)))
    fixture.add("features", entity("f-other", fixture.back(1), appId=-323232))
    with lab.pendo(fixture) as taps:
        anonymous = "include_anonymous_visitors"
        for key, value in (("app_ids", "1"), ("app_ids", "2, -323232"), (anonymous, "TRUE"), (anonymous, True), (anonymous, "false")):
            _, new = lab.compare(taps.both(fixture.config(**{key: value})))
            told = {record["visitor_id"] for record in new.records["visitors"]}
            assert ("_PENDO_T_unknown" in told) == (key == anonymous and value != "false")
        catalog = taps.catalog(FEATURES)
        texts = taps.both(fixture.config(app_ids="1"), catalog)[0].succeeded()
        for ids in ([1], ["1"], 1):
            old, new = taps.both(fixture.config(app_ids=ids), catalog)
            assert (old.code, differences(lab, texts, new.succeeded())) == (1, []), ids
        lab.show("app-ids")


def some_streams_and_fields(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog(["accounts", "guides", "guide_events", "poll_events"])
        for stream, *path in UNWANTED:
            metadata = next(entry for entry in catalog["streams"] if entry["stream"] == stream)["metadata"]
            metadata[:] = [each for each in metadata if each["breadcrumb"] != path]
            metadata.append({"breadcrumb": path, "metadata": {"inclusion": "available", "selected": False}})
        old, new = lab.compare(taps.both(catalog=catalog))
        lab.explain(
            "schemas",
            of_schemas(old, new),
            deselected_in_schema=lambda it: it.new == MISSING,
            bookmark_properties=lambda it: it.field == "bookmark_properties",
        )


def selections_of_other_catalogs(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        for selection in ({"selected": True}, {"metadata": {"selected-by-default": True}}):
            catalog = taps.catalog([])
            accounts = catalog["streams"][0]
            accounts["metadata"][0]["metadata"].pop("selected")
            accounts["metadata"][0]["metadata"].update(selection.pop("metadata", {}))
            accounts.update(selection)
            old, new = taps.both(catalog=catalog)
            assert (old.succeeded().text.count("RECORD"), len(new.succeeded().records["accounts"])) == (0, 3)
        lab.show("other-selections")
        catalog = taps.catalog(["accounts"])
        field = next(each["metadata"] for each in catalog["streams"][0]["metadata"] if each["breadcrumb"][1:] == ["metadata_auto"])
        field["selected-by-default"] = False
        lab.compare(taps.both(catalog=catalog), selected_by_default=lambda it: (it.field, it.new) == ("metadata_auto", MISSING))


def what_is_asked(lab):
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog()
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


def _first(run, stream):
    """Where the first record of a stream stands."""
    return next(n for n, message in enumerate(run.messages) if message["type"] == "RECORD" and message["stream"] == stream)


def _is_server_in_keys(it):
    return it.stream in SERVERS and "server" in f"{it.field} {it.new}"


def _is_history_keys(it):
    return it.stream == "visitor_history" and ("key" in it.field or it.new == "automatic")


def _is_track_type_name(it):
    return (it.stream, it.new) == ("track_types", ["null", "boolean", "string"])
