//! Reads a plugin's constructor: `Name('text', other('text'))`, as Python writes it, and nothing
//! else of Python. Nothing is evaluated.
//!
//! Texts stand between `'` or `"`; `\\`, `\'`, `\"`, `\n`, `\r`, `\t` and `\xHH` are escapes, and
//! any other `\` stays, as in Python. A comma may follow the last argument.

use std::fmt;

use thiserror::Error;

use super::{Aggregation, Plugin};
use crate::query::closest;

const PLUGINS: &[&str] = &[
    "AggregateKey",
    "Comment",
    "ComputeDepartmentKey",
    "ComputeIdFrom",
    "ComputeRank",
    "RemoveKey",
    "SetDepartment",
];
const AGGREGATIONS: &[&str] = &["aggregate_count", "aggregate_rate"];

/// Calls stand within calls no deeper than this: `AggregateKey(aggregate_count(…))`.
const MAX_DEPTH: usize = 2;

/// Why a text is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {position}: {why}")]
pub struct PluginError {
    /// Where, counted from 1.
    pub position: usize,
    /// What is wrong, and what is allowed.
    pub why: String,
}

/// A name with its arguments.
struct Call {
    position: usize,
    name: String,
    arguments: Vec<Argument>,
}

struct Argument {
    position: usize,
    kind: Kind,
}

enum Kind {
    Text(String),
    Call(Call),
}

struct Reader {
    chars: Vec<char>,
    next: usize,
}

/// Reads a constructor.
pub(super) fn read(text: &str) -> Result<Plugin, PluginError> {
    let mut reader = Reader {
        chars: text.chars().collect(),
        next: 0,
    };
    reader.skip_space();
    let call = reader.call(1)?;
    reader.skip_space();
    match reader.peek() {
        None => plugin(call),
        Some(_) => Err(reader.error("a plugin ends with its closing parenthesis")),
    }
}

/// A text as it stands in a constructor.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

fn plugin(call: Call) -> Result<Plugin, PluginError> {
    match call.name.as_str() {
        "AggregateKey" => aggregations(call).map(Plugin::AggregateKey),
        "Comment" => Ok(Plugin::Comment(texts(call, 0)?)),
        "ComputeDepartmentKey" => only(call).map(Plugin::ComputeDepartmentKey),
        "ComputeIdFrom" => Ok(Plugin::ComputeIdFrom(texts(call, 1)?)),
        "ComputeRank" => only(call).map(Plugin::ComputeRank),
        "RemoveKey" => Ok(Plugin::RemoveKey(texts(call, 1)?)),
        "SetDepartment" => only(call).map(Plugin::SetDepartment),
        name => Err(unknown(name, call.position, "plugin", PLUGINS)),
    }
}

fn aggregations(call: Call) -> Result<Vec<Aggregation>, PluginError> {
    if call.arguments.is_empty() {
        return Err(call.error("needs aggregate_count('key') or aggregate_rate('rate', 'count')"));
    }
    let read = |argument: Argument| match argument.kind {
        Kind::Call(call) => aggregation(call),
        Kind::Text(_) => Err(PluginError {
            position: argument.position,
            why: format!("AggregateKey takes {}, no text", AGGREGATIONS.join(" and ")),
        }),
    };
    call.arguments.into_iter().map(read).collect()
}

fn aggregation(call: Call) -> Result<Aggregation, PluginError> {
    match call.name.as_str() {
        "aggregate_count" => only(call).map(Aggregation::Count),
        "aggregate_rate" => {
            let [rate, count] = exactly(call)?;
            Ok(Aggregation::Rate { rate, count })
        }
        name => Err(unknown(name, call.position, "aggregation", AGGREGATIONS)),
    }
}

fn only(call: Call) -> Result<String, PluginError> {
    let [text] = exactly(call)?;
    Ok(text)
}

fn exactly<const N: usize>(call: Call) -> Result<[String; N], PluginError> {
    let (position, name, given) = (call.position, call.name.clone(), call.arguments.len());
    texts(call, 0)?.try_into().map_err(|_| PluginError {
        position,
        why: format!(
            "{name} takes {N} text{}, not {given}",
            if N == 1 { "" } else { "s" }
        ),
    })
}

