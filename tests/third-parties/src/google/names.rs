//! The names of dimensions and metrics that Google has, as far as collectors ask for them
//! (developers.google.com, "API Dimensions & Metrics"), and their kinds.

use super::fixture::{Property, Row};

const DIMENSIONS: [&str; 48] = [
    "achievementId",
    "audienceName",
    "browser",
    "campaignName",
    "city",
    "country",
    "countryId",
    "date",
    "dateHour",
    "dateHourMinute",
    "day",
    "dayOfWeek",
    "defaultChannelGroup",
    "deviceCategory",
    "eventName",
    "firstUserMedium",
    "firstUserSource",
    "fullPageUrl",
    "hostName",
    "hour",
    "isKeyEvent",
    "landingPage",
    "landingPagePlusQueryString",
    "language",
    "linkUrl",
    "medium",
    "method",
    "minute",
    "month",
    "newVsReturning",
    "operatingSystem",
    "operatingSystemVersion",
    "pageLocation",
    "pagePath",
    "pagePathPlusQueryString",
    "pageReferrer",
    "pageTitle",
    "platform",
    "region",
    "screenResolution",
    "sessionCampaignName",
    "sessionDefaultChannelGroup",
    "sessionMedium",
    "sessionSource",
    "source",
    "unifiedScreenName",
    "week",
    "year",
];

const METRICS: [(&str, &str); 27] = [
    ("active1DayUsers", INTEGER),
    ("active28DayUsers", INTEGER),
    ("active7DayUsers", INTEGER),
    ("activeUsers", INTEGER),
    ("addToCarts", INTEGER),
    ("averageSessionDuration", SECONDS),
    ("bounceRate", FLOAT),
    ("ecommercePurchases", INTEGER),
    ("engagedSessions", INTEGER),
    ("engagementRate", FLOAT),
    ("eventCount", INTEGER),
    ("eventCountPerUser", FLOAT),
    ("eventValue", FLOAT),
    ("keyEvents", FLOAT),
    ("newUsers", INTEGER),
    ("purchaseRevenue", CURRENCY),
    ("screenPageViews", INTEGER),
    ("screenPageViewsPerSession", FLOAT),
    ("screenPageViewsPerUser", FLOAT),
    ("scrolledUsers", INTEGER),
    ("sessions", INTEGER),
    ("sessionsPerUser", FLOAT),
    ("totalRevenue", CURRENCY),
    ("totalUsers", INTEGER),
    ("transactions", INTEGER),
    ("transactionsPerPurchaser", FLOAT),
    ("userEngagementDuration", SECONDS),
];

/// What realtime reports have ("Realtime Dimensions & Metrics"): no page path among them.
const REALTIME_DIMENSIONS: [&str; 13] = [
    "appVersion",
    "audienceId",
    "audienceName",
    "audienceResourceName",
    "city",
    "cityId",
    "country",
    "countryId",
    "deviceCategory",
    "eventName",
    "minutesAgo",
    "platform",
    "unifiedScreenName",
];

const REALTIME_METRICS: [&str; 4] = ["activeUsers", "eventCount", "keyEvents", "screenPageViews"];

const INTEGER: &str = "TYPE_INTEGER";
const FLOAT: &str = "TYPE_FLOAT";
const SECONDS: &str = "TYPE_SECONDS";
const CURRENCY: &str = "TYPE_CURRENCY";

/// Which report is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Core,
    Realtime,
}

impl Kind {
    pub(crate) fn knows_dimension(self, property: &Property, name: &str) -> bool {
        match self {
            Kind::Core => DIMENSIONS.contains(&name) || custom(property, name),
            Kind::Realtime => {
                REALTIME_DIMENSIONS.contains(&name) || name.starts_with("customUser:")
            }
        }
    }

    pub(crate) fn knows_metric(self, name: &str) -> bool {
        match self {
            Kind::Core => METRICS.iter().any(|(metric, _)| *metric == name),
            Kind::Realtime => REALTIME_METRICS.contains(&name),
        }
    }
}

/// Custom dimensions are those that were registered, which is to say, measured.
fn custom(property: &Property, name: &str) -> bool {
    let is_custom = ["customEvent:", "customUser:"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    let has = |row: &Row| row.get(name).is_some_and(|value| value.is_string());
    is_custom && property.rows.iter().chain(&property.daily).any(has)
}

/// The type of a metric's values.
pub(crate) fn kind_of(metric: &str) -> &'static str {
    let known = METRICS.iter().find(|(name, _)| *name == metric);
    known.map_or(INTEGER, |(_, kind)| kind)
}

/// Whether values of several rows are averaged rather than added.
pub(crate) fn is_mean(metric: &str) -> bool {
    metric.ends_with("Rate") || metric.starts_with("average") || metric.contains("Per")
}
