//! The command line: results to stdout, everything else to stderr.
//!
//! Exit codes: 0 done, 1 it failed, 2 the command or the settings were wrong.

pub mod backup;
pub mod bench;
pub mod care;
pub mod chat;
pub mod doctor;
pub mod eval;
pub mod health;
mod machine;
pub mod memories;
pub mod models;
pub mod paint;
pub mod restore;
pub mod say;
pub mod serve;
mod services;
pub mod transcribe;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Overrides, Profile};

const EXAMPLES: &str = "\
Examples:
  rose models pull small                                  fetch the default models (about 1.5 GB)
  rose serve                                              serve on http://127.0.0.1:8080
  rose chat                                               talk in the terminal
  rose say \"Good evening.\" -o evening.wav                 speak a text
  rose paint \"a calm sea at dusk\" -o sea.png             paint a picture
  rose transcribe memo.webm                               print the words of a recording
  rose bench recordings --backends local,fake             compare backends on whole spoken turns
  rose eval --backends tiny,small                         play and judge whole conversations
  rose care report                                        how often care answered, without anybody's words
  rose memories reembed                                   have another embedding model take the memories over
  rose backup                                             copy the database and the cookie key into one file
  rose doctor                                             what is missing, and how to get it
  rose health                                             ask a running server whether it is ready

Settings come from rose.toml, ROSE__SECTION__KEY variables and the options, the later outranking the former;
rose.example.toml documents each. RUST_LOG sets what is logged.";

#[derive(Parser)]
#[command(name = "rose", version, about = "A voice companion that listens, remembers and answers aloud.", after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Args)]
struct Settings {
    /// The settings file [default: rose.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where conversations, memories and recordings are kept [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where model files are kept [default: models/weights]
    #[arg(long, global = true, value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// The set of models: tiny, small or laptop [default: small]
    #[arg(long = "models", global = true, value_name = "SET")]
    model_set: Option<String>,
    /// The folder of a character of your own; character/README.md says what it holds [default: the built-in Rose]
    #[arg(long, global = true, value_name = "DIR")]
    character: Option<PathBuf>,
    /// Which backends serve: offline (in this process), production (Groq, ElevenLabs, Together) or benchmark (in this
    /// process, drawing no lots); the settings outrank it [default: offline]
    #[arg(long, global = true, value_name = "PROFILE")]
    profile: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::ServeCommand),
    Models(models::ModelsCommand),
    Chat(chat::ChatCommand),
    Say(say::SayCommand),
    Paint(paint::PaintCommand),
    Transcribe(transcribe::TranscribeCommand),
    Bench(bench::BenchCommand),
    Eval(eval::EvalCommand),
    Care(care::CareCommand),
    #[command(hide = true)]
    BenchWorker(bench::WorkerCommand),
    Memories(memories::MemoriesCommand),
    Backup(backup::BackupCommand),
    Restore(restore::RestoreCommand),
    Doctor(doctor::DoctorCommand),
    Health(health::HealthCommand),
}

/// Parses the command line, runs the command and gives the process its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(if error.downcast_ref::<ConfigError>().is_some() { 2 } else { 1 })
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command's failure is told to the person")]
fn report(error: &anyhow::Error) {
    // A reader that went away (`rose chat | head`) wants no complaint.
    let broken_pipe = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe);
    if !broken_pipe {
        eprintln!("rose: {error:#}");
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let mut overrides = Overrides {
        file: cli.settings.config,
        bind: None,
        data_dir: cli.settings.data_dir,
        models_dir: cli.settings.models_dir,
        model_set: cli.settings.model_set,
        character_dir: cli.settings.character,
        profile: cli.settings.profile.map(|name| name.parse::<Profile>()).transpose()?,
        settings: Vec::new(),
    };
    match cli.command {
        Command::Serve(command) => {
            overrides.bind.clone_from(&command.bind);
            serve::run(Config::load(&overrides)?)
        }
        Command::Models(command) => command.run(&Config::load(&overrides)?),
        Command::Bench(command) => command.run(&Config::load(&overrides)?, overrides),
        Command::BenchWorker(command) => command.run(),
        Command::Eval(command) => command.run(&overrides),
        Command::Care(command) => command.run(&Config::load(&overrides)?, &mut std::io::stdout().lock()),
        Command::Memories(command) => command.run(&Config::load(&overrides)?, &mut std::io::stdout().lock()),
        Command::Backup(command) => command.run(&Config::load(&overrides)?, &mut std::io::stdout().lock()),
        Command::Restore(command) => command.run(&Config::load(&overrides)?, &mut std::io::stdout().lock()),
        Command::Doctor(command) => {
            let (config, missing) = Config::load_incomplete(&overrides)?;
            command.run(&config, &missing)
        }
        Command::Health(command) => command.run(&Config::load(&overrides)?, &mut std::io::stdout().lock()),
        Command::Chat(command) => command.run(Config::load(&overrides)?),
        Command::Say(command) => command.run(&Config::load(&overrides)?),
        Command::Paint(command) => command.run(&Config::load(&overrides)?),
        Command::Transcribe(command) => command.run(&Config::load(&overrides)?),
    }
}

/// The runtime of commands that serve no one but this terminal.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
