//! The sixteen streams: what they are called, what is asked for, and how their records are told
//! from each other.
//!
//! Facts alone: nothing here asks or parses.

use std::fmt;

use crate::config::Period;

/// A stream of Pendo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// Companies that use a product.
    Accounts,
    /// What visitors did, all in all.
    Events,
    /// Uses of features.
    FeatureEvents,
    /// Tagged parts of pages.
    Features,
    /// What visitors did with guides.
    GuideEvents,
    /// Messages shown in a product.
    Guides,
    /// What is known of the fields of accounts.
    MetadataAccounts,
    /// What is known of the fields of visitors.
    MetadataVisitors,
    /// Views of pages.
    PageEvents,
    /// Tagged pages.
    Pages,
    /// Answers to polls.
    PollEvents,
    /// Saved reports.
    Reports,
    /// Events that a product sends of its own.
    TrackEvents,
    /// Kinds of those.
    TrackTypes,
    /// What each visitor did, moment by moment.
    VisitorHistory,
    /// People who use a product.
    Visitors,
}

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An aggregation over things that have an id and a time of their last change.
    Entity(EntityKind),
    /// An aggregation over a series of times.
    Events(EventsKind),
    /// A visitor's history, a day at a time.
    History,
    /// One list of all reports.
    Reports,
    /// One document.
    Metadata(MetadataOf),
}

/// How things with ids are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityKind {
    /// The source of the aggregation: `trackTypes`.
    pub source: &'static str,
    /// The field with the id: `id`, `accountId`, `visitorId`.
    pub id: &'static str,
    /// The path of the time of the last change.
    pub time: &'static str,
    /// What the request is called: `all-track-types`.
    pub name: &'static str,
}

/// How events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsKind {
    /// The source of the aggregation: `featureEvents`.
    pub source: &'static str,
    /// What names the parent in it: `featureId`. Without one it is asked for apps.
    pub parent_key: Option<&'static str>,
    /// What time the rows have.
    pub time: EventTime,
}

/// What time the rows of events have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTime {
    /// The begin of their day or hour.
    Period,
    /// The moment, by the browser's clock.
    Browser,
}

/// Whose fields a document of metadata describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataOf {
    /// Those of accounts.
    Account,
    /// Those of visitors.
    Visitor,
}

impl MetadataOf {
    /// The last segment of the path: `account`.
    pub fn segment(self) -> &'static str {
        match self {
            MetadataOf::Account => "account",
            MetadataOf::Visitor => "visitor",
        }
    }
}

impl EventTime {
    /// The field of a row with the time: `day`, `hour` or `browserTime`.
    pub fn field(self, period: Period) -> &'static str {
        match self {
            EventTime::Period => period.field(),
            EventTime::Browser => "browserTime",
        }
    }
}

impl StreamId {
    /// All of them, in the order of the catalog.
    pub const ALL: [StreamId; 16] = [
        StreamId::Accounts,
        StreamId::Events,
        StreamId::FeatureEvents,
        StreamId::Features,
        StreamId::GuideEvents,
        StreamId::Guides,
        StreamId::MetadataAccounts,
        StreamId::MetadataVisitors,
        StreamId::PageEvents,
        StreamId::Pages,
        StreamId::PollEvents,
        StreamId::Reports,
        StreamId::TrackEvents,
        StreamId::TrackTypes,
        StreamId::VisitorHistory,
        StreamId::Visitors,
    ];