fn texts(call: Call, at_least: usize) -> Result<Vec<String>, PluginError> {
    if call.arguments.len() < at_least {
        return Err(call.error("needs a text, as the name of a key"));
    }
    let name = call.name;
    let read = |argument: Argument| match argument.kind {
        Kind::Text(text) => Ok(text),
        Kind::Call(_) => Err(PluginError {
            position: argument.position,
            why: format!("{name} takes texts between ' or \", no calls"),
        }),
    };
    call.arguments.into_iter().map(read).collect()
}

fn unknown(name: &str, position: usize, what: &str, known: &[&str]) -> PluginError {
    let meant = closest(name, known).map(|close| format!(" (did you mean {close}?)"));
    let (meant, known) = (meant.unwrap_or_default(), known.join(", "));
    PluginError {
        position,
        why: format!("there is no {what} {name}{meant}: there are {known}"),
    }
}

impl Call {
    fn error(&self, why: &str) -> PluginError {
        PluginError {
            position: self.position,
            why: format!("{} {why}", self.name),
        }
    }
}

impl Reader {
    fn call(&mut self, depth: usize) -> Result<Call, PluginError> {
        let position = self.next + 1;
        let name = self.name();
        if name.is_empty() {
            return Err(self.error("a plugin begins with its name, as ComputeRank('rank')"));
        }
        self.skip_space();
        if !self.take('(') {
            return Err(self.error(format_args!("expected ( after {name}")));
        }
        let arguments = self.arguments(depth)?;
        Ok(Call {
            position,
            name,
            arguments,
        })
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Argument>, PluginError> {
        let mut arguments = Vec::new();
        loop {
            self.skip_space();
            if self.take(')') {
                return Ok(arguments);
            }
            arguments.push(self.argument(depth)?);
            self.skip_space();
            if !self.take(',') && self.peek() != Some(')') {
                return Err(self.error("expected , or )"));
            }
        }
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, PluginError> {
        let position = self.next + 1;
        let kind = match self.text()? {
            Some(text) => Kind::Text(text),
            None if self.peek().is_some_and(begins_name) && depth < MAX_DEPTH => {
                Kind::Call(self.call(depth + 1)?)
            }
            None => return Err(self.error("expected a text between ' or \"")),
        };
        Ok(Argument { position, kind })
    }

    /// A text, also with `u` before it, as Python 2 writes it.
    fn text(&mut self) -> Result<Option<String>, PluginError> {
        let marked = matches!(self.peek(), Some('u' | 'U'));
        let quote = self.chars.get(self.next + usize::from(marked)).copied();
        let Some(quote @ ('\'' | '"')) = quote else {
            return Ok(None);
        };
        self.next += 1 + usize::from(marked);
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.next += 1;
            match c {
                '\\' => self.escape(&mut text)?,
                c if c == quote => return Ok(Some(text)),
                '\n' => break,
                c => text.push(c),
            }
        }
        Err(self.error(format_args!("expected {quote} at the end of the text")))
    }

    fn escape(&mut self, text: &mut String) -> Result<(), PluginError> {
        let Some(c) = self.peek() else {
            return Err(self.error("nothing follows the \\"));
        };
        self.next += 1;
        match c {
            '\\' | '\'' | '"' => text.push(c),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'x' => text.push(self.hexadecimal()?),
            other => text.extend(['\\', other]),
        }
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<char, PluginError> {
        let digits: String = self.chars.iter().skip(self.next).take(2).collect();
        let code = u8::from_str_radix(&digits, 16).ok();
        match code.filter(|_| digits.len() == 2 && digits.is_ascii()) {
            Some(code) => {
                self.next += 2;
                Ok(char::from(code))
            }
            None => Err(self.error("expected two hexadecimal digits after \\x")),
        }
    }

    fn name(&mut self) -> String {
        let begin = self.next;
        while self
            .peek()
            .is_some_and(|c| begins_name(c) || c.is_ascii_digit())
        {
            self.next += 1;
        }
        self.chars[begin..self.next].iter().collect()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek() == Some(wanted);
        self.next += usize::from(taken);
        taken
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn error(&self, why: impl fmt::Display) -> PluginError {
        PluginError {
            position: self.next + 1,
            why: why.to_string(),
        }
    }
}

fn begins_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

#[cfg(test)]
mod tests;
