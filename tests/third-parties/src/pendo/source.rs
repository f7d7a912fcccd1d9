//! What Pendo can be asked for.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

/// What rows are rows of, by Pendo's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Source {
    Accounts,
    Visitors,
    Features,
    Pages,
    Guides,
    TrackTypes,
    Events,
    FeatureEvents,
    PageEvents,
    GuideEvents,
    TrackEvents,
    PollEvents,
    /// Lists of their own, not of the pipeline.
    Reports,
    /// Rows have a `visitorId`, which is not answered.
    History,
}

impl Source {
    /// The source of a pipeline with this name.
    pub(crate) fn of_pipeline(name: &str) -> Option<Source> {
        let name = IntoDeserializer::<Error>::into_deserializer(name);
        let source = Source::deserialize(name).ok()?;
        let listed = [Source::Reports, Source::History].contains(&source);
        (!listed).then_some(source)
    }

    /// The field that identifies a row.
    pub(crate) fn id(self) -> Option<&'static str> {
        match self {
            Source::Accounts => Some("accountId"),
            Source::Visitors => Some("visitorId"),
            Source::Features
            | Source::Pages
            | Source::Guides
            | Source::TrackTypes
            | Source::Reports => Some("id"),
            _ => None,
        }
    }

    /// The field that says to which parent a row belongs.
    pub(crate) fn parent(self) -> Option<&'static str> {
        match self {
            Source::FeatureEvents => Some("featureId"),
            Source::PageEvents => Some("pageId"),
            Source::GuideEvents => Some("guideId"),
            Source::TrackEvents => Some("trackTypeId"),
            Source::History => Some("visitorId"),
            _ => None,
        }
    }

    /// Whether rows have times, and are asked for with a series of times.
    pub(crate) fn is_of_times(self) -> bool {
        self.is_counted() || [Source::GuideEvents, Source::PollEvents].contains(&self)
    }

    /// Whether rows are counts for an hour or a day.
    pub(crate) fn is_counted(self) -> bool {
        [
            Source::Events,
            Source::FeatureEvents,
            Source::PageEvents,
            Source::TrackEvents,
        ]
        .contains(&self)
    }
}
