//! Old names of Google Analytics (Universal Analytics) and what GA4 calls the same thing.
//!
//! The table is a judgement where GA4 counts otherwise: such a name has a note, which a run logs
//! once. A name that is not in it is GA4's own, or will be refused by its API.

use std::collections::BTreeMap;

/// Whether a name is counted or grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number.
    Metric,
    /// A text that rows are grouped by.
    Dimension,
}

/// The prefixes of old names, which query files mostly leave out: of reports and of realtime ones.
const OLD_PREFIXES: [&str; 2] = ["ga:", "rt:"];
/// The prefix of dimensions that a property's owner defines for events.
const CUSTOM_PREFIX: &str = "customEvent:";
/// Old names of what a property's owner defined; a number follows.
const CUSTOM: [&str; 2] = ["customVarValue", "dimension"];

/// Old name, GA4's name, and what is not the same. Source: the schemas of Universal Analytics'
/// Core Reporting API 3 and of the GA4 Data API ("API dimensions and metrics").
const METRICS: &[(&str, &str, Option<&str>)] = &[
    ("users", "totalUsers", None),
    ("visitors", "totalUsers", None),
    ("newUsers", "newUsers", None),
    ("sessions", "sessions", None),
    ("visits", "sessions", None),
    ("pageviews", "screenPageViews", None),
    (
        "uniquePageviews",
        "screenPageViews",
        Some(
            "GA4 has no unique page views, so repeated views of a page in a session count as well",
        ),
    ),
    (
        "bounceRate",
        "bounceRate",
        Some(
            "GA4 gives a fraction of 1, not percent, and a bounce is a session without engagement",
        ),
    ),
    ("avgSessionDuration", "averageSessionDuration", None),
    (
        "sessionDuration",
        "userEngagementDuration",
        Some("GA4 counts the seconds for which a page was in the foreground"),
    ),
    (
        "totalEvents",
        "eventCount",
        Some("GA4 counts page views and session starts as events, too"),
    ),
    (
        "goalCompletionsAll",
        "keyEvents",
        Some("GA4 has key events in place of goals"),
    ),
    ("transactions", "transactions", None),
    ("transactionRevenue", "purchaseRevenue", None),
    ("activeVisitors", "activeUsers", None),
    ("activeUsers", "activeUsers", None),
];

/// As [`METRICS`].
const DIMENSIONS: &[(&str, &str, Option<&str>)] = &[
    ("pagePath", "pagePath", None),
    ("pageTitle", "pageTitle", None),
    ("hostname", "hostName", None),
    ("landingPagePath", "landingPage", None),
    ("fullReferrer", "pageReferrer", None),
    ("campaign", "sessionCampaignName", None),
    ("source", "sessionSource", None),
    ("medium", "sessionMedium", None),
    ("country", "country", None),
    ("region", "region", None),
    ("city", "city", None),
    ("browser", "browser", None),
    ("operatingSystem", "operatingSystem", None),
    ("deviceCategory", "deviceCategory", None),
    ("date", "date", None),
    ("hour", "hour", None),
    ("day", "day", None),
    ("month", "month", None),
    ("year", "year", None),
    (
        "eventAction",
        "eventName",
        Some("GA4 has one name for an event in place of category, action and label"),
    ),
];

/// Metrics of GA4 that filters may name without the query asking for them; other names in filters
/// are dimensions. Source: GA4 Data API, "API dimensions and metrics".
const GA4_METRICS: &[&str] = &[
    "active1DayUsers",
    "active28DayUsers",
    "active7DayUsers",
    "addToCarts",
    "averagePurchaseRevenue",
    "averageSessionDuration",
    "cartToViewRate",
    "checkouts",
    "conversions",
    "crashAffectedUsers",
    "dauPerMau",
    "dauPerWau",
    "ecommercePurchases",
    "engagedSessions",
    "engagementRate",
    "eventCount",
    "eventCountPerUser",
    "eventValue",
    "eventsPerSession",
    "firstTimePurchasers",
    "grossPurchaseRevenue",
    "itemRevenue",
    "itemsPurchased",
    "keyEvents",
    "purchaseRevenue",
    "screenPageViews",
    "screenPageViewsPerSession",
    "screenPageViewsPerUser",
    "scrolledUsers",
    "sessionKeyEventRate",
    "sessionsPerUser",
    "totalPurchasers",
    "totalRevenue",
    "totalUsers",
    "userEngagementDuration",
    "userKeyEventRate",
    "wauPerMau",
];

