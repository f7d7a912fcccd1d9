//! Which collector a query document is for.

use std::fmt;

use crate::query::{QueryError, Section};

/// The names that came before it: the program's, and its later name.
const PACKAGES: [&str; 2] = ["backdrop.collector.", "performanceplatform.collector."];

/// A collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrypoint {
    /// A check's response times and uptime, by the hour.
    Pingdom,
    /// Reports of Google Analytics, by day, week or month.
    Ga,
    /// Which pages are seen more than a week ago.
    GaTrending,
    /// How many people are there now.
    GaRealtime,
    /// Pendo: sixteen streams of accounts, visitors and what they do.
    Pendo,
}

impl Entrypoint {
    /// All of them.
    pub const ALL: [Entrypoint; 5] = [
        Entrypoint::Pingdom,
        Entrypoint::Ga,
        Entrypoint::GaTrending,
        Entrypoint::GaRealtime,
        Entrypoint::Pendo,
    ];

    /// Its name without a package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pingdom => "pingdom",
            Self::Ga => "ga",
            Self::GaTrending => "ga.trending",
            Self::GaRealtime => "ga.realtime",
            Self::Pendo => "pendo",
        }
    }

    /// Whether it has several streams, each with keys and fields of its own: no options apply to
    /// their records, and each goes to a data set of its own.
    pub fn has_streams(self) -> bool {
        self == Self::Pendo
    }

    pub(super) fn read(document: &Section<'_>) -> Result<Entrypoint, QueryError> {
        let text = document.required_text("entrypoint", "the name of a collector")?;
        let name = PACKAGES
            .iter()
            .find_map(|package| text.strip_prefix(package))
            .unwrap_or(text);
        let found = Self::ALL.into_iter().find(|entry| entry.name() == name);
        found.ok_or_else(|| document.error("entrypoint", unknown(text)))
    }
}

fn unknown(text: &str) -> String {
    let names = Entrypoint::ALL.map(Entrypoint::name).join(", ");
    format!(
        "\"{text}\" is no collector: there are {names} (also as backdrop.collector.ga and performanceplatform.collector.ga)"
    )
}

impl fmt::Display for Entrypoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
