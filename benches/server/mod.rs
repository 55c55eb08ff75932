//! The server in a process of its own, so that its memory is its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ended with the bench.
pub(crate) struct Server {
    child: Child,
    /// `http://` and its address.
    pub(crate) url: String,
}

impl Server {
    /// Ready to serve, with its data in `data` and these environment variables set.
    pub(crate) fn start(data: &Path, variables: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rose"));
        command.args(["serve", "--models", "tiny", "--bind", "127.0.0.1:0", "--data-dir"]).arg(data);
        command.envs(variables.iter().cloned()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the built program");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("ready on ").map(str::to_owned)).expect("it becomes ready");
        // Its log is read on, or it would wait for the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// MiB of `VmRSS` (now) or `VmHWM` (the most there was).
    pub(crate) fn mebibytes(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with(field)).expect("the field");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("a size in KiB") / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
