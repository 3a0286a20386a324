//! Exit codes: the one place where an error's code becomes one.

use std::process::ExitCode;

use atome_proto::Code;

/// What the command tells its caller. Scripts depend on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// The command line, or the configuration, is wrong.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// The asker may not, or is not logged in.
    NotAllowed = 4,
    /// What is there stands in the way.
    Conflict = 5,
    /// No daemon answers.
    NoDaemon = 6,
    /// The hub was needed and is out of reach.
    NoHub = 7,
    /// It took too long.
    TimedOut = 8,
    /// The hub refused.
    Refused = 9,
    /// The input is bad.
    BadData = 10,
    /// A defect of ours.
    Defect = 70,
    /// Interrupted from the keyboard: 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code with its meaning, as `--help` shows them.
    pub const TABLE: &[(Self, &str)] = &[
        (Self::Done, "done"),
        (
            Self::No,
            "the answer is no: verify found differences, two digests differ, a proof failed, doctor found an error",
        ),
        (
            Self::Usage,
            "the command line or the configuration is wrong",
        ),
        (Self::NotFound, "not found"),
        (Self::NotAllowed, "not allowed, or not logged in"),
        (
            Self::Conflict,
            "conflict: already there, ambiguous, or something stands in the way",
        ),
        (Self::NoDaemon, "no daemon"),
        (Self::NoHub, "the hub was needed and is out of reach"),
        (Self::TimedOut, "timed out, or too busy; try again later"),
        (Self::Refused, "refused by the hub"),
        (Self::BadData, "bad input data"),
        (Self::Defect, "a defect of ours"),
        (Self::Interrupted, "interrupted from the keyboard"),
    ];

    /// The exit code of an error.
    #[must_use]
    pub fn of(code: Code) -> Self {
        match code {
            Code::BadRequest => Self::Usage,
            Code::NotFound => Self::NotFound,
            Code::NotAllowed
            | Code::AuthRequired
            | Code::WrongCredentials
            | Code::AccountDeleted => Self::NotAllowed,
            Code::Ambiguous | Code::Conflict | Code::Fork | Code::LowSpace | Code::Unsupported => {
                Self::Conflict
            }
            Code::NoDaemon | Code::Stopping => Self::NoDaemon,
            Code::HubUnreachable | Code::NoHub => Self::NoHub,
            Code::TimedOut | Code::Busy => Self::TimedOut,
            Code::Refused => Self::Refused,
            Code::BadData | Code::TooLarge => Self::BadData,
            Code::Internal | Code::Unknown => Self::Defect,
        }
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_what_scripts_depend_on() {
        let numbers: Vec<u8> = Exit::TABLE.iter().map(|(exit, _)| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 70, 130]);
    }

    #[test]
    fn no_error_looks_like_success_or_like_an_answer() {
        for code in Code::ALL.iter().chain([&Code::Unknown]) {
            let exit = Exit::of(*code);
            assert!(!matches!(exit, Exit::Done | Exit::No), "{code}");
            assert!(Exit::TABLE.iter().any(|(each, _)| *each == exit));
        }
    }

    #[test]
    fn codes_have_the_exit_code_that_the_contract_says() {
        let of = |code| Exit::of(code).number();
        assert_eq!(of(Code::NotFound), 3);
        assert_eq!(of(Code::WrongCredentials), 4);
        assert_eq!(of(Code::Conflict), 5);
        assert_eq!(of(Code::NoDaemon), 6);
        assert_eq!(of(Code::NoHub), 7);
        assert_eq!(of(Code::HubUnreachable), 7);
        assert_eq!(of(Code::TimedOut), 8);
        assert_eq!(of(Code::Refused), 9);
        assert_eq!(of(Code::BadData), 10);
        assert_eq!(of(Code::Internal), 70);
    }
}
