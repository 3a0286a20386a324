//! `sync …`.

use atome_proto::local::v1::{self, SyncStatus, SyncVerify, WaitReply};
use atome_proto::receipt::Receipt;

use crate::cli::{Mode, Refused, SetMode, Sync};
use crate::cmd::wait::wait;
use crate::cmd::{or_dash, word};
use crate::context::Context;
use crate::fault::Fault;

pub(super) async fn perform(context: &mut Context, command: Sync) -> Result<(), Fault> {
    match command {
        Sync::Status => {
            let status = context.client.sync_status().await?;
            Ok(context.out.document(&status, status_fields)?)
        }
        Sync::Now => {
            context.client.sync_now().await?;
            context
                .say
                .note("asked for; 'atomectl sync wait' waits for it");
            Ok(())
        }
        Sync::Wait { receipt } => wait_and_prove(context, receipt.as_ref()).await,
        Sync::Pause => {
            context.client.sync_pause().await?;
            context
                .say
                .note("paused; writing goes on, 'atomectl sync resume' syncs again");
            Ok(())
        }
        Sync::Resume => {
            context.client.sync_resume().await?;
            context.say.note("resumed");
            Ok(())
        }
        Sync::Mode(request) => set_mode(context, &request).await,
        Sync::Refused { what: None } => refused(context).await,
        Sync::Refused {
            what: Some(Refused::Retry { number }),
        } => {
            context.client.sync_retry(number).await?;
            context.say.note("written again, as a new commit");
            Ok(())
        }
        Sync::Refused {
            what: Some(Refused::Discard { number }),
        } => {
            context.client.sync_discard(number).await?;
            context.say.note("discarded");
            Ok(())
        }
        Sync::Verify { repair } => verify(context, repair).await,
    }
}

