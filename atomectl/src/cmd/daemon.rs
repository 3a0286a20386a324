//! `status`, `runtime`, `doctor`, `version`.

use std::time::{SystemTime, UNIX_EPOCH};

use atome_proto::local::v1::{AccountStatus, Status, Version};
use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::time::from_rfc3339;
use serde::Serialize;

use crate::cli::Daemon;
use crate::cmd::{or_dash, roughly, word};
use crate::context::Context;
use crate::fault::Fault;
use crate::out::{Out, plain};

/// When the end of a session is near: 30 days. One that is in use never comes nearer, as it is renewed at two
/// thirds of its 90 days.
const SESSION_NEAR_MS: u64 = 30 * 86_400_000;

pub(super) async fn perform(context: &mut Context, command: Daemon) -> Result<(), Fault> {
    match command {
        Daemon::Status => status(context).await,
        Daemon::Runtime => {
            let runtime = context.client.runtime().await?;
            Ok(context.out.document(&runtime, runtime_fields)?)
        }
        Daemon::Doctor(_) => prove_direction(context).await,
        Daemon::Version => version(context).await,
    }
}

async fn status(context: &mut Context) -> Result<(), Fault> {
    let status = context.client.status().await?;
    if !context.out.is_table() {
        return Ok(context.out.document(&status, |_| Vec::new())?);
    }
    let out = &mut context.out;
    let mut fields = vec![("daemon", status.version.clone())];
    fields.extend(runtime_fields(&status.runtime));
    out.fields(&fields)?;
    accounts(out, &status)?;
    for line in ending_sessions(&status, now_ms()) {
        out.line(line.as_bytes())?;
    }
    findings(out, &status)?;
    Ok(())
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn accounts(out: &mut Out, status: &Status) -> std::io::Result<()> {
    if status.accounts.is_empty() {
        return out.line(b"\nno account: make one with 'atomectl account create NAME', or log in");
    }
    out.line(b"")?;
    let mut listing = out.listing(&[
        "ACCOUNT",
        "STATE",
        "MODE",
        "PENDING",
        "REFUSED",
        "CURSOR",
        "HUB HEAD",
        "LAST SYNCED",
    ]);
    for account in &status.accounts {
        listing.push(account, account_cells)?;
    }
    listing.finish()
}

fn account_cells(account: &AccountStatus) -> Vec<String> {
    let state = match (account.snapshot_done, account.snapshot_total) {
        (Some(done), Some(total)) => format!("{} {done}/{total}", word(&account.state)),
        (_, None) | (None, _) => word(&account.state),
    };
    vec![
        account.name.clone(),
        state,
        word(&account.mode),
        account.pending.to_string(),
        account.refused.to_string(),
        or_dash(account.cursor),
        or_dash(account.hub_head),
        or_dash(account.last_synced_at.as_ref()),
    ]
}

/// The sessions at the hub whose end is near, and what to do about it.
fn ending_sessions(status: &Status, now_ms: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for account in &status.accounts {
        let Some(text) = &account.session_expires_at else {
            continue;
        };
        let name = plain(&account.name);
        match from_rfc3339(text).map(|ms| ms.checked_sub(now_ms)) {
            Some(Some(left_ms)) if left_ms < SESSION_NEAR_MS => {
                let left = roughly(left_ms);
                lines.push(format!(
                    "\n{name}: the session at the hub ends in {left}, unless it is used"
                ));
                lines.push(format!(
                    "  syncing renews it; once it is over, 'atomectl login {name}' opens another"
                ));
            }
            Some(None) => {
                lines.push(format!("\n{name}: the session at the hub is over"));
                lines.push(format!(
                    "  'atomectl login {name}' opens another; what was written here is kept"
                ));
            }
            Some(Some(_)) | None => {}
        }
    }
    lines
}

/// What a person should know, with what to do about it.
fn findings(out: &mut Out, status: &Status) -> std::io::Result<()> {
    let name = |id| status.accounts.iter().find(|account| account.id == id);
    for finding in &status.health {
        let whose = finding.account.and_then(name);
        let text = format!(
            "\n{} {}{}: {}",
            word(&finding.severity),
            finding.code,
            whose.map_or_else(String::new, |one| format!(" ({})", plain(&one.name))),
            plain(&finding.message)
        );
        out.line(text.as_bytes())?;
        out.line(format!("  {}", plain(&finding.remedy)).as_bytes())?;
    }
    for account in &status.accounts {
        if let Some(problem) = &account.last_error {
            let text = format!(
                "\n{} {}: {}",
                plain(&account.name),
                problem.code,
                plain(&problem.detail)
            );
            out.line(text.as_bytes())?;
            if let Some(hint) = &problem.hint {
                out.line(format!("  {}", plain(hint)).as_bytes())?;
            }
        }
    }
    Ok(())
}

fn runtime_fields(runtime: &RuntimeDeclaration) -> Vec<(&'static str, String)> {
    let hub = runtime.remote_endpoint.clone();
    let mut fields = vec![
        ("runtime", word(&runtime.runtime_type)),
        ("profile", word(&runtime.profile)),
        ("socket", or_dash(runtime.local_endpoint.as_ref())),
        (
            "hub",
            hub.unwrap_or_else(|| "none: full offline mode".to_owned()),
        ),
    ];
    for (name, what) in &runtime.enforced {
        let is_first = fields.last().is_none_or(|(field, _)| *field == "hub");
        let field = if is_first { "kernel" } else { "" };
        fields.push((field, format!("{name}: {what}")));
    }
    fields
}

/// Has the daemon try what the kernel is to refuse it. Anything that the kernel did not forbid is a no.
async fn prove_direction(context: &mut Context) -> Result<(), Fault> {
    let tried = context.client.prove_direction().await?;
    let mut listing = context.out.listing(&["FORBIDDEN", "ATTEMPT", "OUTCOME"]);
    for attempt in &tried {
        listing.push(attempt, |attempt| {
            let forbidden = if attempt.forbidden { "yes" } else { "NO" };
            let (what, outcome) = (attempt.attempt.clone(), attempt.outcome.clone());
            vec![forbidden.to_owned(), what, outcome]
        })?;
    }
    listing.finish()?;
    if tried.iter().all(|attempt| attempt.forbidden) {
        Ok(())
    } else {
        Err(Fault::No)
    }
}

/// Both programs' versions.
#[derive(Serialize)]
struct Versions<'a> {
    atomectl: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<&'a Version>,
}

