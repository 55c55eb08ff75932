//! What a person sees while models are fetched: bars on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where the lines go, and whether there are bars.
pub struct Progress {
    to: Output,
}

enum Output {
    Bars(MultiProgress),
    Lines(Mutex<Box<dyn Write + Send>>),
}

impl Progress {
    /// Bars where stderr is a terminal, lines on stderr where not.
    pub fn stderr() -> Self {
        if std::io::stderr().is_terminal() {
            Self { to: Output::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stderr())) }
        } else {
            Self::lines(std::io::stderr())
        }
    }

    /// Lines only.
    pub fn lines(to: impl Write + Send + 'static) -> Self {
        Self { to: Output::Lines(Mutex::new(Box::new(to))) }
    }

    /// One line for a person.
    pub fn say(&self, line: &str) {
        let written = match &self.to {
            Output::Bars(bars) => bars.println(line),
            Output::Lines(to) => writeln!(to.lock().unwrap_or_else(std::sync::PoisonError::into_inner), "{line}"),
        };
        // The pull goes on when nobody can read of it.
        if let Err(error) = written {
            tracing::debug!(error = %error, "a line of progress can't be written");
        }
    }

    /// A bar for `total_bytes`; without a terminal, one line.
    pub(super) fn bar(&self, what: &str, total_bytes: u64) -> ProgressBar {
        match &self.to {
            Output::Lines(_) => {
                self.say(&format!("{what} ({})", indicatif::HumanBytes(total_bytes)));
                ProgressBar::hidden()
            }
            Output::Bars(bars) => {
                let bar = bars.add(ProgressBar::new(total_bytes));
                let style = ProgressStyle::with_template(
                    "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
                );
                bar.set_style(style.expect("the template is valid"));
                bar.set_message(what.to_owned());
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }
        }
    }
}
