"""What becomes of values."""

import ast
import json

from fixtures import Pendo, account, entity, field, visitor
from runs import selected

# More than a double has.
DIGITS = "12345678901234567890123"


def values_that_both_can_read(lab):
    fixture = Pendo()
    fixture.add("features", entity("f-times", fixture.back(1), createdAt="2026-01-02T03:04:05+02:00"))
    fixture.add("features", entity("f-empty", fixture.back(1), name="", createdAt=None, kind=None))
    fixture.add("features", entity("f-digits", fixture.back(1), createdAt="1767322800123", appId="9.5"))
    fixture.add("features", entity("f-old", fixture.back(1), createdAt=-1), entity("f-zero", fixture.back(1), createdAt=0))
    fixture.add("features", entity("f-numbers", fixture.back(1), name=5, color=2.5, kind=10**22))
    fixture.add("features", entity("f-blanks", fixture.back(1), appId="", createdAt=""))
    fixture.add("events", fixture.count(30, 2, numEvents="3", numMinutes=10**15), fixture.count(31, 2, numEvents=""))
    fixture.add("accounts", account("a-texts", fixture.back(1), custString="\x00\n\"\\ é 日本 🦀", custInteger="x", custFloat="2.5"))
    fixture.add("accounts", account("a-nulls", fixture.back(1), custString=None, custTime=None, custInteger=None, custFloat=None))
    fixture.add("visitors", visitor("v-large", fixture.back(1), custInteger=9_007_199_254_740_993, custFloat=-0.5e-3))
    with lab.pendo(fixture) as taps:
        lab.compare(taps.both())


def values_that_are_changed(lab):
    fixture = Pendo()
    fixture.add("features", entity("f-null", fixture.back(1), dirty=None), entity("f-blank", fixture.back(1), dirty=""))
    fixture.add("features", entity("f-list", fixture.back(1), name=["a", 1, None], kind={"en": {"subName": None}}))
    fixture.add("features", entity("f-true", fixture.back(1), name=True, dirty="no", elementPathRules=["a", {"b": "é"}, None]))
    fixture.add("features", entity("f-switches", fixture.back(1), dirty=2.5), entity("f-zero", fixture.back(1), dirty=0))
    # The stand-in answers half a character where it has U+FFFD.
    fixture.add("features", entity("f-cut", fixture.back(1), name="cut \ufffd", elementPathRules=["\ufffd", "🦀"]))
    fixture.add("trackTypes", entity("t-name", fixture.back(1), trackTypeName="tt"))
    fixture.add("events", fixture.count(30, 2, numMinutes=3.7, numEvents=DIGITS, parameters={"fromWhere": "é", "list": [None]}))
    fixture.add("accounts", account("a-odd", fixture.back(1), custBoolean=None, custInteger=3.7, isVIP=None, custString={"o": [1, "it's"]}))
    with lab.pendo(fixture) as taps:
        lab.compare(
            taps.both(),
            null_boolean=lambda it: _is_switch(it, False, None) and it.record.get("id") != "f-blank",
            empty_switch=lambda it: _is_switch(it, False, None) and it.record.get("id") == "f-blank",
            number_switch=lambda it: _is_switch(it, True, 2.5),
            half_character=lambda it: "\ud83d" in str(it.old) and it.new == it.old.replace("\ud83d", "\ufffd"),
            digits=lambda it: it.field == "num_events" and it.old == int(DIGITS) and it.new == float(DIGITS),
            fraction=lambda it: it.kind == "value" and it.new == 3.7 and it.old == 3,
            nested_text=_is_json_in_place_of_python,
            boolean_from_text=lambda it: _is_switch(it, True, "no"),
            track_type_names=lambda it: it.field == "track_type_name" and it.old is True and it.new == "tt",
        )


def values_that_do_not_fit(lab):
    """The published tap ends where one of them is; Weir tells them as they are, and before the first one of its kind another
    SCHEMA, which it fits (each run of Weir is held against its schemas)."""
    unfit = {
        "appId": ["abc", [1], {"a": 1}],
        "createdAt": ["soon", 253_402_300_800_000, ["x"]],
        "createdByUser": ["someone", ["x"]],
        "elementPathRules": ["a", {"b": 1}],
    }
    for name, values in unfit.items():
        for value in values:
            fixture = Pendo(records=False)
            odd = {name: value}
            fixture.add("features", entity("f1", fixture.back(1)), *(entity(id, fixture.back(1), **odd) for id in ("f2", "f3")))
            with lab.pendo(fixture) as taps:
                old, new = taps.both(only=["features"])
                assert old.code == 1 and "Errors during transform" in old.errors, (name, value)
                assert [record["id"] for record in new.succeeded().records["features"]] == ["f1", "f2", "f3"], (name, value)
                kinds = [message["type"] for message in new.messages]
                assert kinds.count("SCHEMA") == 2 and kinds[0] == "SCHEMA" and kinds[-2:] == ["RECORD", "STATE"], kinds
                assert new.errors.count("told as they are") == 1, new.errors[-2000:]
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


def _is_switch(it, old, new):
    return it.kind == "value" and it.old is old and it.new == new


def _is_json_in_place_of_python(it):
    """Python's names differ from Pendo's, for the published tap changes them before."""
    if not (isinstance(it.old, str) and isinstance(it.new, str) and it.new[:1] in ("[", "{")):
        return False
    python, ours = ast.literal_eval(it.old), json.loads(it.new)
    return str(python) == it.old and type(python) is type(ours) and len(python) == len(ours)
