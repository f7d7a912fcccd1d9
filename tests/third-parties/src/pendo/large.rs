//! Fixtures for measuring: many ordinary rows, whose answers cost next to nothing.

use serde_json::{Value, json};

use super::fixture::{Fixture, NOW};
use super::plain::metadata;
use super::source::Source;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Over how many days events are spread.
const DAYS: i64 = 30;

/// The parents of events.
const PARENTS: [(Source, &str); 4] = [
    (Source::Features, "feature"),
    (Source::Pages, "page"),
    (Source::Guides, "guide"),
    (Source::TrackTypes, "track"),
];

/// Events of parents, the field of the parent, and how many of 100 rows are theirs.
const CHILDREN: [(Source, &str, &str, usize); 4] = [
    (Source::FeatureEvents, "featureId", "feature", 15),
    (Source::PageEvents, "pageId", "page", 15),
    (Source::GuideEvents, "guideId", "guide", 10),
    (Source::TrackEvents, "trackTypeId", "track", 10),
];

impl Fixture {
    /// So many rows over all sources, of the last 30 days. One visitor in 50 has a history, of the last
    /// two days; the others do not want one. Answers are not packed.
    pub fn large(rows: usize) -> Fixture {
        Self::large_at(rows, NOW)
    }

    /// The same at a time in milliseconds since 1970.
    pub fn large_at(rows: usize, now: i64) -> Fixture {
        let (parents, twentieth) = (rows.div_ceil(2_000), rows / 20);
        let mut fixture = Fixture::default()
            .at(now)
            .unpacked()
            .with_metadata("account", metadata("account"))
            .with_metadata("visitor", metadata("visitor"))
            .with(Source::Accounts, (0..twentieth).map(|n| account(n, now)))
            .with(Source::Visitors, (0..twentieth).map(|n| visitor(n, now)))
            .with(
                Source::Reports,
                (0..parents).map(|n| entity("report", n, now)),
            );
        for (source, name) in PARENTS {
            fixture = fixture.with(source, (0..parents).map(|n| entity(name, n, now)));
        }
        for (source, field, name, share) in CHILDREN {
            let share = rows * share / 100;
            let events = (0..share).map(|n| {
                let mut event = match source.is_counted() {
                    true => count(n, share, now),
                    false => single(n, share, now),
                };
                event[field] = format!("{name}{:06}", n % parents).into();
                event
            });
            fixture = fixture.with(source, events);
        }
        let polls = rows / 10;
        fixture = fixture.with(Source::PollEvents, (0..polls).map(|n| poll(n, polls, now)));
        let historic = twentieth.div_ceil(50);
        let entries =
            (0..twentieth).map(|n| entry(&format!("visitor{:06}", n % historic * 50), n, now));
        fixture = fixture.with(Source::History, entries);
        let left = rows.saturating_sub(fixture.len());
        fixture.with(Source::Events, (0..left).map(|n| count(n, left, now)))
    }

    /// So many visitors with a short history each: two entries of the last day.
    pub fn histories(visitors: usize) -> Fixture {
        Self::histories_at(visitors, NOW)
    }

    /// The same at a time in milliseconds since 1970.
    pub fn histories_at(visitors: usize, now: i64) -> Fixture {
        let wanting = |n: usize| {
            let mut visitor = visitor(n, now);
            visitor["metadata"]["pendo"]["donotprocess"] = false.into();
            visitor
        };
        let entries = (0..visitors * 2).map(|n| entry(&format!("visitor{:06}", n / 2), n, now));
        Fixture::default()
            .at(now)
            .with_metadata("account", metadata("account"))
            .with_metadata("visitor", metadata("visitor"))
            .with(Source::Visitors, (0..visitors).map(wanting))
            .with(Source::History, entries)
    }
}

fn account(n: usize, now: i64) -> Value {
    json!({
        "accountId": format!("account{n:06}"),
        "metadata": {
            "auto": {"id": format!("account{n:06}"), "idhash": n, "lastupdated": ago(n, now), "firstvisit": now - DAYS * DAY},
            "custom": {"custString": "ordinary", "custInteger": n},
        },
    })
}

fn visitor(n: usize, now: i64) -> Value {
    json!({
        "visitorId": format!("visitor{n:06}"),
        "metadata": {
            "auto": {
                "id": format!("visitor{n:06}"), "idhash": n, "accountids": [format!("account{n:06}")],
                "lastupdated": ago(n, now), "lastvisit": ago(n, now), "firstvisit": now - DAYS * DAY,
            },
            "agent": {"language": "en_GB", "email": format!("{n}@example.org")},
            "custom": {"custString": "ordinary", "custInteger": n, "custBoolean": n.is_multiple_of(2)},
            "pendo": {"donotprocess": !n.is_multiple_of(50)},
        },
    })
}

/// A time of the last 20 hours.
fn ago(n: usize, now: i64) -> i64 {
    now - 20 * HOUR + (n as i64 * 7_919) % (19 * HOUR)
}

fn entity(name: &str, n: usize, now: i64) -> Value {
    let user = json!({"id": "", "username": "someone@example.org", "first": "Some", "last": "One", "role": 8});
    json!({
        "id": format!("{name}{n:06}"), "name": format!("An ordinary {name}, {n}"), "appId": 1, "kind": name,
        "createdAt": now - DAYS * DAY, "lastUpdatedAt": ago(n, now),
        "createdByUser": user, "lastUpdatedByUser": user,
    })
}

/// When the n-th of so many events was.
fn moment(n: usize, of: usize, now: i64) -> i64 {
    let today = now.div_euclid(DAY) * DAY;
    today - DAYS * DAY + (n as i64 * DAYS * DAY) / of.max(1) as i64
}

/// The n-th of so many counts.
fn count(n: usize, of: usize, now: i64) -> Value {
    json!({
        "visitorId": format!("visitor{:06}", n % 10_000), "accountId": "account000001", "appId": 1,
        "day": moment(n, of, now).div_euclid(DAY) * DAY, "numEvents": n % 9 + 1, "numMinutes": 2,
        "server": "www.example.org", "remoteIp": "192.0.2.7",
        "userAgent": format!("Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0 {n}"),
    })
}

/// The n-th of so many events that are told one by one.
fn single(n: usize, of: usize, now: i64) -> Value {
    json!({
        "visitorId": format!("visitor{:06}", n % 10_000), "accountId": "account000001", "appId": 1,
        "browserTime": moment(n, of, now), "type": "guideSeen", "guideStepId": "step1",
        "url": format!("https://example.org/{n}"), "country": "GB", "loadTime": 250, "latitude": 51.5,
        "longitude": -0.1, "remoteIp": "192.0.2.7", "serverName": "www.example.org",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0",
    })
}

fn poll(n: usize, of: usize, now: i64) -> Value {
    let mut poll = single(n, of, now);
    poll["pollId"] = format!("poll{n}").into();
    poll["pollResponse"] = "5".into();
    poll
}

fn entry(visitor: &str, n: usize, now: i64) -> Value {
    let at = ago(n, now);
    json!({
        "visitorId": visitor, "type": format!("page{n}"), "ts": at, "lastTs": at + 60_000, "duration": 60,
        "pageId": "page000000", "uri": "https://example.org/start", "appId": 1,
    })
}
