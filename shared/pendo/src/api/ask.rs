//! What is asked: addresses and bodies. Source: Pendo's API, engageapi.pendo.io, "Aggregation",
//! "Visitor", "Metadata" and "Reports".

use serde_json::{Map, Value, json};
use weir_collector::{Fault, http};

use crate::config::{Config, Period};
use crate::streams::{EntityKind, EventTime, EventsKind, MetadataOf, StreamId};
use crate::sync::DAY_MS;

const AGGREGATION: &str = "/api/v1/aggregation";

/// Where the rows of an aggregation are.
const RESULTS: &[&str] = &["results"];

/// The largest thing, report or document of metadata: one is read at a time.
const THING_BYTES: u64 = 8 << 20;

/// The largest event or moment of a history: several are read at a time.
const ROW_BYTES: u64 = 1 << 20;

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    path: String,
    route: String,
    query: Option<(&'static str, String)>,
    body: Option<Value>,
    item_bytes: u64,
}

/// The apps that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Apps {
    ids: Option<Vec<i64>>,
    with_anonymous: bool,
}

impl Apps {
    pub(crate) fn of(config: &Config) -> Apps {
        Apps {
            ids: config.app_ids.clone(),
            with_anonymous: config.include_anonymous,
        }
    }

    fn value(&self) -> Value {
        match &self.ids {
            Some(ids) => json!(ids),
            None => json!("expandAppIds(\"*\")"),
        }
    }
}

impl Ask {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What it is called in logs and errors.
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    pub(super) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.query.iter();
        query.map(|(name, value)| (*name, value.as_str()))
    }

    pub(super) fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// How large a row may be.
    pub(super) fn item_bytes(&self) -> u64 {
        self.item_bytes
    }

    /// Where the list of rows is in the answer.
    pub(super) fn list(&self) -> &'static [&'static str] {
        match self.body {
            Some(_) => RESULTS,
            None => &[],
        }
    }
}

/// A page of things, sorted by their ids.
pub(crate) fn entity(kind: &EntityKind, apps: &Apps, filter: Option<String>, limit: u64) -> Ask {
    let source = match kind.source {
        "visitors" => json!({"visitors": {"identified": !apps.with_anonymous}}),
        source => json!({source: {"appId": apps.value()}}),
    };
    aggregation(kind.name, source, kind.id, filter, ("limit", limit.into()))
}

/// What events are asked for: of a parent, or of apps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventsAsked<'a> {
    pub(crate) stream: StreamId,
    pub(crate) kind: &'a EventsKind,
    pub(crate) apps: &'a Apps,
    pub(crate) parent: Option<&'a str>,
    pub(crate) period: Period,
    /// From when on they have arrived.
    pub(crate) since: i64,
}

/// A page of events, sorted by their time: from one time up to another, or now.
///
/// A series of times counts by when Pendo received an event. A browser says when it was by a clock of
/// its own, which may be days ahead or behind: its events are asked for in one series, whatever the
/// page, and the filter alone moves on.
pub(crate) fn events(asked: EventsAsked<'_>, span: (i64, Option<i64>), limit: u64) -> Ask {
    all_events(asked, span, ("limit", limit.into()))
}

/// How many events there are from one time up to another, or now.
pub(crate) fn events_count(asked: EventsAsked<'_>, span: (i64, Option<i64>)) -> Ask {
    all_events(asked, span, ("count", Value::Null))
}

fn all_events(asked: EventsAsked<'_>, span: (i64, Option<i64>), end: (&str, Value)) -> Ask {
    let EventsAsked {
        stream,
        kind,
        apps,
        parent,
        period,
        since,
    } = asked;
    let (from, until) = span;
    let of = match (kind.parent_key, parent) {
        (Some(key), Some(parent)) => json!({key: parent}),
        _ => json!({"appId": apps.value()}),
    };
    let (first, last) = match (kind.time, until) {
        (EventTime::Browser, _) => (since, json!("now()")),
        (EventTime::Period, None) => (from, json!("now()")),
        // The filter ends it. The series goes on for a day, so that the last day or hour before the
        // end is a whole one, whatever the account's clocks say.
        (EventTime::Period, Some(until)) => (from, json!(until.saturating_add(DAY_MS))),
    };
    let source = json!({
        kind.source: of,
        "timeSeries": {"period": period.range(), "first": first, "last": last},
    });
    let field = kind.time.field(period);
    let filter = match until {
        Some(until) => format!("{field}>={from} && {field}<{until}"),
        None => format!("{field}>={from}"),
    };
    let name = format!("all-{}", stream.name().replace('_', "-"));
    Ask {
        item_bytes: ROW_BYTES,
        ..aggregation(&name, source, field, Some(filter), end)
    }
}

/// A day of a visitor's history, from a moment.
///
/// # Errors
/// When no address can have the visitor's id in it.
pub(crate) fn history(visitor: &str, start: i64) -> Result<Ask, Fault> {
    let id = http::segment(visitor)?;
    Ok(Ask {
        query: Some(("starttime", start.to_string())),
        item_bytes: ROW_BYTES,
        ..get(
            format!("/api/v1/visitor/{id}/history"),
            "/api/v1/visitor/{id}/history",
        )
    })
}

/// All reports.
pub(crate) fn reports() -> Ask {
    get("/api/v1/report".to_owned(), "/api/v1/report")
}

/// What is known of the fields of accounts or visitors.
pub(crate) fn metadata(of: MetadataOf) -> Ask {
    let path = format!("/api/v1/metadata/schema/{}", of.segment());
    let route = path.clone();
    get(path, &route)
}

