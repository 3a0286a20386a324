//! `atomed`: reads the configuration, sets up the log, runs the daemon until it is told to stop.

use std::io::{self, Write};
use std::process::ExitCode;

use atome_proto::runtime::RuntimeDeclaration;
use atome_service::log::Log;
use atome_service::notify::notify;
use atomed::cli::Arguments;
use atomed::config::{Config, Environment};
use atomed::daemon::{self, Start};
use atomed::reload::Reload;
use atomed::stop::{Stop, on_signals};
use atomed::{sandbox, socket};
use clap::Parser;

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
    let environment = Environment::of_process();
    let config = match Config::load(arguments.config.as_deref(), &environment) {
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
    let log = Log::start(config.log_format, &config.log_level);
    let reload = || Reload::prepare(arguments.config, environment, log);
    match run(config, reload) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "not started");
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(
    config: Config,
    reload: impl FnOnce() -> io::Result<Reload>,
) -> Result<(), Box<dyn std::error::Error>> {
    // Before any thread: what the kernel takes from this one, it takes from all that come after.
    let handed_in = socket::handed_in()?;
    let entered = sandbox::enter(&config, handed_in.as_ref())?;
    // One thread for all that waits: what takes its time is done by the threads of the stores and by those for
    // work that blocks, and one that is woken does not wake others to look for work.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let stop = Stop::default();
        on_signals(&stop)?;
        let start = Start {
            entered,
            handed_in,
            reload: Some(reload()?),
        };
        tokio::spawn({
            let stop = stop.clone();
            async move {
                stop.ordered().await;
                notify("STOPPING=1");
            }
        });
        daemon::run(config, start, stop, || notify("READY=1")).await?;
        Ok(())
    });
    // A password that is being hashed must not hold up the end.
    runtime.shutdown_background();
    done
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
