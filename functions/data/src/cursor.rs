//! Where a page of records ended, as a client hands it back.

use crate::period::Millis;

/// A record's place in the order of the store: its time, if it has one, and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) at: Option<Millis>,
    pub(crate) id: String,
}

impl Place {
    /// Spells it: `1362960000000.ID`, or `-.ID`.
    pub(crate) fn written(&self) -> String {
        match self.at {
            Some(at) => format!("{at}.{}", self.id),
            None => format!("-.{}", self.id),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Place> {
        let (at, id) = text.split_once('.')?;
        let at = match at {
            "-" => None,
            at => Some(at.parse().ok()?),
        };
        let id = id.to_owned();
        Some(Place { at, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_text() {
        for at in [None, Some(0), Some(1_362_960_000_000)] {
            for id in ["", "a.b=", "-", "é|"] {
                let place = Place {
                    at,
                    id: id.to_owned(),
                };
                assert_eq!(Place::parse(&place.written()), Some(place));
            }
        }
        for bad in ["", "1", "x.a", "1.5e3"] {
            let place = Place::parse(bad);
            assert!(place.is_none_or(|place| place.id == "5e3"), "{bad}");
        }
    }

    #[test]
    fn records_without_a_time_come_first() {
        let place = |at, id: &str| Place {
            at,
            id: id.to_owned(),
        };
        assert!(place(None, "z") < place(Some(0), "a"));
        assert!(place(Some(0), "a") < place(Some(0), "b"));
    }
}
