//! Runs the binary as a user would, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A user's folder.
pub(crate) struct Home {
    dir: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The value that a line `name  value` of stdout gives.
    pub(crate) fn value(&self, name: &str) -> &str {
        let line = self.out.lines().find(|l| l.split_whitespace().next() == Some(name));
        line.and_then(|l| l.split_whitespace().nth(1)).unwrap_or_else(|| panic!("no '{name}' in: {self:?}"))
    }

    /// Itself, if it went well.
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        name.to_owned()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_candleflow"));
        command.args(args).current_dir(self.dir.path()).env_remove("CANDLEFLOW_LAKE").env_remove("CANDLEFLOW_KAFKA");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().expect("the binary runs").into()
    }

    /// Starts a command that goes on; its output goes to a file.
    pub(crate) fn start(&self, name: &str, args: &[&str]) -> Running {
        let out = self.path(&format!("{name}.out"));
        let err = self.path(&format!("{name}.err"));
        let file = |p: &Path| Stdio::from(std::fs::File::create(p).expect("a file"));
        let child = self.command(args).stdout(file(&out)).stderr(file(&err)).spawn().expect("the binary starts");
        Running { child, out, err }
    }
}

/// A command that goes on; killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Waits until a line of its output begins with `start`; gives the rest of the line.
    pub(crate) fn line(&self, start: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let text = std::fs::read_to_string(&self.out).unwrap_or_default();
            if let Some(line) = text.lines().find_map(|l| l.strip_prefix(start)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no line '{start}' in time: {}", self.all());
            pause();
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self, patience: Duration) -> Said {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                let read = |p: &Path| std::fs::read_to_string(p).unwrap_or_default();
                return Said { code: status.code().unwrap_or(-1), out: read(&self.out), err: read(&self.err) };
            }
            assert!(Instant::now() < deadline, "it did not end in time: {}", self.all());
            pause();
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill runs");
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn all(&self) -> String {
        let read = |p: &Path| std::fs::read_to_string(p).unwrap_or_default();
        format!("stdout: {}\nstderr: {}", read(&self.out), read(&self.err))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at something that another process does; always under a deadline.
#[expect(clippy::disallowed_methods, reason = "polls another process under a deadline")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// The shared market data; `None`, said on stderr, where they are absent (an error on CI).
pub(crate) fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = given
        .into_iter()
        .chain(root.ancestors().map(|a| a.join("../shared")))
        .find(|p| p.join("data/README.md").exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "the shared market data are missing: set CANDLEFLOW_SHARED");
        eprintln!("skipped: no shared market data beside the repository");
    }
    found.map(|p| p.canonicalize().expect("a folder").join("data"))
}

/// A running Kafka: that of the environment; `None`, said on stderr, without one (an error on CI).
pub(crate) fn kafka() -> Option<String> {
    let given = std::env::var("CANDLEFLOW_KAFKA").ok().filter(|k| !k.is_empty());
    if given.is_none() {
        assert!(std::env::var_os("CI").is_none(), "Kafka is missing: start it with deploy/dev/kafka start");
        eprintln!("skipped: no Kafka; start one with deploy/dev/kafka start and set CANDLEFLOW_KAFKA");
    }
    given
}

/// The cells of a query's rows.
pub(crate) fn ask(home: &Home, sql: &str) -> Vec<Vec<String>> {
    let said = home.run(&["sql", sql, "--format", "csv"]).good();
    said.out.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
