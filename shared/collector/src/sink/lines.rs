//! Singer's lines on standard output, for a target to read.
//!
//! Each message is a line, in the order in which the source told it, states included. A target
//! that closes the pipe ends the run.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use crate::fault::Fault;
use crate::message::Message;
use crate::sink::{Patience, Sink, SinkError};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Prints messages as Singer's lines.
pub struct LinesSink {
    to: BufWriter<Box<dyn Write + Send>>,
}

impl LinesSink {
    /// Lines on standard output.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Lines on any writer.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER_BYTES, Box::new(writer)),
        }
    }
}

impl Sink for LinesSink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        for message in &messages {
            message.write_line(&mut self.to).map_err(cannot_print)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        self.to.flush().map_err(cannot_print)
    }

    /// A target sees what there is every few seconds, however slow the source.
    fn patience(&self) -> Patience {
        Patience {
            records: 10_000,
            time: Duration::from_secs(5),
        }
    }
}

fn cannot_print(error: io::Error) -> SinkError {
    let fault = match error.kind() {
        io::ErrorKind::BrokenPipe => Fault::new("whoever read the messages is gone"),
        _ => Fault::new(format!("cannot print messages: {error}")),
    };
    SinkError::Final(fault)
}

impl fmt::Debug for LinesSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinesSink")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::State;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Pipe {
        taken: Arc<Mutex<Vec<u8>>>,
        is_closed: bool,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.is_closed {
                true => Err(io::ErrorKind::BrokenPipe.into()),
                false => self.taken.lock().unwrap().write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn states() -> Vec<Message> {
        let state = |at| Message::State(State(serde_json::json!({ "at": at })));
        vec![state(1), state(2)]
    }

    #[tokio::test]
    async fn a_target_has_every_line_after_a_flush() {
        let pipe = Pipe::default();
        let mut sink = LinesSink::to(pipe.clone());
        sink.write(states()).await.unwrap();
        sink.flush().await.unwrap();
        let taken = String::from_utf8(pipe.taken.lock().unwrap().clone()).unwrap();
        let line = |at| format!("{{\"type\":\"STATE\",\"value\":{{\"at\":{at}}}}}\n");
        assert_eq!(taken, line(1) + &line(2));
    }

    #[tokio::test]
    async fn a_target_that_is_gone_ends_the_run() {
        let mut sink = LinesSink::to(Pipe {
            is_closed: true,
            ..Pipe::default()
        });
        sink.write(states()).await.unwrap();
        let error = sink.flush().await.unwrap_err();
        assert_eq!(error.to_string(), "whoever read the messages is gone");
    }
}
