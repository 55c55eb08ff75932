//! The binary itself, as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::person::Person;

/// Far beyond what a start takes; only so that a broken one ends the test.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    Fake,
    Tiny,
}

pub struct ServeProcess {
    pub url: String,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl ServeProcess {
    /// Returns once it says that it is ready.
    pub fn start(data: &Path, engines: Engines, environment: &[(&str, &str)]) -> Self {
        Self::try_start(data, engines, environment).unwrap_or_else(|log| panic!("rose did not become ready:\n{log}"))
    }

    /// What it said on stderr, where it ended instead of becoming ready.
    pub fn try_start(data: &Path, engines: Engines, environment: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rose"));
        command.args(["serve", "--models", "tiny", "--bind", "127.0.0.1:0", "--data-dir"]).arg(data);
        if engines == Engines::Fake {
            for port in ["STT", "LLM", "TTS", "EMBEDDINGS", "VAD"] {
                command.env(format!("ROSE__{port}__BACKENDS"), "fake");
            }
        }
        command.envs(environment.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("its stderr is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = mpsc::channel();
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("ready on ") {
                    // Nobody waits for a second one.
                    let _ = ready.send(url.to_owned());
                }
                let mut kept = kept.lock().expect("nobody panics with the log in hand");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut process = Self { url: String::new(), child, log, reader: Some(reader) };
        match is_ready.recv_timeout(PATIENCE) {
            Ok(url) => {
                process.url = url;
                Ok(process)
            }
            // Its stderr has ended, and so has it; or it hangs.
            Err(_) => {
                process.child.kill().expect("it is ours");
                Err(process.log())
            }
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stranger(&self) -> Person {
        Person::new(&self.url)
    }

    /// What `kill -9` does: no time to do anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started");
    }

    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -TERM $0", &id]).status().expect("a shell");
        assert!(status.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it was started")
    }

    /// Everything it said on stderr, once it has ended.
    pub fn log(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.log.lock().expect("nobody panics with the log in hand").clone()
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
