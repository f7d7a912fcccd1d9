//! A fixture that is small and ordinary, and rows as Pendo's documents show them.

use serde_json::{Value, json};

use super::fixture::{Fixture, NOW};
use super::source::Source;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The kinds of parents, how their ids begin, and their events with the field of the parent.
pub(super) const FAMILIES: [(Source, &str, Source, &str); 4] = [
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

fn fields(of: &[(&str, &str)]) -> Value {
    let each = of
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), field(kind)));
    Value::Object(each.collect())
}

pub(super) fn field(kind: &str) -> Value {
    json!({
        "Type": kind, "DisplayName": "A field", "ElementType": "", "ElementFormat": "", "Dirty": false,
        "isHidden": false, "isDeleted": false, "isCalculated": false, "isPerApp": false, "neverIndex": false,
    })
}

pub(super) fn account(id: &str, time: i64) -> Value {
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

pub(super) fn visitor(id: &str, time: i64) -> Value {
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
pub(super) fn entity(id: &str, time: i64) -> Value {
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

pub(super) fn rows_of(source: Source, now: i64, days: &[(i64, usize)]) -> Vec<Value> {
    match source.is_counted() {
        true => counts(now, days),
        false => singles(now, days),
    }
}

pub(super) fn of_parent(mut rows: Vec<Value>, field: &str, id: &str) -> Vec<Value> {
    for row in &mut rows {
        row[field] = id.into();
    }
    rows
}

/// So many rows so many days ago, each of another visitor, three in an hour.
pub(super) fn counts(now: i64, days: &[(i64, usize)]) -> Vec<Value> {
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
pub(super) fn singles(now: i64, days: &[(i64, usize)]) -> Vec<Value> {
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

pub(super) fn polls(mut rows: Vec<Value>) -> Vec<Value> {
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
pub(super) fn history(visitor: &str, now: i64) -> Vec<Value> {
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
