//! A directory of its own, and the processes that work in it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

/// 500 real departures.
pub(crate) const FLIGHTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/flights-500.ndjson"
);

/// A place to work in, gone at the end of the test.
pub(crate) struct World {
    directory: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn start() -> World {
        World {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The program, with its data in `data` and nothing of this process's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("WEIR_DATA", self.path("data"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        said(child.wait_with_output().unwrap())
    }

    /// Runs a command that succeeds; gives its standard output.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out
    }

    /// Runs a command that fails; gives its standard error.
    pub(crate) fn fail(&self, status: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, status, "{arguments:?}: {said:?}");
        said.err
    }

    /// Starts a server on a free port.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Server::start(
            self.command(&all),
            File::create(self.path("server.log")).unwrap(),
        )
    }

    /// Starts a server that may have so many files open.
    pub(crate) fn serve_with_files(&self, files: u32, arguments: &[&str]) -> Server {
        let limited = format!("ulimit -n {files}; exec \"$0\" serve --listen 127.0.0.1:0 \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &limited, env!("CARGO_BIN_EXE_weir")])
            .args(arguments)
            .env_clear()
            .env("HOME", self.directory.path())
            .env("WEIR_DATA", self.path("data"));
        Server::start(command, File::create(self.path("server.log")).unwrap())
    }

    /// Events of a series, by whatever is running.
    pub(crate) fn count(&self, namespace: &str, name: &str) -> u64 {
        let arguments = [
            "query",
            namespace,
            name,
            "--granularity",
            "year",
            "--aggregation",
            "count",
            "--format",
            "json",
        ];
        let points: Vec<Value> = serde_json::from_str(&self.succeed(&arguments)).unwrap();
        points
            .iter()
            .map(|point| point["value"].as_u64().unwrap())
            .sum()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap()
    }
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server in a process of its own, killed at the end of the test.
pub(crate) struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(mut command: Command, log: File) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("Weir listens on ")
            .unwrap_or_else(|| panic!("{line:?}"));
        Server {
            child,
            url: url.to_owned(),
            out,
        }
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// What it prints up to the line that has this in it.
    pub(crate) fn read_to(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.lines().next_back().unwrap_or_default().contains(text) {
            assert!(self.out.read_line(&mut read).unwrap() > 0, "{read}");
        }
        read
    }

    /// Ends it as a service manager does; gives the rest of what it printed.
    pub(crate) fn stop(mut self) -> String {
        signal(&self.child, "TERM");
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }

    /// Asks it to stop and does not wait.
    pub(crate) fn begin_to_stop(&self) {
        signal(&self.child, "TERM");
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}

/// A command under way, whose log is read line by line.
pub(crate) struct Watched {
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Watched {
    pub(crate) fn start(mut command: Command) -> Watched {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Watched { child, err }
    }

    /// Waits until so many lines of its log have had this in them.
    pub(crate) fn wait_for(&mut self, text: &str, times: usize) {
        let mut found = 0;
        let mut seen = String::new();
        while found < times {
            let mut line = String::new();
            assert!(
                self.err.read_line(&mut line).unwrap() > 0,
                "it ended after {seen}"
            );
            found += usize::from(line.contains(text));
            seen.push_str(&line);
        }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn finish(mut self) -> Said {
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        let said = said(self.child.wait_with_output().unwrap());
        Said { err, ..said }
    }
}

/// Whether a program can be run.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