    /// Its name: `track_types`.
    pub fn name(self) -> &'static str {
        match self {
            StreamId::Accounts => "accounts",
            StreamId::Events => "events",
            StreamId::FeatureEvents => "feature_events",
            StreamId::Features => "features",
            StreamId::GuideEvents => "guide_events",
            StreamId::Guides => "guides",
            StreamId::MetadataAccounts => "metadata_accounts",
            StreamId::MetadataVisitors => "metadata_visitors",
            StreamId::PageEvents => "page_events",
            StreamId::Pages => "pages",
            StreamId::PollEvents => "poll_events",
            StreamId::Reports => "reports",
            StreamId::TrackEvents => "track_events",
            StreamId::TrackTypes => "track_types",
            StreamId::VisitorHistory => "visitor_history",
            StreamId::Visitors => "visitors",
        }
    }

    /// The stream of a name.
    pub fn of_name(name: &str) -> Option<StreamId> {
        StreamId::ALL.into_iter().find(|id| id.name() == name)
    }

    /// The stream whose every record is asked for records of this one.
    pub fn parent(self) -> Option<StreamId> {
        match self {
            StreamId::FeatureEvents => Some(StreamId::Features),
            StreamId::GuideEvents => Some(StreamId::Guides),
            StreamId::PageEvents => Some(StreamId::Pages),
            StreamId::TrackEvents => Some(StreamId::TrackTypes),
            StreamId::VisitorHistory => Some(StreamId::Visitors),
            _ => None,
        }
    }

    /// The stream that has this one as its parent.
    pub fn child(self) -> Option<StreamId> {
        let is_child = |id: &StreamId| id.parent() == Some(self);
        StreamId::ALL.into_iter().find(is_child)
    }

    /// How it is read.
    pub fn kind(self) -> Kind {
        match self {
            StreamId::Accounts => person("accounts", "accountId", "all-accounts"),
            StreamId::Visitors => person("visitors", "visitorId", "all-visitors"),
            StreamId::Features => thing("features", "all-features"),
            StreamId::Guides => thing("guides", "all-guides"),
            StreamId::Pages => thing("pages", "all-pages"),
            StreamId::TrackTypes => thing("trackTypes", "all-track-types"),
            StreamId::Events => events("events", None, EventTime::Period),
            StreamId::FeatureEvents => {
                events("featureEvents", Some("featureId"), EventTime::Period)
            }
            StreamId::PageEvents => events("pageEvents", Some("pageId"), EventTime::Period),
            StreamId::TrackEvents => events("trackEvents", Some("trackTypeId"), EventTime::Period),
            StreamId::GuideEvents => events("guideEvents", Some("guideId"), EventTime::Browser),
            StreamId::PollEvents => events("pollEvents", None, EventTime::Browser),
            StreamId::VisitorHistory => Kind::History,
            StreamId::Reports => Kind::Reports,
            StreamId::MetadataAccounts => Kind::Metadata(MetadataOf::Account),
            StreamId::MetadataVisitors => Kind::Metadata(MetadataOf::Visitor),
        }
    }

    /// The fields that tell its records apart.
    ///
    /// The events of apps, features, pages and track types that differ in their server are
    /// different records, and so are the moments of a visitor's history.
    pub fn keys(self, period: Period) -> Vec<&'static str> {
        let of_event = [
            "visitor_id",
            "account_id",
            "server",
            "remote_ip",
            "user_agent",
        ];
        let event = |parent: Option<&'static str>| {
            let keys = parent.into_iter().chain(of_event);
            keys.chain([period.field()]).collect()
        };
        match self {
            StreamId::Accounts => vec!["account_id"],
            StreamId::Visitors => vec!["visitor_id"],
            StreamId::Features
            | StreamId::Guides
            | StreamId::Pages
            | StreamId::TrackTypes
            | StreamId::Reports => vec!["id"],
            StreamId::Events => event(None),
            StreamId::FeatureEvents => event(Some("feature_id")),
            StreamId::PageEvents => event(Some("page_id")),
            StreamId::TrackEvents => event(Some("track_type_id")),
            StreamId::GuideEvents => GUIDE_EVENT_KEYS.to_vec(),
            StreamId::PollEvents => vec!["visitor_id", "account_id", "poll_id", "browser_time"],
            StreamId::VisitorHistory => HISTORY_KEYS.to_vec(),
            StreamId::MetadataAccounts | StreamId::MetadataVisitors => Vec::new(),
        }
    }

    /// The field of its records that its bookmark is about: `last_updated_at`. Documents of
    /// metadata have none and are told whole each time.
    pub fn replication_key(self, period: Period) -> Option<&'static str> {
        match self.kind() {
            Kind::Entity(kind) if kind.time == LAST_UPDATED_AT => Some("last_updated_at"),
            Kind::Entity(_) => Some("lastupdated"),
            Kind::Reports => Some("last_updated_at"),
            Kind::Events(kind) => match kind.time {
                EventTime::Period => Some(period.field()),
                EventTime::Browser => Some("browser_time"),
            },
            Kind::History => Some("modified_ts"),
            Kind::Metadata(_) => None,
        }
    }

    /// What its bookmark is called in a state: `lastUpdatedAt`, where the record's field is
    /// `last_updated_at`.
    pub fn bookmark_key(self, period: Period) -> Option<&'static str> {
        match self.replication_key(period) {
            Some("last_updated_at") => Some(LAST_UPDATED_AT),
            other => other,
        }
    }
}

const LAST_UPDATED_AT: &str = "lastUpdatedAt";

const GUIDE_EVENT_KEYS: &[&str] = &[
    "guide_id",
    "guide_step_id",
    "visitor_id",
    "type",
    "account_id",
    "browser_time",
    "url",
];

/// A moment of a history has no id. What it is about tells it from others of the same millisecond.
const HISTORY_KEYS: &[&str] = &[
    "visitor_id",
    "ts",
    "type",
    "feature_id",
    "page_id",
    "guide_id",
    "guide_step_id",
    "uri",
];

fn person(source: &'static str, id: &'static str, name: &'static str) -> Kind {
    Kind::Entity(EntityKind {
        source,
        id,
        time: "metadata.auto.lastupdated",
        name,
    })
}

fn thing(source: &'static str, name: &'static str) -> Kind {
    Kind::Entity(EntityKind {
        source,
        id: "id",
        time: LAST_UPDATED_AT,
        name,
    })
}

fn events(source: &'static str, parent_key: Option<&'static str>, time: EventTime) -> Kind {
    Kind::Events(EventsKind {
        source,
        parent_key,
        time,
    })
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
