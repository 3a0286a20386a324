//! `status`, `runtime`, `doctor`, `version`.

use atome_proto::local::v1::{AccountStatus, Status, Version};
use atome_proto::runtime::RuntimeDeclaration;
use serde::Serialize;

use crate::cli::Daemon;
use crate::cmd::{or_dash, word};
use crate::context::Context;
use crate::fault::Fault;
use crate::out::{Out, plain};

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
    findings(out, &status)?;
    Ok(())
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

/// What a person should know, with what to do about it.
fn findings(out: &mut Out, status: &Status) -> std::io::Result<()> {
    for finding in &status.health {
        let text = format!(
            "\n{} {}: {}",
            word(&finding.severity),
            plain(&finding.code),
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