/// Shows the version of this program even where no daemon answers.
async fn version(context: &mut Context) -> Result<(), Fault> {
    let asked = context.client.version().await;
    let versions = Versions {
        atomectl: env!("CARGO_PKG_VERSION"),
        daemon: asked.as_ref().ok(),
    };
    context.out.document(&versions, |versions| {
        let mut fields = vec![("atomectl", versions.atomectl.to_owned())];
        if let Some(daemon) = versions.daemon {
            fields.push(("atomed", daemon.version.clone()));
            fields.push(("local API", numbers(&daemon.local)));
            fields.push(("sync", numbers(&daemon.sync)));
        }
        fields
    })?;
    asked?;
    Ok(())
}

fn numbers(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_session_that_is_near_is_told() {
        let status = |expires_at: &str| -> Status {
            let text = format!(
                r#"{{"schema":1,"version":"0.1.0","accounts":[{{"name":"anna","id":"0198c0de-0000-7000-8000-00000000000a",
                "state":"offline","mode":"live","pending":0,"refused":0,"sessionExpiresAt":"{expires_at}"}}],
                "runtime":{{"runtimeType":"daemon","hasLocalServer":true,"profile":"production"}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let now = from_rfc3339("2026-11-01T00:00:00Z").unwrap();
        let told = |expires_at: &str| ending_sessions(&status(expires_at), now).join("\n");
        assert_eq!(told("2026-12-01T00:00:00Z"), "");
        assert_eq!(told("unknown"), "");
        let near = told("2026-11-30T23:59:59Z");
        assert!(
            near.contains("anna: the session at the hub ends in 29 days,"),
            "{near}"
        );
        let over = told("2026-10-31T23:59:59Z");
        assert!(
            over.contains("anna: the session at the hub is over"),
            "{over}"
        );
    }
}
