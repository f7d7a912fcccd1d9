//! Hands on what is selected, and adds up the streams' bookmarks to one state.

use serde_json::{Map, Value, json};
use weir_collector::{Fault, Message, Patience, Repeats, Sink, SinkError, State};

use super::catalog::Selections;

const BOOKMARKS: &str = "bookmarks";

/// A sink that gets what is selected, and the bookmarks of all streams with each state.
pub(super) struct Selected<K> {
    sink: K,
    selections: Selections,
    state: Value,
}

impl<K: Sink> Selected<K> {
    pub(super) fn new(
        sink: K,
        selections: Selections,
        state: Option<Value>,
    ) -> Result<Selected<K>, Fault> {
        let state = state.unwrap_or_else(|| json!({}));
        let bookmarks = state.get(BOOKMARKS);
        if !state.is_object() || bookmarks.is_some_and(|bookmarks| !bookmarks.is_object()) {
            let fault = Fault::new("the state is no JSON object with bookmarks by stream");
            return Err(fault.hint("give the value of the last STATE that the tap has printed"));
        }
        Ok(Selected {
            sink,
            selections,
            state,
        })
    }

    pub(super) fn has(&self, stream: &str) -> bool {
        self.selections.contains_key(stream)
    }

    /// The bookmarks of all streams.
    pub(super) fn state(&self) -> &Value {
        &self.state
    }

    fn chosen(&mut self, mut message: Message) -> Message {
        match &mut message {
            Message::Schema(schema) => {
                let wanted = self.selections.get(&*schema.stream);
                if let Some(properties) = schema.schema["properties"].as_object_mut() {
                    retain(properties, wanted);
                }
            }
            Message::Record(record) => {
                let wanted = self.selections.get(&*record.stream);
                retain(&mut record.record, wanted);
            }
            Message::State(State(value)) => {
                self.add(value);
                *value = self.state.clone();
            }
            Message::Empty { .. } => {}
        }
        message
    }

    fn add(&mut self, state: &Value) {
        let Some(Value::Object(bookmarks)) = state.get(BOOKMARKS) else {
            return;
        };
        for (stream, bookmark) in bookmarks {
            self.state[BOOKMARKS][stream.as_str()] = bookmark.clone();
        }
    }
}

fn retain(fields: &mut Map<String, Value>, wanted: Option<&std::collections::BTreeSet<String>>) {
    fields.retain(|field, _| wanted.is_some_and(|wanted| wanted.contains(field)));
}

impl<K: Sink> Sink for Selected<K> {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        let chosen = messages
            .into_iter()
            .map(|message| self.chosen(message))
            .collect();
        self.sink.write(chosen).await
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush().await
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
