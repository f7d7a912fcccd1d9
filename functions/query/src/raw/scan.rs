//! Looks through a series' events from one end, within one view of the store, until a page is full.

use std::time::Duration;

use weir_model::{Series, StoredEvent, Timestamp, Window};
use weir_store::{Deadline, Detail, Store, StoreError, View};

use super::filter::Filter;
use super::place::Place;
use crate::cursor::Fingerprint;
use crate::params::Bounds;
use crate::reading::{
    Order, Pace, QuarterSet, Stretch, batches, explain, quarter_of, read_wave, stretches, waves,
};

/// An answer has at most this many bytes; a function on AWS may send 6 MB, and base64 makes as
/// much of these.
const BYTES_MAX: usize = 4_500_000;

/// A page ends when this long was looked: well within a view of the store.
const LOOK_FOR: Duration = Duration::from_secs(10);

/// A page ends when this many events were looked at.
const LOOK_AT: usize = 500_000;

/// How often reading begins again when what it reads has changed under it.
const REPEATS: u32 = 2;

const PACE: Pace = Pace { first: 1, most: 64 };

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) series: Series,
    pub(super) bounds: Bounds,
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) limit: usize,
    pub(super) from: Option<Place>,
}

/// A page of events, each written as JSON.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) events: Vec<String>,
    /// Where the next page begins; none behind the last event.
    pub(super) next: Option<Place>,
}

impl Ask {
    /// What a cursor of this query belongs to.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let [min, max] = self.bounds.texts();
        let order = match self.order {
            Order::Oldest => "oldest",
            Order::Newest => "newest",
        };
        let (namespace, name) = (self.series.namespace.as_str(), self.series.name.as_str());
        let mut parts = vec!["raw", namespace, name, &min, &max, order];
        parts.extend(self.filter.texts());
        Fingerprint::of(&parts)
    }

    /// What is left of the window.
    fn window(&self) -> Window {
        let window = self.bounds.window();
        self.from
            .as_ref()
            .map_or(window, |from| from.rest(window, self.order))
    }

    /// The end of a span at which its events are looked at first.
    fn near_end(&self, span: Window) -> Timestamp {
        match self.order {
            Order::Oldest => span.min,
            Order::Newest => span.max,
        }
    }
}

/// Finds a page of events.
pub(super) async fn scan(store: &Store, ask: &Ask) -> Result<Found, StoreError> {
    let mut repeats = 0;
    loop {
        let view = store.begin_view();
        let found = scan_once(store, ask, view).await;
        match found.map_err(|error| explain(error, store, view)) {
            Err(StoreError::Changed(_)) if repeats < REPEATS => repeats += 1,
            other => return other,
        }
    }
}

async fn scan_once(store: &Store, ask: &Ask, view: View) -> Result<Found, StoreError> {
    let extent = store.extent(&ask.series, Deadline::at(view.ends())).await?;
    let mut look = Look::new(store, ask, view);
    for (first, last) in batches(look.window, &extent.years, ask.order, PACE) {
        let span = Window {
            min: first.start(),
            max: last.end(),
        };
        if look.is_over(span) {
            break;
        }
        let days = store
            .days(
                &ask.series,
                &extent,
                (first, last),
                |_| Detail::Events,
                view,
            )
            .await?;
        let mut reads = Vec::new();
        for day in &days {
            reads.extend(look.stretches(day)?);
        }
        if ask.order == Order::Newest {
            reads.reverse();
        }
        for wave in waves(reads) {
            if look.is_full_before(&wave) || look.is_over(wave[0].window()) {
                return Ok(look.found);
            }
            let events = read_wave(store, &ask.series, &wave, view).await?;
            if events.into_iter().any(|events| !look.take_all(events)) {
                return Ok(look.found);
            }
        }
        look.began = true;
    }
    Ok(look.found)
}

/// A page being filled.
struct Look<'a> {
    store: &'a Store,
    ask: &'a Ask,
    window: Window,
    until: Timestamp,
    /// Whether anything was looked at, so that the next page does not begin where this one did.
    began: bool,
    seen: usize,
    bytes: usize,
    last: Option<Place>,
    found: Found,
}

impl<'a> Look<'a> {
    fn new(store: &'a Store, ask: &'a Ask, view: View) -> Self {
        let until = store.now().saturating_add(LOOK_FOR).min(view.ends());
        let window = ask.window();
        let found = Found::default();
        Self {
            store,
            ask,
            window,
            until,
            began: false,
            seen: 0,
            bytes: 0,
            last: None,
            found,
        }
    }

    /// The hours of a day that have events in the window.
    fn stretches<'b>(&self, day: &'b weir_store::DayView) -> Result<Vec<Stretch<'b>>, StoreError> {
        let quarters = day.quarters()?;
        let mut wanted = QuarterSet::default();
        for (quarter, _) in quarters.iter() {
            let span = quarter_of(day.day, quarter);
            if span.min <= self.window.max && self.window.min <= span.max {
                wanted.insert(quarter);
            }
        }
        Ok(stretches(day, &quarters, wanted))
    }

    /// Ends the page where a span begins if it has looked long enough.
    fn is_over(&mut self, span: Window) -> bool {
        let over = self.began && (self.seen >= LOOK_AT || self.store.now() >= self.until);
        if over {
            self.found.next = Some(Place::At(self.ask.near_end(span)));
        }
        over
    }

    /// Ends the page behind its last event if it is full and something follows.
    fn is_full_before(&mut self, wave: &[Stretch<'_>]) -> bool {
        let full = self.is_full() && !wave.is_empty();
        if full {
            self.found.next = self.last.clone();
        }
        full
    }

    fn is_full(&self) -> bool {
        self.found.events.len() >= self.ask.limit
    }

    /// Takes the events of a stretch, in order; false once the page has ended.
    fn take_all(&mut self, mut events: Vec<StoredEvent>) -> bool {
        self.began = true;
        self.seen += events.len();
        events.sort_unstable_by(|a, b| match self.ask.order {
            Order::Oldest => a.order().cmp(&b.order()),
            Order::Newest => b.order().cmp(&a.order()),
        });
        let (order, window) = (self.ask.order, self.window);
        let from = self.ask.from.as_ref();
        let wanted = events.iter().filter(|event| {
            self.ask.filter.admits(event)
                && from.is_none_or(|from| !from.is_past(event, order))
                && window.contains(event.timestamp)
        });
        for event in wanted.collect::<Vec<_>>() {
            if !self.take(event) {
                self.found.next = self.last.clone();
                return false;
            }
        }
        true
    }

    /// Writes an event, if the page has room for it.
    fn take(&mut self, event: &StoredEvent) -> bool {
        let mut text = String::new();
        event.write_json(&self.ask.series, &mut text);
        let fits = self.bytes + text.len() <= BYTES_MAX || self.found.events.is_empty();
        if self.is_full() || !fits {
            return false;
        }
        // A comma or a line's end follows.
        self.bytes += text.len() + 1;
        self.last = Some(Place::behind(event));
        self.found.events.push(text);
        true
    }
}
