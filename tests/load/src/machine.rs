//! The machine that figures are of.

use std::fmt;
use std::fs;

use serde::Serialize;

/// What a figure depends on besides the program.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    memory_gb: f64,
    processor: String,
    kernel: String,
    /// What built the program, as whoever started it says.
    built_with: Option<String>,
}

impl Machine {
    /// This one.
    pub(crate) fn this(built_with: Option<String>) -> Self {
        let unknown = || "unknown".to_owned();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gb: kilobytes("/proc/meminfo", "MemTotal").map_or(0.0, |kb| kb / 1e6),
            processor: line("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            kernel: kernel.map_or_else(|_| unknown(), |text| format!("Linux {}", text.trim())),
            built_with,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cores,
            memory_gb,
            processor,
            kernel,
            built_with,
        } = self;
        write!(f, "{cores} cores, {memory_gb:.0} GB, {processor}, {kernel}")?;
        built_with.iter().try_for_each(|with| write!(f, ", {with}"))
    }
}

/// Begins to measure this process' greatest memory anew (proc(5), `clear_refs`). Where that is not
/// possible the figure is that of the whole run.
pub(crate) fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A process' memory in megabytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now_mb: f64,
    /// The most it ever had.
    pub(crate) most_mb: f64,
}

impl Memory {
    /// That of a process of this machine.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = format!("/proc/{pid}/status");
        Some(Self {
            now_mb: kilobytes(&status, "VmRSS")? / 1e3,
            most_mb: kilobytes(&status, "VmHWM")? / 1e3,
        })
    }
}

fn kilobytes(path: &str, name: &str) -> Option<f64> {
    line(path, name)?.split_whitespace().next()?.parse().ok()
}

/// The first line of this name.
fn line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    values.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_had_at_least_what_it_has() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(
            memory.now_mb > 0.5 && memory.most_mb >= memory.now_mb,
            "{memory:?}"
        );
    }
}
