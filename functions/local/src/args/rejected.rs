//! The command that lists refused events.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use clap::Args as ClapArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  weir rejected --since 1h
  weir rejected --key wk-7c0b8b1f0a4d4e6f9a3c2b1d --json";

/// Which refused events.
#[derive(Debug, ClapArgs)]
pub struct RejectedArgs {
    /// From when on: an age such as 90s, 30m or 1h, or a time [default: 24h]
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Only those of this write key or client, by its id
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Print JSON, an object a line
    #[arg(long)]
    pub json: bool,
}

/// A time, or how long ago it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// Whatever the server takes for a time.
    Time(String),
}

impl FromStr for Since {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Since, Infallible> {
        let ago = age(text).map(Since::Ago);
        Ok(ago.unwrap_or_else(|| Since::Time(text.into())))
    }
}

fn age(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_from_a_time() {
        let check = |text: &str, expected: Since| assert_eq!(text.parse(), Ok(expected), "{text}");
        check("90s", Since::Ago(Duration::from_secs(90)));
        check("30m", Since::Ago(Duration::from_secs(1800)));
        check("1h", Since::Ago(Duration::from_secs(3600)));
        for time in [
            "2024-01-01",
            "1700000000",
            "h",
            "",
            "1.5h",
            "99999999999999999999h",
            "é",
        ] {
            check(time, Since::Time(time.into()));
        }
    }
}