fn status_fields(status: &SyncStatus) -> Vec<(&'static str, String)> {
    let account = &status.account;
    let mut mode = word(&status.schedule.mode);
    if let Some(minutes) = status.schedule.every_min {
        mode.push_str(&format!(", every {minutes} min"));
    }
    if let Some((from, to)) = status.schedule.window_min {
        mode.push_str(&format!(", {}-{} UTC", clock(from), clock(to)));
    }
    let mut fields = vec![
        ("account", account.name.clone()),
        ("state", word(&account.state)),
        ("mode", mode),
        (
            "connected",
            if status.connected { "yes" } else { "no" }.to_owned(),
        ),
        ("pending", account.pending.to_string()),
        ("refused", account.refused.to_string()),
        ("commits", status.number.to_string()),
        ("acknowledged", status.acked.to_string()),
        ("cursor", or_dash(account.cursor)),
        ("hub head", or_dash(account.hub_head)),
        ("last synced", or_dash(account.last_synced_at.as_ref())),
        ("replica", status.replica.to_string()),
        ("hub", or_dash(status.hub)),
        ("epoch", or_dash(status.epoch)),
    ];
    if let Some(at) = &account.session_expires_at {
        fields.push(("session ends", at.clone()));
    }
    if let Some(ms) = status.next_attempt_ms {
        fields.push(("next attempt", format!("in {} s", ms.div_ceil(1000))));
    }
    if let Some(problem) = &account.last_error {
        let text = format!("{}: {}", problem.code, problem.detail);
        fields.push(("last error", text));
    }
    fields
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

async fn wait_and_prove(context: &mut Context, receipt: Option<&Receipt>) -> Result<(), Fault> {
    let proof = wait(context, receipt).await?;
    context.out.document(&proof, proof_fields)?;
    if proof.refused > 0 {
        let what = match proof.refused {
            1 => "1 commit was".to_owned(),
            count => format!("{count} commits were"),
        };
        let text = format!("{what} refused by the hub: see 'atomectl sync refused'");
        context.say.note(&text);
    }
    Ok(())
}

fn proof_fields(proof: &WaitReply) -> Vec<(&'static str, String)> {
    vec![
        ("hub", proof.hub.to_string()),
        ("epoch", proof.epoch.to_string()),
        ("replica", proof.replica.to_string()),
        ("number", proof.number.to_string()),
        ("cursor", proof.cursor.to_string()),
        ("refused", proof.refused.to_string()),
        ("digest", proof.digest.to_string()),
    ]
}

async fn set_mode(context: &mut Context, request: &SetMode) -> Result<(), Fault> {
    let spaced = request.every.is_some() || request.window.is_some();
    if spaced && request.mode != Mode::Interval {
        return Err(Fault::usage(
            "--every and --window go with the mode 'interval' only",
        ));
    }
    let every_min = request
        .every
        .map(|every| {
            every
                .whole_minutes()
                .ok_or_else(|| Fault::usage("--every takes whole minutes, such as 15m or 1h"))
        })
        .transpose()?;
    let mode = v1::SetMode {
        mode: match request.mode {
            Mode::Live => v1::Mode::Live,
            Mode::Interval => v1::Mode::Interval,
            Mode::Manual => v1::Mode::Manual,
            Mode::Off => v1::Mode::Off,
        },
        every_min,
        window_min: request.window.map(|window| (window.0, window.1)),
    };
    context.client.sync_mode(&mode).await?;
    context
        .say
        .note(&format!("the mode is {}", word(&mode.mode)));
    Ok(())
}

async fn refused(context: &mut Context) -> Result<(), Fault> {
    let commits = context.client.sync_refused().await?;
    let mut listing = context
        .out
        .listing(&["NUMBER", "WHEN", "CODE", "ATOMES", "MESSAGE"]);
    for commit in &commits {
        listing.push(commit, |commit| {
            vec![
                commit.number.to_string(),
                commit.at.clone(),
                commit.code.to_string(),
                commit.atomes.len().to_string(),
                commit.message.clone(),
            ]
        })?;
    }
    Ok(listing.finish()?)
}

async fn verify(context: &mut Context, repair: bool) -> Result<(), Fault> {
    let compared = context.client.sync_verify(repair).await?;
    context.out.document(&compared, verify_fields)?;
    if !compared.deferred.is_empty() {
        context.say.note(&put_off(compared.deferred.len()));
    }
    if compared.equal {
        return Ok(());
    }
    let hint = if compared.hub_damaged {
        "the hub is damaged: run 'atome-server check' on its machine"
    } else if repair {
        "neither is damaged, and each may have what the other lacks: nothing was changed there"
    } else {
        "'atomectl sync verify --repair' mends what is damaged here"
    };
    context.say.note(hint);
    Err(Fault::No)
}

/// What is said of atomes with commits that the hub has put off.
fn put_off(count: usize) -> String {
    let atomes = match count {
        1 => "1 atome".to_owned(),
        count => format!("{count} atomes"),
    };
    format!(
        "compared without commits on {atomes} that wait at the hub, for a grant or a publication"
    )
}

fn verify_fields(compared: &SyncVerify) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        (
            "equal",
            if compared.equal { "yes" } else { "no" }.to_owned(),
        ),
        ("cursor", compared.cursor.to_string()),
        ("here", compared.local.to_string()),
        ("hub", compared.hub.to_string()),
    ];
    fields.extend(
        compared
            .deferred
            .iter()
            .map(|atome| ("put off", atome.to_string())),
    );
    if !compared.differing.is_empty() {
        let buckets: Vec<String> = compared
            .differing
            .iter()
            .map(|bucket| format!("{bucket:02x}"))
            .collect();
        fields.push(("differing", buckets.join(" ")));
    }
    for found in &compared.found {
        let mut text = format!("{} {}", found.atome, word(&found.kind));
        if !found.keys.is_empty() {
            text = format!("{text}: {}", found.keys.join(", "));
        }
        fields.push(("found", text));
    }
    if let Some(mended) = compared.mended {
        fields.push(("mended", mended.to_string()));
    }
    fields
}
