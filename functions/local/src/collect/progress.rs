//! How far a collection has come, on a terminal.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use weir_collector::{Message, Patience, Repeats, Sink, SinkError, State};
use weir_model::Timestamp;

/// A range from which on it is worth a bar: a source tells how far it has come a few times a month.
const LONG_MS: i64 = 14 * 24 * 3600 * 1000;

/// A sink that is watched on its way.
#[derive(Debug)]
pub(super) struct Watched<K> {
    sink: K,
    bar: ProgressBar,
    range: Option<(Timestamp, Timestamp)>,
    records: u64,
}

impl<K: Sink> Watched<K> {
    /// Shows a bar over the range, if there is a terminal and the range is long.
    pub(super) fn new(sink: K, range: Option<(Timestamp, Timestamp)>, quiet: bool) -> Watched<K> {
        let long = range.filter(|range| length_ms(range) >= LONG_MS);
        let shown = !quiet && io::stderr().is_terminal();
        let bar = match (shown, long) {
            (true, Some(range)) => bar(length_ms(&range)),
            _ => ProgressBar::hidden(),
        };
        Watched {
            sink,
            bar,
            range: long,
            records: 0,
        }
    }

    /// Leaves the last state of the bar on the terminal.
    pub(super) fn finish(&self) {
        self.bar.abandon();
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::Record(_) => self.records += 1,
            Message::State(state) => {
                if let (Some(range), Some(reached)) = (self.range, reached(state)) {
                    let done = reached.as_millis() - range.0.as_millis();
                    let done = done.clamp(0, length_ms(&range));
                    self.bar.set_position(done.unsigned_abs());
                }
            }
            Message::Schema(_) | Message::Empty { .. } => {}
        }
    }
}

fn bar(length_ms: i64) -> ProgressBar {
    let style = "{wide_bar} {percent:>3} %  {msg}  {elapsed}, {eta} to go";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    ProgressBar::new(length_ms.unsigned_abs()).with_style(style)
}

fn length_ms((start, end): &(Timestamp, Timestamp)) -> i64 {
    end.as_millis() - start.as_millis()
}

/// The latest time that a state names, in whatever field.
fn reached(state: &State) -> Option<Timestamp> {
    let streams = state.0.get("bookmarks")?.as_object()?;
    let fields = streams.values().filter_map(Value::as_object);
    let texts = fields
        .flat_map(|fields| fields.values())
        .filter_map(Value::as_str);
    texts.filter_map(|text| Timestamp::parse(text).ok()).max()
}

impl<K: Sink> Sink for Watched<K> {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in &messages {
            self.note(message);
        }
        self.bar.set_message(format!("{} records", self.records));
        self.sink.write(messages).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush().await
    }

    fn plan(&mut self) -> Vec<String> {
        self.sink.plan()
    }

    async fn discard(&mut self, names: &[String]) -> Result<(), SinkError> {
        self.sink.discard(names).await
    }

    async fn abandon(&mut self) {
        self.sink.abandon().await;
    }

    fn repeats(&self) -> Repeats {
        self.sink.repeats()
    }

    fn patience(&self) -> Patience {
        self.sink.patience()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_says_how_far_it_has_come() {
        let check = |state: Value, expected: Option<&str>| {
            let expected = expected.map(|text| Timestamp::parse(text).unwrap());
            assert_eq!(reached(&State(state)), expected);
        };
        let of = |field: &str, text: &str| json!({"bookmarks": {"stream": {field: text}}});
        check(
            of("hour", "2026-01-02T03:00:00Z"),
            Some("2026-01-02T03:00:00Z"),
        );
        check(of("day", "2026-01-02"), Some("2026-01-02"));
        check(of("page", "seven"), None);
        check(json!({}), None);
    }
}
