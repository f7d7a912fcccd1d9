//! Fixtures that are small: an ordinary one, and one with whatever collectors stumble over.

use serde_json::{Value, json};

use super::fixture::{Fixture, NOW};
use super::source::Source;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The kinds of parents, how their ids begin, and their events with the field of the parent.
const FAMILIES: [(Source, &str, Source, &str); 4] = [
    (Source::Features, "f", Source::FeatureEvents, "featureId"),
    (Source::Pages, "p", Source::PageEvents, "pageId"),
    (Source::Guides, "g", Source::GuideEvents, "guideId"),
    (Source::TrackTypes, "t", Source::TrackEvents, "trackTypeId"),
];

impl Fixture {
    /// Few rows of every source, as Pendo's documents show them.
    pub fn plain() -> Fixture {
        Self::plain_at(NOW)
    }

    /// The same at a time in milliseconds since 1970.
    pub fn plain_at(now: i64) -> Fixture {
        let mut fixture = Fixture::default()
            .at(now)
            .with_metadata("account", metadata("account"))
            .with_metadata("visitor", metadata("visitor"))
            .with(
                Source::Accounts,
                (1..=3).map(|n| account(&format!("a{n}"), now - n * HOUR)),
            )
            .with(
                Source::Visitors,
                (1..=4).map(|n| visitor(&format!("v{n}"), now - n * HOUR)),
            )
            .with(
                Source::Reports,
                (1..=2).map(|n| entity(&format!("r{n}"), now - n * HOUR)),
            )
            .with(Source::Events, counts(now, &[(3, 2), (1, 1), (0, 1)]))
            .with(Source::PollEvents, polls(singles(now, &[(2, 1), (1, 2)])))
            .with(
                Source::History,
                (1..=4).flat_map(|n| history(&format!("v{n}"), now)),
            );
        for (parents, prefix, events, field) in FAMILIES {
            for n in 1..=3 {
                let id = format!("{prefix}{n}");
                let rows = of_parent(rows_of(events, now, &[(2, 2), (1, n as usize)]), field, &id);
                fixture = fixture
                    .with(parents, [entity(&id, now - n * HOUR)])
                    .with(events, rows);
            }
        }
        fixture
    }

    /// Rows of every source with whatever collectors stumble over: ids that must be escaped, times that
    /// are equal, missing or null, days with more rows than small limits, values of other types than
    /// their fields', fields of every type and of none that is known, two apps, visitors who are not
    /// known or not to be processed.
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
        );
        for visitor in awkward_visitors(now) {
            if let Some(id) = visitor["visitorId"].as_str().filter(|id| *id != "v-quiet") {
                fixture = fixture.with(Source::History, awkward_history(id, now));
            }
        }
        for (parents, prefix, events, field) in FAMILIES {
            for (n, parent) in awkward_entities(prefix, now).into_iter().enumerate() {
                let id = parent["id"].as_str().expect("it has an id").to_owned();
                let rows = rows_of(events, now, awkward_days(n));
                fixture = fixture
                    .with(parents, [parent])
                    .with(events, of_parent(rows, field, &id));
            }
        }
        fixture
    }
}

/// What the fields of accounts or visitors are.
pub(super) fn metadata(kind: &str) -> Value {
    let mut auto = fields(&[
        ("firstvisit", "time"),
        ("id", "string"),
        ("idhash", "integer"),
        ("lastupdated", "time"),
        ("lastvisit", "time"),
    ]);
    let custom = fields(&[
        ("custString", "string"),
        ("custTime", "time"),
        ("custBoolean", "boolean"),
        ("custInteger", "integer"),
        ("custFloat", "float"),
    ]);
    if kind == "account" {
        return json!({"auto": auto, "custom": custom});
    }
    auto["accountid"] = field("string");
    auto["accountids"] = field("list");
    let agent = fields(&[("language", "string"), ("email", "string")]);
    let pendo = fields(&[("donotprocess", "boolean")]);
    json!({"agent": agent, "auto": auto, "custom": custom, "pendo": pendo})
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

fn fields(of: &[(&str, &str)]) -> Value {
    let each = of
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), field(kind)));
    Value::Object(each.collect())
}

fn field(kind: &str) -> Value {
    json!({
        "Type": kind, "DisplayName": "A field", "ElementType": "", "ElementFormat": "", "Dirty": false,
        "isHidden": false, "isDeleted": false, "isCalculated": false, "isPerApp": false, "neverIndex": false,
    })
}

fn account(id: &str, time: i64) -> Value {
    json!({
        "accountId": id,
        "metadata": {
            "auto": {"id": id, "idhash": 77, "lastupdated": time, "firstvisit": time - 30 * DAY, "lastvisit": time},
            "custom": {
                "custString": "ordinary", "custTime": time, "custBoolean": true, "custInteger": 3,
                "custFloat": 2.5,
            },
        },
    })
}

fn visitor(id: &str, time: i64) -> Value {
    let mut visitor = account("a1", time);
    visitor["visitorId"] = id.into();
    let fields = visitor.as_object_mut().expect("it is an object");
    fields.remove("accountId");
    let metadata = &mut visitor["metadata"];
    metadata["auto"]["id"] = id.into();
    metadata["auto"]["accountid"] = "a1".into();
    metadata["auto"]["accountids"] = json!(["a1", "a2"]);
    metadata["agent"] = json!({"language": "en_GB", "email": "someone@example.org"});
    metadata["pendo"] = json!({"donotprocess": false});
    visitor
}

