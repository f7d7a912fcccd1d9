//! How a command fails: one line that says what happened, and a hint at what to do.

use std::fmt;
use std::io;
use std::process::ExitCode;

use anyhow::Error;
use weir_collector::Fault;

use crate::api::ApiError;
use crate::output::counted;

/// Something a person can act on.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Failed,
    Usage,
}

impl Failure {
    /// The work could not be done.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
            kind: Kind::Failed,
        }
    }

    /// Something was done, but records were left out, which are not delivered.
    pub(crate) fn left_out(done: &str, count: u64) -> Failure {
        let left_out = counted(count, "record", "records");
        let hint = "a record that breaks a rule is left out: the log says which, and why";
        Failure::new(format!("{done}, but {left_out} left out")).hint(hint)
    }

    /// The command line asks for what cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure {
            kind: Kind::Usage,
            ..Failure::new(message)
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        let failure = Failure::new(fault.message);
        match fault.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Tells standard error what went wrong, and gives the exit status.
pub(crate) fn report(error: &Error) -> ExitCode {
    // Whoever reads our output has seen enough of it, as `head` does.
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    eprint!("{}", describe(error));
    match error.downcast_ref::<Failure>() {
        Some(Failure {
            kind: Kind::Usage, ..
        }) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

fn describe(error: &Error) -> String {
    let mut text = format!("error: {error:#}\n");
    if let Some(hint) = hint(error) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

fn hint(error: &Error) -> Option<&str> {
    let own = error
        .downcast_ref::<Failure>()
        .and_then(|failure| failure.hint.as_deref());
    own.or_else(|| error.downcast_ref::<ApiError>()?.hint())
}

fn is_broken_pipe(error: &Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_failure_is_a_line_and_a_hint() {
        let error = Error::from(Failure::new("it broke").hint("mend it"));
        assert_eq!(describe(&error), "error: it broke\nhint: mend it\n");
        let error = error.context("while testing");
        assert_eq!(
            describe(&error),
            "error: while testing: it broke\nhint: mend it\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = Err::<(), _>(error).context("cannot write").unwrap_err();
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("another")));
    }
}
