//! `atomed`: reads the configuration, sets up the log, runs the daemon until it is told to stop.

use std::io::{self, Write};
use std::process::ExitCode;

use atome_proto::runtime::RuntimeDeclaration;
use atomed::cli::Arguments;
use atomed::config::{Config, Environment, LogFormat};
use atomed::daemon::{self, Start};
use atomed::stop::{Stop, on_signals};
use atomed::{sandbox, socket};
use clap::Parser;
use sd_notify::NotifyState;
use tracing_subscriber::EnvFilter;

/// The exit code of a wrong configuration. Source: `EX_CONFIG` of sysexits.h, which systemd names.
const EXIT_CONFIG: u8 = 78;
/// Threads for work that blocks: hashing and opening stores.
const BLOCKING_THREADS_MAX: usize = 8;

fn main() -> ExitCode {
    // Nothing that the daemon makes is for all; what is for its group alone, or for nobody, says so.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    if let Err(error) = atome_sandbox::leave_no_core() {
        complain(&error);
    }
    let arguments = Arguments::parse();
    let config = match Config::load(arguments.config.as_deref(), &Environment::of_process()) {
        Ok(config) => config,
        Err(faults) => {
            complain(&faults);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if arguments.print_runtime {
        let declaration = RuntimeDeclaration {
            enforced: sandbox::plan(&config, None).asked(),
            ..config.declaration(config.socket.as_deref())
        };
        return say(&serde_json::to_string(&declaration).unwrap_or_default());
    }
    if arguments.check_config {
        return say("the configuration is right");
    }
    set_up_log(&config);
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "not started");
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    // Before any thread: what the kernel takes from this one, it takes from all that come after.
    let handed_in = socket::handed_in()?;
    let entered = sandbox::enter(&config, handed_in.as_ref())?;
    let start = Start { entered, handed_in };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let stop = Stop::default();
        on_signals(&stop)?;
        tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.ordered().await;
                notify(NotifyState::Stopping);
            }
        });
        daemon::run(config, start, stop, || notify(NotifyState::Ready)).await?;
        Ok(())
    });
    // A password that is being hashed must not hold up the end.
    runtime.shutdown_background();
    done
}

/// Tells systemd, where it asked to be told.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

fn set_up_log(config: &Config) {
    // The level was checked with the configuration.
    let filter = EnvFilter::try_new(&config.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(error: &dyn std::fmt::Display) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "atomed: {error}");
}
