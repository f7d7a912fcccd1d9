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