/// A feature, a page, a guide, a track type or a report.
fn entity(id: &str, time: i64) -> Value {
    let user = json!({
        "id": "", "username": "someone@example.org", "userID": "u1", "first": "Some", "last": "One", "role": 8,
    });
    json!({
        "id": id, "name": format!("The one called {id}"), "appId": 1, "kind": "Feature", "isVIP": true,
        "createdAt": time - 30 * DAY, "lastUpdatedAt": time, "createdByUser": user, "lastUpdatedByUser": user,
        "group": {"id": "g", "name": "Group", "color": "red", "length": 2, "items": []},
        "dirty": false, "steps": [{"id": "s1", "guideId": id, "type": "lightbox"}],
        "rules": [{"rule": "//*/a", "designerHint": "h", "parsedRule": "^a$"}],
    })
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
        "custString": "\u{0}\n\"\\ é 日本 \u{1F980}", "custTime": now - 1, "custBoolean": null,
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

fn rows_of(source: Source, now: i64, days: &[(i64, usize)]) -> Vec<Value> {
    match source.is_counted() {
        true => counts(now, days),
        false => singles(now, days),
    }
}

fn of_parent(mut rows: Vec<Value>, field: &str, id: &str) -> Vec<Value> {
    for row in &mut rows {
        row[field] = id.into();
    }
    rows
}

/// So many rows so many days ago, each of another visitor, three in an hour.
fn counts(now: i64, days: &[(i64, usize)]) -> Vec<Value> {
    let today = now.div_euclid(DAY) * DAY;
    let times = days
        .iter()
        .flat_map(|&(ago, count)| (0..count).map(move |n| (today - ago * DAY, n as i64 / 3)));
    let rows = times.enumerate().map(|(n, (day, hour))| {
        let mut row = json!({
            "visitorId": format!("v{n}"), "accountId": "a1", "appId": n % 4 / 3 + 1, "day": day,
            "hour": day + hour * HOUR, "numEvents": n + 1, "numMinutes": 2, "server": "www.example.org",
            "remoteIp": "192.0.2.7", "userAgent": format!("Browser/1.0 ({n})"), "parameters": null,
            "properties": {"phone": true, "Plan Name": "x"}, "unknownField": [1],
        });
        if n % 5 == 2 {
            row["accountId"] = Value::Null;
            row["numMinutes"] = 3.7.into();
            row["parameters"] = json!({"fromWhere": "é", "list": [null]});
        }
        row
    });
    rows.collect()
}

/// So many rows so many days ago, all of a day but the last of one time.
fn singles(now: i64, days: &[(i64, usize)]) -> Vec<Value> {
    let today = now.div_euclid(DAY) * DAY;
    let times = days.iter().flat_map(|&(ago, count)| {
        // Whatever time it is today, it is in the past.
        let hour = if ago == 0 { 0 } else { 5 * HOUR };
        let time = today - ago * DAY + hour + 123;
        (0..count).map(move |n| time + i64::from(n + 1 == count))
    });
    let rows = times.enumerate().map(|(n, time)| {
        json!({
            "visitorId": format!("v{n}"), "accountId": "a1", "accountIds": ["a1"], "appId": n % 4 / 3 + 1,
            "browserTime": time, "type": "guideSeen", "guideStepId": "s1", "pollId": null, "country": "GB",
            "url": format!("https://example.org/{n}?é"), "latitude": 51.5, "longitude": -0.1, "loadTime": 250,
            "remoteIp": "192.0.2.7", "serverName": "www.example.org", "userAgent": "Browser/1.0",
        })
    });
    rows.collect()
}

fn polls(mut rows: Vec<Value>) -> Vec<Value> {
    for (n, row) in rows.iter_mut().enumerate() {
        row["pollId"] = format!("poll{n}").into();
        row["pollResponse"] = if n % 2 == 0 {
            5.into()
        } else {
            "very é".into()
        };
    }
    rows
}

/// What a visitor did in the last days: at the edges of days, twice at one time, over midnight.
fn history(visitor: &str, now: i64) -> Vec<Value> {
    let today = now.div_euclid(DAY) * DAY;
    let entry = |ts: i64, last: i64, kind: &str| {
        json!({
            "visitorId": visitor, "ts": ts, "lastTs": last, "type": kind, "duration": 3, "appId": 1,
            "parsedUserAgent": {"name": "Browser", "version": "1.0", "os": "Linux"}, "featureId": null,
            "uri": "https://example.org/é",
        })
    };
    vec![
        entry(today - 3 * DAY, today - 3 * DAY + 5, "page"),
        entry(today - 2 * DAY - 1, today - 2 * DAY + HOUR, "feature"),
        entry(today - 2 * DAY, today - 2 * DAY, "page"),
        entry(today - DAY + 7, today - DAY + 7, "page"),
        entry(today - DAY + 7, today - DAY + 9, "track"),
        entry(now - HOUR, now - HOUR + 1, "guide"),
    ]
}

/// The same with ends that are null or missing.
fn awkward_history(visitor: &str, now: i64) -> Vec<Value> {
    let mut entries = history(visitor, now);
    entries[2]["lastTs"] = Value::Null;
    let endless = entries[3].as_object_mut().expect("it is an object");
    endless.remove("lastTs");
    entries
}
