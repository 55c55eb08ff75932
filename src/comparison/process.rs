//! A worker's process, as the leader holds it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::ComparisonError;
use super::protocol::{Answer, Order};

pub(super) struct Worker {
    label: String,
    child: Child,
    /// `None` once the worker is told to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// `command` starts a process that runs [`super::worker::work`] over its standard input and output.
    pub(super) fn start(label: &str, mut command: Command) -> Result<Self, ComparisonError> {
        let failed = |what: String| ComparisonError::Worker { variant: label.to_owned(), what };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("can't be started: {error}")))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("has no standard input and output".into()));
        };
        Ok(Self { label: label.to_owned(), child, orders: Some(orders), answers: BufReader::new(answers) })
    }

    /// # Errors
    /// Where the worker has ended, or answers what can't be read. `Failed` is an answer.
    pub(super) fn ask(&mut self, order: &Order) -> Result<Answer, ComparisonError> {
        let failed = |what: String| ComparisonError::Worker { variant: self.label.clone(), what };
        let mut line = serde_json::to_vec(order).map_err(|error| failed(format!("can't be asked: {error}")))?;
        line.push(b'\n');
        if let Some(orders) = &mut self.orders {
            orders.write_all(&line).map_err(|error| failed(format!("takes no more orders: {error}")))?;
        }
        let mut answer = String::new();
        match self.answers.read_line(&mut answer) {
            Ok(0) => Err(failed("has ended without an answer; its last words are above".into())),
            Ok(_) => serde_json::from_str(&answer).map_err(|error| failed(format!("said what can't be read: {error}"))),
            Err(error) => Err(failed(format!("can't be heard: {error}"))),
        }
    }
}

/// A worker ends at the end of its orders; none outlives the leader.
impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Err(error) = self.child.wait() {
            tracing::warn!(error = %error, "a worker's end could not be awaited");
        }
    }
}
