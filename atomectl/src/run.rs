//! From the process's arguments to its exit code.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use atome_proto::{Code, Problem};
use clap::{ColorChoice, FromArgMatches as _};
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, Daemon, command};
use crate::cmd;
use crate::context::{Context, say_of};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::password;
use crate::say::Say;

/// Runs one command and tells how it went.
///
/// Prints data to standard output and everything else to standard error. Takes over the process: an
/// interrupt from the keyboard ends it with [`Exit::Interrupted`], a panic with [`Exit::Defect`].
pub fn run<I, T>(args: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("error: this is a defect of ours, please report it: {panic}\n");
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        std::process::exit(Exit::Defect.number().into());
    }));
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    match parse(&args) {
        Ok(cli) => perform(cli).into(),
        Err(exit) => exit.into(),
    }
}

fn parse(args: &[OsString]) -> Result<Cli, Exit> {
    let parsed = command()
        .color(wanted_colour(args))
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let error = match parsed {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    if error.use_stderr() && wants_json(args) {
        let text = error.to_string();
        // What is wrong stands before the first empty line; usage comes after it.
        let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        let whole = lines.join("\n");
        let message = whole.strip_prefix("error: ").unwrap_or(&whole);
        let problem = Problem::new(Code::BadRequest, message).hint("see 'atomectl --help'");
        let say = Say {
            json: true,
            ..Say::default()
        };
        say.error(&problem);
    } else {
        // Help that nobody reads to its end is no error.
        let _ = error.print();
    }
    Err(if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    })
}

/// Sees the request for JSON in a command line that cannot be parsed.
fn wants_json(args: &[OsString]) -> bool {
    ["json", "jsonl"]
        .iter()
        .any(|format| says(args, &["--output", "-o"], format))
}

/// Sees the wish for colours before the command line is parsed; clap itself looks at the terminal and at
/// `NO_COLOR`.
fn wanted_colour(args: &[OsString]) -> ColorChoice {
    if says(args, &["--color"], "never") {
        ColorChoice::Never
    } else if says(args, &["--color"], "always") {
        ColorChoice::Always
    } else {
        ColorChoice::Auto
    }
}

/// Whether an option stands among the arguments with this value, in any spelling that clap takes.
fn says(args: &[OsString], names: &[&str], value: &str) -> bool {
    let args: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let joined = |arg: &str, name: &str| {
        let rest = arg.strip_prefix(name);
        rest.is_some_and(|rest| {
            rest.strip_prefix('=') == Some(value) || (!name.starts_with("--") && rest == value)
        })
    };
    args.iter()
        .any(|arg| names.iter().any(|name| joined(arg, name)))
        || args
            .windows(2)
            .any(|pair| matches!(pair, [name, next] if names.contains(name) && *next == value))
}

fn perform(cli: Cli) -> Exit {
    let say = say_of(&cli.global);
    let done = runtime().and_then(|runtime| {
        runtime.spawn(leave_on_interrupt());
        runtime.block_on(async {
            // The doctor goes on where there is no daemon to be asked.
            if let Command::Daemon(Daemon::Doctor(doctor)) = &cli.command
                && !doctor.prove_direction
            {
                return cmd::doctor::perform(&cli.global, doctor).await;
            }
            let mut context = Context::new(&cli.global)?;
            let done = cmd::perform(&mut context, cli.command).await;
            let flushed = context.out.flush();
            done.and(flushed.map_err(Fault::from))
        })
    });
    let Err(fault) = done else {
        return Exit::Done;
    };
    if let Some(problem) = fault.problem() {
        say.error(&problem);
    }
    fault.exit()
}

/// One thread for the socket and for the interrupt beside the main one, so that reading a seed file and
/// talking to the daemon go on together, and an interrupt is seen whatever the main thread does.
fn runtime() -> Result<Runtime, Fault> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Problem::new(Code::Internal, format!("cannot start: {error}")).into())
}

async fn leave_on_interrupt() {
    if tokio::signal::ctrl_c().await.is_ok() {
        password::until_the_terminal_is_as_it_was().await;
        std::process::exit(Exit::Interrupted.number().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_for_json_is_seen_in_any_spelling() {
        let wants = |line: &str| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            wants_json(&args)
        };
        assert!(wants("atomectl -o json nonsense"));
        assert!(wants("atomectl nonsense --output=jsonl"));
        assert!(wants("atomectl -ojson"));
        assert!(wants("atomectl -o=json"));
        assert!(!wants("atomectl --outputjson"));
        assert!(!wants("atomectl -o table json"));
        assert!(!wants("atomectl create note o=json"));
    }
}
