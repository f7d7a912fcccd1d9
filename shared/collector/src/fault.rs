//! What went wrong, in words for whoever has to mend it.

use std::fmt;

/// What went wrong and what to do about it: names the file, the key and the value. It may be shown
/// and kept, so it never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault that speaks for itself.
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_to_do_after_what_is_wrong() {
        let fault = Fault::new("query.json: key \"name\" is missing");
        assert_eq!(fault.to_string(), "query.json: key \"name\" is missing");
        let fault = fault.hint("add the name of a check");
        assert_eq!(
            fault.to_string(),
            "query.json: key \"name\" is missing; add the name of a check"
        );
    }
}
