//! A fixture that is small, with whatever collectors stumble over.

use serde_json::{Value, json};

use super::fixture::{Fixture, NOW};
use super::plain::{
    FAMILIES, account, counts, entity, field, history, metadata, of_parent, polls, rows_of,
    singles, visitor,
};
use super::source::Source;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

impl Fixture {
    /// Rows of every source with whatever collectors stumble over: ids that must be escaped, times that
    /// are equal, missing or null, days with more rows than small limits, halves of characters, values
    /// of other types than their fields', fields of every type and of none that is known, two apps,
    /// visitors who are not known or not to be processed.
    pub fn awkward() -> Fixture {
        Self::awkward_at(NOW)
    }

    /// The same at a time in milliseconds since 1970.
    pub fn awkward_at(now: i64) -> Fixture {
        let mut fixture = Fixture {
            wide: true,
            ..Fixture::default()
        }
        .at(now)
        .with_metadata("account", odd_metadata("account"))
        .with_metadata("visitor", odd_metadata("visitor"))
        .with(Source::Accounts, awkward_accounts(now))
        .with(Source::Visitors, awkward_visitors(now))
        .with(Source::Reports, awkward_entities("r", now))
        .with(
            Source::Events,
            counts(now, &[(9, 1), (4, 11), (3, 1), (1, 6), (0, 2)]),
        )
        .with(
            Source::PollEvents,
            polls(singles(now, &[(5, 9), (4, 1), (1, 3)])),
        )
        .with(Source::PollEvents, polls(misdated(now)));
        for visitor in awkward_visitors(now) {
            if let Some(id) = visitor["visitorId"].as_str().filter(|id| *id != "v-quiet") {
                fixture = fixture.with(Source::History, awkward_history(id, now));
            }
        }
        for (parents, prefix, events, field) in FAMILIES {
            for (n, parent) in awkward_entities(prefix, now).into_iter().enumerate() {
                let id = parent["id"].as_str().expect("it has an id").to_owned();
                let rows = rows_of(events, now, awkward_days(n));
                let odd = match events.is_counted() {
                    true => Vec::new(),
                    false => of_parent(misdated(now), field, &id),
                };
                fixture = fixture
                    .with(parents, [parent])
                    .with(events, of_parent(rows, field, &id))
                    .with(events, odd);
            }
        }
        fixture
    }
}

/// The same with types and names that not everyone knows.
fn odd_metadata(kind: &str) -> Value {
    let mut metadata = metadata(kind);
    let odd = [
        ("custList", "list"),
        ("custOdd", "holographic"),
        ("custNone", ""),
        ("Plan Name", "string"),
        ("isVIP", "boolean"),
        ("größe", "float"),
    ];
    for (name, kind) in odd {
        metadata["custom"][name] = field(kind);
    }
    metadata
}

fn awkward_accounts(now: i64) -> Vec<Value> {
    let mut accounts: Vec<Value> = [
        "a1", "a/2", "ä#3 ?%", "a\"4\\", "a5", "a6", "a7", "a8", "a9",
    ]
    .into_iter()
    .map(|id| account(id, now - DAY))
    .collect();
    accounts[3]["metadata"]["auto"]["lastupdated"] = (now - HOUR).into();
    accounts[4]["metadata"]["auto"]["lastupdated"] = Value::Null;
    accounts[5]["metadata"]["auto"] = json!({});
    accounts[6]["metadata"]["custom"] = odd_values(now);
    accounts[7]["metadata"]["custom"] = odder_values();
    let without = accounts[8].as_object_mut().expect("it is an object");
    without.remove("metadata");
    accounts
}

