//! Where a page of events begins.

use weir_model::{EventOrder, Origin, StoredEvent, Timestamp, Window, Writer};

use crate::reading::Order;

/// Where to go on, in whichever order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind this event.
    Behind {
        timestamp: Timestamp,
        id: String,
        origin: Origin,
    },
    /// At this instant, its events included.
    At(Timestamp),
}

impl Place {
    pub(super) fn behind(event: &StoredEvent) -> Self {
        let id = event.id().into_owned();
        Self::Behind {
            timestamp: event.timestamp,
            id,
            origin: event.origin,
        }
    }

    /// What is left of a window.
    pub(super) fn rest(&self, window: Window, order: Order) -> Window {
        let (Self::Behind { timestamp: at, .. } | Self::At(at)) = *self;
        match order {
            Order::Oldest => Window {
                min: window.min.max(at),
                ..window
            },
            Order::Newest => Window {
                max: window.max.min(at),
                ..window
            },
        }
    }

    /// Whether an event of that rest was shown before.
    pub(super) fn is_past(&self, event: &StoredEvent, order: Order) -> bool {
        let Self::Behind {
            timestamp,
            id,
            origin,
        } = self
        else {
            return false;
        };
        let place = EventOrder::at(*timestamp, id, *origin);
        match order {
            Order::Oldest => event.order() <= place,
            Order::Newest => event.order() >= place,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::At(at) => [&[0][..], &at.as_millis().to_be_bytes()].concat(),
            Self::Behind {
                timestamp,
                id,
                origin,
            } => [
                &[1][..],
                &timestamp.as_millis().to_be_bytes(),
                origin.writer.as_bytes(),
                &origin.request.to_be_bytes(),
                &origin.index.to_be_bytes(),
                id.as_bytes(),
            ]
            .concat(),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (at, rest) = rest.split_first_chunk()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at)).ok()?;
        match (kind, rest) {
            (0, []) => Some(Self::At(at)),
            (1, rest) => {
                let (writer, rest) = rest.split_first_chunk()?;
                let (request, rest) = rest.split_first_chunk()?;
                let (index, id) = rest.split_first_chunk()?;
                let origin = Origin {
                    writer: Writer::from_bytes(*writer),
                    request: u64::from_be_bytes(*request),
                    index: u32::from_be_bytes(*index),
                };
                let id = String::from_utf8(id.to_vec()).ok()?;
                Some(Self::Behind {
                    timestamp: at,
                    id,
                    origin,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_from_their_bytes() {
        let at = Timestamp::parse("2024-01-01T00:00:00.001Z").unwrap();
        let origin = Origin {
            writer: Writer::from_bytes([9; 12]),
            request: u64::MAX,
            index: 7,
        };
        for place in [
            Place::At(at),
            Place::Behind {
                timestamp: at,
                id: "é".into(),
                origin,
            },
            Place::Behind {
                timestamp: at,
                id: String::new(),
                origin,
            },
        ] {
            let bytes = place.to_bytes();
            assert_eq!(Place::from_bytes(&bytes), Some(place));
            for end in 0..bytes.len().min(33) {
                assert_eq!(Place::from_bytes(&bytes[..end]), None);
            }
        }
        assert_eq!(Place::from_bytes(&[2; 40]), None);
    }
}