/// What stands before the colon of metrics alone, beside those of [`GA4_METRICS`] that have a kind
/// for each key event. A name of an event (`customEvent:score`) may be either.
const METRIC_PREFIXES: &[&str] = &["averageCustomEvent", "countCustomEvent"];
/// The same of dimensions.
const DIMENSION_PREFIXES: &[&str] = &["customItem", "customUser"];

/// What a name of a query is in GA4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// As the query says it, without `ga:`: the key in documents.
    pub(crate) key: String,
    /// As GA4 calls it.
    pub(crate) api: String,
    /// What is not the same in GA4.
    pub(crate) note: Option<&'static str>,
    /// Whether documents have it in thousandths: there, average durations were milliseconds.
    pub(crate) thousandfold: bool,
}

/// Translates the names of one query.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Old names of custom dimensions and the parameters that they are in GA4.
    custom: BTreeMap<String, String>,
    /// Whether old names are translated at all.
    translate: bool,
}

/// A custom dimension whose parameter in GA4 is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Untold(pub(crate) String);

impl Names {
    /// Takes what `options.customDimensions` says, by old name without `ga:`.
    pub(crate) fn new(custom: BTreeMap<String, String>, translate: bool) -> Self {
        Self { custom, translate }
    }

    /// The metric of that name.
    pub(crate) fn metric(&self, said: &str) -> Name {
        let key = plain(said);
        let found = self.find(METRICS, key);
        let thousandfold = found.is_some() && key == "avgSessionDuration";
        Name {
            thousandfold,
            ..name(key, found)
        }
    }

    /// The dimension of that name.
    ///
    /// # Errors
    /// When it is a custom dimension by its old number, and nobody said what that became.
    pub(crate) fn dimension(&self, said: &str) -> Result<Name, Untold> {
        let key = plain(said);
        if let Some(parameter) = self.custom.get(key) {
            return Ok(Name {
                api: custom_name(parameter),
                ..name(key, None)
            });
        }
        if self.translate && is_custom(key) {
            return Err(Untold(key.to_owned()));
        }
        Ok(name(key, self.find(DIMENSIONS, key)))
    }

    /// What a name is that a filter uses, if that is known.
    pub(crate) fn kind(&self, said: &str) -> Option<Kind> {
        let key = plain(said);
        let among = |table: &[Row]| {
            let mut rows = table.iter();
            rows.any(|(old, now, _)| *now == key || self.translate && *old == key)
        };
        let prefix = key.split_once(':').map(|(prefix, _)| prefix);
        if among(METRICS)
            || GA4_METRICS.contains(&prefix.unwrap_or(key))
            || prefix.is_some_and(|prefix| METRIC_PREFIXES.contains(&prefix))
        {
            return Some(Kind::Metric);
        }
        let is_dimension = among(DIMENSIONS)
            || self.custom.contains_key(key)
            || is_custom(key)
            || prefix.is_some_and(|prefix| DIMENSION_PREFIXES.contains(&prefix));
        is_dimension.then_some(Kind::Dimension)
    }

    fn find<'t>(&self, table: &'t [Row], key: &str) -> Option<&'t Row> {
        let row = table.iter().find(|(old, ..)| *old == key);
        row.filter(|_| self.translate)
    }
}