fn awkward_visitors(now: i64) -> Vec<Value> {
    let ordinary = [
        "v1", "v/2", "v#3", "v?4", "v%5", "v%2F6", "v\"7", "v\\8", "v 9", "vé10", "日本11", "v+12",
        "v;=&13",
    ];
    let mut visitors: Vec<Value> = ordinary
        .iter()
        .enumerate()
        .map(|(n, id)| visitor(id, now - (n as i64 / 4) * DAY))
        .collect();
    let mut extra = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut one = visitor(id, now - DAY);
        change(&mut one["metadata"]);
        visitors.push(one);
    };
    extra("v-private", &|it| it["pendo"]["donotprocess"] = true.into());
    extra("v-private-null", &|it| it["pendo"] = Value::Null);
    extra("v-quiet", &|it| it["auto"]["lastvisit"] = Value::Null);
    extra("v-timeless", &|it| {
        it["auto"] = json!({"id": "v-timeless", "lastupdated": null})
    });
    extra("v-no-update", &|it| {
        it["auto"] = json!({"lastvisit": now - HOUR})
    });
    extra("v-visits", &|it| {
        it["auto"]["lastupdated"] = (now - 40 * DAY).into()
    });
    extra("v-old", &|it| {
        it["auto"] = json!({"lastupdated": now - 200 * DAY, "lastvisit": now - 200 * DAY});
    });
    extra("v-odd", &|it| it["custom"] = odd_values(now));
    extra("v-odder", &|it| it["custom"] = odder_values());
    extra("v-bare", &|it| *it = Value::Null);
    extra("_PENDO_T_unknown1", &|_| {});
    extra("_PENDO_T_unknown/2", &|_| {});
    visitors
}

/// Values of the right kind that are easily got wrong.
fn odd_values(now: i64) -> Value {
    json!({
        "custString": "\u{0}\n\"\\ é 日本 \u{1F980} \u{FFFD}", "custTime": now - 1, "custBoolean": null,
        "custInteger": 3.7, "custFloat": -0.5e-3, "custList": ["a", 1, null], "custOdd": {"x": [1]},
        "custNone": "none", "Plan Name": null, "isVIP": false, "größe": 7, "undeclared": "is in no schema",
    })
}

/// Values of other kinds than their fields'.
fn odder_values() -> Value {
    json!({
        "custString": {"o": 1, "nested": {"deepKey": null}}, "custTime": null, "custInteger": 9_007_199_254_740_993_i64,
        "custFloat": "2.5", "custList": {"not": "a list"}, "custOdd": null, "Plan Name": ["a"], "isVIP": null,
    })
}

/// Parents of which two have one time, one has none and one has null.
fn awkward_entities(prefix: &str, now: i64) -> Vec<Value> {
    let id = |rest: &str| format!("{prefix}{rest}");
    let mut entities: Vec<Value> = ["1", "2", "3", "4", "/5 é", "6", "7", "\"8\\", "-late"]
        .into_iter()
        .map(|rest| entity(&id(rest), now - 2 * DAY))
        .collect();
    entities[0]["lastUpdatedAt"] = (now - 3 * DAY).into();
    entities[2]["lastUpdatedAt"] = Value::Null;
    let timeless = entities[3].as_object_mut().expect("it is an object");
    timeless.remove("lastUpdatedAt");
    entities[5]["appId"] = 2.into();
    entities[5]["name"] = "cut in an emoji: \u{FFFD}".into();
    let odd = &mut entities[6];
    odd["name"] = json!({"en": "a name", "subNames": [null, 1]});
    odd["kind"] = Value::Null;
    odd["dirty"] = Value::Null;
    odd["group"]["length"] = 2.5.into();
    odd["createdByUser"] = Value::Null;
    odd["steps"] = Value::Null;
    entities[8]["lastUpdatedAt"] = (now - HOUR).into();
    entities
}

/// How many rows the events of the n-th parent have, by how many days ago.
fn awkward_days(parent: usize) -> &'static [(i64, usize)] {
    match parent {
        1 => &[(5, 1), (4, 13), (3, 1)],
        2 => &[(4, 2), (2, 2)],
        3 => &[(6, 3), (0, 1)],
        4 => &[(1, 5)],
        6 => &[(2, 1)],
        7 => &[],
        _ => &[(4, 3), (3, 3), (1, 1)],
    }
}

/// Two events of browsers whose clocks are days ahead, and one whose is behind.
fn misdated(now: i64) -> Vec<Value> {
    let mut rows = singles(now, &[(6, 3)]);
    let by = [(-7, 3), (-5, 1), (-1, -9)];
    for (row, (received, browser)) in rows.iter_mut().zip(by) {
        row["receivedAt"] = (now + received * DAY).into();
        row["browserTime"] = (now + browser * DAY).into();
    }
    rows
}

/// The same with ends that are null or missing.
fn awkward_history(visitor: &str, now: i64) -> Vec<Value> {
    let mut entries = history(visitor, now);
    entries[2]["lastTs"] = Value::Null;
    let endless = entries[3].as_object_mut().expect("it is an object");
    endless.remove("lastTs");
    entries
}