/// A text as a filter has it.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn get(path: String, route: &str) -> Ask {
    Ask {
        path,
        route: route.to_owned(),
        query: None,
        body: None,
        item_bytes: THING_BYTES,
    }
}

/// The stages go in the order in which they are carried out.
fn aggregation(
    name: &str,
    source: Value,
    sort: &str,
    filter: Option<String>,
    (last, value): (&str, Value),
) -> Ask {
    let stage = |key: &str, value: Value| Value::Object(Map::from_iter([(key.to_owned(), value)]));
    let mut pipeline = vec![stage("source", source), stage("sort", json!([sort]))];
    pipeline.extend(filter.map(|filter| stage("filter", filter.into())));
    pipeline.push(stage(last, value));
    let body = json!({
        "response": {"mimeType": "application/json"},
        "request": {"name": name, "requestId": name, "pipeline": pipeline},
    });
    Ask {
        path: AGGREGATION.to_owned(),
        route: format!("{AGGREGATION} ({name})"),
        query: None,
        body: Some(body),
        item_bytes: THING_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::Kind;

    fn pipeline(ask: &Ask) -> Value {
        ask.body().expect("a body")["request"]["pipeline"].clone()
    }

    #[test]
    fn things_are_asked_for_by_id() {
        let apps = Apps {
            ids: None,
            with_anonymous: false,
        };
        let Kind::Entity(kind) = StreamId::Features.kind() else {
            panic!("features are things");
        };
        let ask = entity(&kind, &apps, Some("id>\"a\"".to_owned()), 7);
        let expected = json!({
            "response": {"mimeType": "application/json"},
            "request": {"name": "all-features", "requestId": "all-features", "pipeline": [
                {"source": {"features": {"appId": "expandAppIds(\"*\")"}}},
                {"sort": ["id"]}, {"filter": "id>\"a\""}, {"limit": 7},
            ]},
        });
        assert_eq!(ask.body(), Some(&expected));
    }

    #[test]
    fn events_are_asked_for_by_time_of_a_parent_or_of_apps() {
        let apps = Apps {
            ids: Some(vec![1, 2]),
            with_anonymous: false,
        };
        let ask = |stream: StreamId, parent, span| {
            let Kind::Events(kind) = stream.kind() else {
                panic!("{stream} is of events");
            };
            let asked = EventsAsked {
                stream,
                kind: &kind,
                apps: &apps,
                parent,
                period: Period::Hour,
                since: 2,
            };
            pipeline(&events(asked, span, 3))
        };
        let series = json!({"period": "hourRange", "first": 5, "last": "now()"});
        assert_eq!(
            ask(StreamId::Events, None, (5, None)),
            json!([
                {"source": {"events": {"appId": [1, 2]}, "timeSeries": series}},
                {"sort": ["hour"]}, {"filter": "hour>=5"}, {"limit": 3},
            ])
        );
        let series = json!({"period": "hourRange", "first": 5, "last": 9 + DAY_MS});
        assert_eq!(
            ask(StreamId::FeatureEvents, Some("f"), (5, Some(9))),
            json!([
                {"source": {"featureEvents": {"featureId": "f"}, "timeSeries": series}},
                {"sort": ["hour"]}, {"filter": "hour>=5 && hour<9"}, {"limit": 3},
            ])
        );
        let series = json!({"period": "hourRange", "first": 2, "last": "now()"});
        assert_eq!(
            ask(StreamId::GuideEvents, Some("g"), (5, Some(9))),
            json!([
                {"source": {"guideEvents": {"guideId": "g"}, "timeSeries": series}},
                {"sort": ["browserTime"]}, {"filter": "browserTime>=5 && browserTime<9"},
                {"limit": 3},
            ])
        );
    }

    #[test]
    fn events_are_counted_as_they_are_asked_for() {
        let apps = Apps {
            ids: None,
            with_anonymous: false,
        };
        let Kind::Events(kind) = StreamId::PageEvents.kind() else {
            panic!("page events are events");
        };
        let asked = EventsAsked {
            stream: StreamId::PageEvents,
            kind: &kind,
            apps: &apps,
            parent: Some("p"),
            period: Period::Day,
            since: 2,
        };
        let mut page = pipeline(&events(asked, (5, None), 3));
        page[3] = json!({"count": null});
        assert_eq!(pipeline(&events_count(asked, (5, None))), page);
    }

    #[test]
    fn an_id_in_a_path_is_escaped() {
        let ask = history("a/b#c?d%e f", 5).unwrap();
        assert_eq!(ask.path(), "/api/v1/visitor/a%2Fb%23c%3Fd%25e%20f/history");
        assert_eq!(ask.query().collect::<Vec<_>>(), [("starttime", "5")]);
        assert_eq!(ask.route(), "/api/v1/visitor/{id}/history");
    }

    #[test]
    fn a_text_in_a_filter_is_escaped() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
    }

    #[test]
    fn anonymous_visitors_come_where_they_are_wanted() {
        for (with_anonymous, identified) in [(true, false), (false, true)] {
            let apps = Apps {
                ids: None,
                with_anonymous,
            };
            let Kind::Entity(kind) = StreamId::Visitors.kind() else {
                panic!("visitors are things");
            };
            let stages = pipeline(&entity(&kind, &apps, None, 1));
            assert_eq!(
                stages[0],
                json!({"source": {"visitors": {"identified": identified}}})
            );
            assert_eq!(stages[1], json!({"sort": ["visitorId"]}));
        }
    }
}
