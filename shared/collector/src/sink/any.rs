//! The sink that a job's configuration chose.

use crate::message::Message;
use crate::report::Skips;
use crate::sink::{
    BackdropSink, DataSetSink, DataSetsSink, FilesSink, LinesSink, Patience, Repeats, Sink,
    SinkError,
};

/// The sink that a job's configuration chose.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnySink {
    /// A data set here.
    DataSet(DataSetSink),
    /// Data sets here, one for each stream.
    DataSets(DataSetsSink),
    /// A Backdrop over HTTP.
    Backdrop(BackdropSink),
    /// Files in S3 or in a directory.
    Files(FilesSink),
    /// Singer's lines on standard output.
    Stdout(LinesSink),
}

/// Calls the same method of whichever sink it is.
macro_rules! dispatch {
    ($any:expr, $sink:ident => $call:expr) => {
        match $any {
            AnySink::DataSet($sink) => $call,
            AnySink::DataSets($sink) => $call,
            AnySink::Backdrop($sink) => $call,
            AnySink::Files($sink) => $call,
            AnySink::Stdout($sink) => $call,
        }
    };
}

impl Sink for AnySink {
    async fn write(&mut self, messages: Vec<Message>) -> Result<(), SinkError> {
        dispatch!(self, sink => sink.write(messages).await)
    }

    async fn flush(&mut self) -> Result<(), SinkError> {
        dispatch!(self, sink => sink.flush().await)
    }

    fn plan(&mut self) -> Vec<String> {
        dispatch!(self, sink => sink.plan())
    }

    async fn discard(&mut self, names: &[String]) -> Result<(), SinkError> {
        dispatch!(self, sink => sink.discard(names).await)
    }

    async fn abandon(&mut self) {
        dispatch!(self, sink => sink.abandon().await)
    }

    fn skips(&self) -> Skips {
        dispatch!(self, sink => sink.skips())
    }

    fn repeats(&self) -> Repeats {
        dispatch!(self, sink => sink.repeats())
    }

    fn patience(&self) -> Patience {
        dispatch!(self, sink => sink.patience())
    }
}