type Row = (&'static str, &'static str, Option<&'static str>);

/// A name without the prefix of old names.
pub(crate) fn plain(said: &str) -> &str {
    let mut prefixes = OLD_PREFIXES.iter();
    prefixes
        .find_map(|prefix| said.strip_prefix(prefix))
        .unwrap_or(said)
}

fn name(key: &str, row: Option<&Row>) -> Name {
    Name {
        key: key.to_owned(),
        api: row.map_or(key, |(_, now, _)| now).to_owned(),
        note: row.and_then(|(_, _, note)| *note),
        thousandfold: false,
    }
}

fn is_custom(key: &str) -> bool {
    CUSTOM.iter().any(|prefix| {
        key.strip_prefix(prefix)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// A parameter's name as the API takes it; one with a prefix of its own (`customUser:plan`) stays.
fn custom_name(parameter: &str) -> String {
    if parameter.contains(':') {
        return parameter.to_owned();
    }
    format!("{CUSTOM_PREFIX}{parameter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let custom = [
            ("customVarValue9", "organisation"),
            ("dimension2", "customUser:plan"),
        ];
        let custom = custom.map(|(old, now)| (old.to_owned(), now.to_owned()));
        Names::new(custom.into(), true)
    }

    #[test]
    fn old_metrics_have_their_names_in_ga4() {
        let check = |old: &str, now: &str| assert_eq!(names().metric(old).api, now, "{old}");
        check("users", "totalUsers");
        check("visitors", "totalUsers");
        check("newUsers", "newUsers");
        check("sessions", "sessions");
        check("visits", "sessions");
        check("ga:visits", "sessions");
        check("pageviews", "screenPageViews");
        check("uniquePageviews", "screenPageViews");
        check("bounceRate", "bounceRate");
        check("avgSessionDuration", "averageSessionDuration");
        check("sessionDuration", "userEngagementDuration");
        check("totalEvents", "eventCount");
        check("goalCompletionsAll", "keyEvents");
        check("transactions", "transactions");
        check("transactionRevenue", "purchaseRevenue");
        check("activeVisitors", "activeUsers");
        check("rt:activeVisitors", "activeUsers");
        check("activeUsers", "activeUsers");
        check("engagementRate", "engagementRate");
    }

    #[test]
    fn old_dimensions_have_their_names_in_ga4() {
        let check = |old: &str, now: &str| {
            assert_eq!(names().dimension(old).unwrap().api, now, "{old}");
        };
        check("pagePath", "pagePath");
        check("pageTitle", "pageTitle");
        check("ga:hostname", "hostName");
        check("landingPagePath", "landingPage");
        check("fullReferrer", "pageReferrer");
        check("campaign", "sessionCampaignName");
        check("source", "sessionSource");
        check("medium", "sessionMedium");
        check("deviceCategory", "deviceCategory");
        check("date", "date");
        check("eventAction", "eventName");
        check("customVarValue9", "customEvent:organisation");
        check("ga:dimension2", "customUser:plan");
        check("customEvent:team", "customEvent:team");
        check("dimensionless", "dimensionless");
    }

    #[test]
    fn a_document_has_the_name_that_the_query_says() {
        assert_eq!(names().metric("ga:visits").key, "visits");
        assert_eq!(
            names().dimension("ga:customVarValue9").unwrap().key,
            "customVarValue9"
        );
        assert_eq!(names().metric("totalUsers").key, "totalUsers");
    }

    #[test]
    fn only_the_old_name_of_a_duration_is_in_milliseconds() {
        assert!(names().metric("avgSessionDuration").thousandfold);
        assert!(names().metric("ga:avgSessionDuration").thousandfold);
        assert!(!names().metric("averageSessionDuration").thousandfold);
        assert!(!names().metric("sessionDuration").thousandfold);
    }

    #[test]
    fn a_custom_dimension_that_nobody_told_of_is_an_error() {
        let untold = names().dimension("ga:dimension7").unwrap_err();
        assert_eq!(untold, Untold("dimension7".to_owned()));
    }

    #[test]
    fn nothing_is_translated_when_the_query_says_so() {
        let names = Names::new(BTreeMap::new(), false);
        assert_eq!(names.dimension("source").unwrap().api, "source");
        assert_eq!(names.metric("visits").api, "visits");
        assert_eq!(names.dimension("dimension7").unwrap().api, "dimension7");
    }

    #[test]
    fn filters_know_metrics_from_dimensions() {
        let check = |name: &str, kind| assert_eq!(names().kind(name), kind, "{name}");
        check("ga:visits", Some(Kind::Metric));
        check("screenPageViews", Some(Kind::Metric));
        check("engagedSessions", Some(Kind::Metric));
        check("pagePath", Some(Kind::Dimension));
        check("customVarValue9", Some(Kind::Dimension));
        check("customUser:plan", Some(Kind::Dimension));
        check("keyEvents:purchase", Some(Kind::Metric));
        check("sessionKeyEventRate:purchase", Some(Kind::Metric));
        check("averageCustomEvent:score", Some(Kind::Metric));
        check("customEvent:score", None);
        check("whatever", None);
    }
}
