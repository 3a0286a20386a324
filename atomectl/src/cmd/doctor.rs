//! `doctor`: looks at what can be seen from here, has the daemon look at the rest, and prints all of it.

mod bundle;
mod socket;

use std::time::Duration;

use atome_client::{Client, ClientError, Why};
use atome_proto::local::v1::{Finding, FindingCode, Severity, Status, Version};
use atome_proto::{Code, Problem};

use crate::arg::span::Span;
use crate::cli::{Doctor, Global};
use crate::context::{out_of, say_of};
use crate::discover::{Found, Places, find_socket};
use crate::fault::{Fault, hint_of};
use crate::out::{Out, plain};

use socket::Naming;

/// How long the daemon may take to look at everything: it goes through whole stores, and dials the hub.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was found, and who can tell more.
struct Examined {
    findings: Vec<Finding>,
    /// The daemon, where one answers.
    client: Option<Client>,
    version: Option<Version>,
    /// The exit code that an error of ours asks for.
    code: Option<Code>,
}

impl Examined {
    fn ends_with(&self) -> Result<(), Fault> {
        if let Some(code) = self.code {
            return Err(Fault::Told(code));
        }
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        if self.findings.iter().any(is_error) {
            return Err(Fault::No);
        }
        Ok(())
    }
}

/// Examines, and prints what was found or writes it to a file.
pub(crate) async fn perform(global: &Global, doctor: &Doctor) -> Result<(), Fault> {
    let naming = match &doctor.bundle {
        Some(_) => Naming::Numbers,
        None => Naming::Names,
    };
    let examined = examine(global, naming).await;
    if let Some(file) = &doctor.bundle {
        bundle::write(&examined, file).await?;
        let told = format!(
            "wrote {}; look through it before you give it away",
            file.display()
        );
        say_of(global).note(&told);
        return Ok(());
    }
    let mut out = out_of(global);
    print(&mut out, &examined).await?;
    out.flush()?;
    say_of(global).note(&sum(&examined.findings));
    examined.ends_with()
}

async fn examine(global: &Global, naming: Naming) -> Examined {
    let mut examined = Examined {
        findings: Vec::new(),
        client: None,
        version: None,
        code: None,
    };
    match find_socket(global.socket.clone(), &Places::of_this_user()) {
        Ok(found) => ask(global, &found, naming, &mut examined).await,
        Err(problem) => {
            examined.code = Some(problem.code);
            examined.findings.push(not_found(&problem));
        }
    }
    examined
}

/// Where no socket is known.
fn not_found(problem: &Problem) -> Finding {
    let code = if problem.code == Code::NoDaemon {
        FindingCode::NoDaemon
    } else {
        FindingCode::ConfigurationWrong
    };
    let finding = Finding::new(code).message(sentence(&problem.detail));
    match &problem.hint {
        Some(hint) => Finding {
            remedy: hint.clone(),
            ..finding
        },
        None => finding,
    }
}

/// Looks at the socket, then asks the daemon behind it.
async fn ask(global: &Global, found: &Found, naming: Naming, examined: &mut Examined) {
    for note in &found.notes {
        let finding = Finding::new(FindingCode::DeclarationUnusable).message(sentence(note));
        examined.findings.push(finding);
    }
    let limit = global.timeout.map_or(PATIENCE, Span::duration);
    let client =
        Client::new(found.socket.clone()).with_timeout((!limit.is_zero()).then_some(limit));
    match client.version().await {
        Ok(version) => {
            examined.findings.push(answers(&version, found));
            examined.version = Some(version);
            examined
                .findings
                .extend(socket::look(&found.socket, naming));
            match client.doctor().await {
                Ok(findings) => examined.findings.extend(findings),
                Err(error) => examined.fail(&error),
            }
            examined.client = Some(client);
        }
        Err(error) => {
            examined.fail(&error);
            examined
                .findings
                .extend(socket::look(&found.socket, naming));
        }
    }
}

