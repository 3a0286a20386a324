//! `login`, `logout`.

use atome_proto::local::v1::{Login, Logout, PendingWork};

use crate::cli;
use crate::cmd::accounts::fields;
use crate::cmd::wait::wait;
use crate::context::Context;
use crate::fault::Fault;
use crate::{password, token};

pub(super) async fn login(context: &mut Context, request: cli::Login) -> Result<(), Fault> {
    let (password, token) = match &request.token_file {
        Some(path) => (None, Some(token::read(path, context.say)?)),
        None => {
            let from_stdin = request.password.password_stdin;
            (
                Some(password::read(&request.name, from_stdin, false).await?),
                None,
            )
        }
    };
    let login = Login {
        name: request.name,
        password,
        token,
    };
    let account = context.client.login(&login).await?;
    context.out.document(&account, fields)?;
    context.out.flush()?;
    if request.wait {
        context.client = context
            .client
            .clone()
            .with_account(Some(&account.id.to_string()));
        let proof = wait(context, None).await?;
        context
            .say
            .note(&format!("all of it is here: cursor {}", proof.cursor));
    }
    Ok(())
}

pub(super) async fn logout(context: &mut Context, request: &cli::Logout) -> Result<(), Fault> {
    if request.wait {
        wait(context, None).await?;
    }
    let pending = if request.keep {
        PendingWork::Keep
    } else if request.discard {
        PendingWork::Discard
    } else {
        PendingWork::Refuse
    };
    context.client.logout(&Logout { pending }).await?;
    context.say.note("logged out");
    Ok(())
}
