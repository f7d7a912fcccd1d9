"""What is said of configurations, catalogs and states that are wrong."""

import json

from fixtures import Pendo, written
from runs import selected

WRONG = {
    "period": "weekRange",
    "record_limit": "-1",
    "start_date": "soon",
    "app_ids": "1,x",
    "request_timeout": "x",
    "lookback_window": "1.5",
}


def what_is_wrong_is_said(lab):
    """In a line that names it, by exit status 1; the published tap ends with a traceback, or says nothing."""
    fixture = Pendo()
    with lab.pendo(fixture) as taps:
        catalog = taps.catalog()
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
    for key, value in WRONG.items():
        taps.new("--discover", config=fixture.config(**{key: value})).failed("error: ", f"config.json: {key}", value.split(",")[-1])
    for key in ("start_date", "x_pendo_integration_key", "period"):
        without = {name: value for name, value in fixture.config().items() if name != key}
        taps.new("--discover", config=without).failed("config.json", key)
        taps.old("--discover", config=without).failed(key)
    for value in ({"period": "weekRange"}, {"lookback_window": "1.5"}, {"record_limit": -1}):
        taps.old("--discover", config=fixture.config(**value)).succeeded()
    for value in ([], " ", [1, "x"], {"1": 2}):
        taps.new("--discover", config=fixture.config(app_ids=value)).failed("error: ", "config.json: app_ids")
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