impl Examined {
    fn fail(&mut self, error: &ClientError) {
        let (code, remedy) = match error {
            ClientError::NoDaemon { why, .. } => match why {
                Why::NotPermitted => (FindingCode::SocketDenied, None),
                Why::Missing => (FindingCode::NoDaemon, None),
                Why::NotASocket
                | Why::Refused
                | Why::WentAway
                | Why::NotADaemon
                | Why::Other(_) => (FindingCode::NoDaemon, Some(hint_of(error))),
            },
            ClientError::Problem(_) | ClientError::Timeout(_) | ClientError::Protocol(_) => {
                (FindingCode::DaemonFails, None)
            }
        };
        if matches!(error, ClientError::NoDaemon { .. }) {
            self.code = Some(Code::NoDaemon);
        }
        let finding = Finding::new(code).message(sentence(&error.to_string()));
        self.findings.push(match remedy {
            Some(remedy) => Finding {
                remedy: remedy.to_owned(),
                ..finding
            },
            None => finding,
        });
    }
}

fn answers(daemon: &Version, found: &Found) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    let (socket, by) = (found.socket.display(), found.by.words());
    if daemon.version == own {
        let message = format!("The daemon answers on {socket} ({by}), version {own} as atomectl.");
        return Finding::new(FindingCode::DaemonOk).message(message);
    }
    let message = format!(
        "The daemon on {socket} ({by}) is version {}, atomectl is {own}.",
        daemon.version
    );
    Finding::new(FindingCode::DaemonVersion).message(message)
}

async fn print(out: &mut Out, examined: &Examined) -> Result<(), Fault> {
    if !out.is_table() {
        let mut listing = out.listing(&[]);
        for finding in &examined.findings {
            listing.push(finding, |_| Vec::new())?;
        }
        return Ok(listing.finish()?);
    }
    // The names of the accounts stand in the status alone; without it their ids must do.
    let status = match &examined.client {
        Some(client) => client.status().await.ok(),
        None => None,
    };
    for finding in &examined.findings {
        for line in lines(finding, status.as_ref()) {
            out.line(line.as_bytes())?;
        }
    }
    Ok(())
}

/// A finding for a person, what to do about it on a line of its own.
fn lines(finding: &Finding, status: Option<&Status>) -> Vec<String> {
    let whose = finding.account.map_or_else(String::new, |id| {
        let known = status.and_then(|status| status.accounts.iter().find(|one| one.id == id));
        let name = known.map_or_else(|| id.to_string(), |one| plain(&one.name));
        format!(" ({name})")
    });
    let severity = finding.severity.as_str();
    let is_fine = finding.severity == Severity::Ok;
    let since = finding.since.as_ref().filter(|_| !is_fine);
    let since = since.map_or_else(String::new, |since| format!(" Since {}.", plain(since)));
    let text = plain(&finding.message);
    let mut lines = vec![format!(
        "{severity:<7}  {}{whose}: {text}{since}",
        finding.code
    )];
    if !finding.remedy.is_empty() {
        lines.push(format!("         {}", plain(&finding.remedy)));
    }
    lines
}

/// How many there are of what needs someone.
fn sum(findings: &[Finding]) -> String {
    let count = |severity| {
        findings
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let plural = |count: usize, what: &str| match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let errors = plural(count(Severity::Error), "error");
    let warnings = plural(count(Severity::Warning), "warning");
    format!("{errors}, {warnings}")
}

/// An error's text as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    // A path keeps its letters.
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_with_its_account_and_what_to_do() {
        let status: Status = serde_json::from_str(
            r#"{"schema":1,"version":"0.1.0","accounts":[{"name":"anna","id":"0198c0de-0000-7000-8000-00000000000a",
            "state":"offline","mode":"live","pending":0,"refused":0}],
            "runtime":{"runtimeType":"daemon","hasLocalServer":true,"profile":"production"}}"#,
        )
        .unwrap();
        let id = status.accounts[0].id;
        let finding = Finding::new(FindingCode::CommitsRefused)
            .of(id)
            .since("2026-11-01T00:00:00Z".into());
        let told = lines(&finding, Some(&status));
        assert_eq!(
            told[0],
            "warning  commits-refused (anna): The hub refused commits, and they wait for a person. Since \
             2026-11-01T00:00:00Z."
        );
        assert!(told[1].contains("'atomectl sync refused'"), "{told:?}");
        assert!(lines(&finding, None)[0].contains("(0198c0de-"));
        let fine = Finding::new(FindingCode::DiskOk);
        assert_eq!(lines(&fine, None).len(), 1);
        assert_eq!(sum(&[finding, fine]), "no errors, 1 warning");
    }
}
