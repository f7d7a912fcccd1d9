//! A sink in memory, for tests of sources.

use std::time::Duration;

use crate::message::Message;
use crate::sink::{Patience, Sink, SinkError};

/// Gathers messages; what was flushed is durable.
#[derive(Debug, Default)]
pub struct Gathered {
    written: Vec<Message>,
    flushed: Vec<Message>,
}

impl Gathered {
    /// What is durable, in the order in which it was told.
    pub fn messages(&self) -> &[Message] {
        &self.flushed
    }

    /// What is durable, to be kept.
    pub fn into_messages(self) -> Vec<Message> {
        self.flushed
    }
}

impl Sink for Gathered {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        self.written.extend(messages);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.flushed.append(&mut self.written);
        Ok(())
    }

    /// Every state is saved.
    fn patience(&self) -> Patience {
        Patience {
            records: 0,
            time: Duration::ZERO,
        }
    }
}
