//! Rows as Pendo has them.

use serde_json::{Value, json};

use crate::world::{DAY, HOUR};

/// A feature, a page, a guide or a track type.
pub(crate) fn thing(id: &str, time: Option<i64>) -> Value {
    let mut thing = json!({"id": id, "name": format!("The one called {id}"), "appId": 1});
    if let Some(time) = time {
        thing["lastUpdatedAt"] = time.into();
    }
    thing
}

/// Uses of a feature in an hour and a day, by someone.
pub(crate) fn use_of(feature: &str, time: i64, number: usize) -> Value {
    let mut row = count(time, number);
    row["featureId"] = feature.into();
    row
}

/// What someone did in an hour and a day.
pub(crate) fn count(time: i64, number: usize) -> Value {
    json!({
        "visitorId": format!("v{number}"), "accountId": "a1", "server": "www", "remoteIp": "192.0.2.1",
        "userAgent": "Browser/1.0", "appId": 1, "numEvents": number, "numMinutes": 1,
        "day": time - time.rem_euclid(DAY), "hour": time - time.rem_euclid(HOUR),
    })
}

/// Someone who was last seen and changed then.
pub(crate) fn visitor(id: &str, time: i64) -> Value {
    json!({
        "visitorId": id,
        "metadata": {"auto": {"id": id, "lastupdated": time, "lastvisit": time}},
    })
}

/// What someone did at a moment.
pub(crate) fn moment(visitor: &str, time: i64) -> Value {
    json!({"visitorId": visitor, "ts": time, "lastTs": time + 5, "type": "page", "uri": "https://example.org/"})
}

/// What someone did with a guide at a moment.
pub(crate) fn click(guide: &str, time: i64) -> Value {
    json!({
        "guideId": guide, "guideStepId": "s", "visitorId": "v", "accountId": "a1", "type": "guideSeen",
        "url": "https://example.org/", "appId": 1, "browserTime": time,
    })
}

/// The same, of a browser whose clock is so much ahead, or behind.
pub(crate) fn misdated(mut row: Value, by: i64) -> Value {
    let time = row["browserTime"].as_i64().expect("a time");
    row["receivedAt"] = time.into();
    row["browserTime"] = (time + by).into();
    row
}

/// What someone answered to a poll at a moment.
pub(crate) fn vote(time: i64, number: usize) -> Value {
    json!({
        "visitorId": format!("v{number}"), "accountId": "a1", "pollId": "p", "pollResponse": number,
        "appId": 1, "browserTime": time,
    })
}
