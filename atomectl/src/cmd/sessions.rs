//! `sessions`, `sessions revoke`.

use atome_client::ClientError;

use crate::cli::{Revoke, Sessions};
use crate::context::Context;
use crate::fault::Fault;

pub(super) async fn perform(context: &mut Context, what: Option<Sessions>) -> Result<(), Fault> {
    match what {
        None => list(context).await,
        Some(Sessions::Revoke(Revoke { others: true, .. })) => revoke_others(context).await,
        Some(Sessions::Revoke(Revoke { ids, .. })) => revoke(context, &ids).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Fault> {
    let sessions = context.client.sessions().await?;
    let mut listing = context
        .out
        .listing(&["DEVICE", "CREATED", "SEEN", "EXPIRES", "CURRENT", "ID"]);
    for session in &sessions {
        listing.push(session, |session| {
            vec![
                session.device.clone(),
                session.created_at.clone(),
                session.seen_at.clone(),
                session.expires_at.clone(),
                if session.current { "yes" } else { "-" }.to_owned(),
                session.id.to_string(),
            ]
        })?;
    }
    Ok(listing.finish()?)
}

/// Ends each session; what cannot be ended is told, and the others end all the same.
async fn revoke(context: &mut Context, ids: &[String]) -> Result<(), Fault> {
    let mut failed = None;
    for id in ids {
        match context.client.revoke_session(id).await {
            Ok(()) => context.say.note(&format!("revoked {id}")),
            Err(ClientError::Problem(problem)) => {
                failed = failed.or(Some(problem.code));
                context.say.error(&problem);
            }
            Err(error) => return Err(error.into()),
        }
    }
    failed.map_or(Ok(()), |code| Err(Fault::Told(code)))
}

/// For programs how many; a person sees a note, as there is no new data.
async fn revoke_others(context: &mut Context) -> Result<(), Fault> {
    let reply = context.client.revoke_other_sessions().await?;
    if context.out.is_table() {
        let text = match reply.revoked {
            0 => "there is no other session".to_owned(),
            1 => "revoked 1 session".to_owned(),
            count => format!("revoked {count} sessions"),
        };
        context.say.note(&text);
        return Ok(());
    }
    Ok(context.out.document(&reply, |_| Vec::new())?)
}
