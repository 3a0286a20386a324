//! `account passwd`, `account delete`, `account resolve`.

use atome_proto::account::Secret;
use atome_proto::local::v1::{Alteration, NewPassword, RemoveAccount, Resolve};
use atome_proto::{Code, Problem};

use crate::cli;
use crate::cli::{Removal, Resolution};
use crate::cmd::accounts::{fields, nobody};
use crate::confirm::confirm;
use crate::context::Context;
use crate::fault::Fault;
use crate::password;

pub(super) async fn passwd(context: &mut Context, request: &cli::NewPassword) -> Result<(), Fault> {
    let account = own_account(context).await?;
    let (present, new) = password::read_change(&account, request.password_stdin).await?;
    let change = NewPassword {
        password: present,
        new_password: new,
        revoke_others: request.revoke_others,
    };
    context.client.change_password(&account, &change).await?;
    context.say.note(if request.revoke_others {
        "the password is changed, and every other machine is logged out"
    } else {
        "the password is changed"
    });
    Ok(())
}

/// The account that was named, else the only one that this Unix user is tied to.
async fn own_account(context: &Context) -> Result<String, Fault> {
    if let Some(account) = context.client.account() {
        return Ok(account.to_owned());
    }
    let ties = context.client.whoami().await?;
    match ties.as_slice() {
        [] => Err(nobody().into()),
        [tie] => Ok(tie.account.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|tie| tie.account.as_str()).collect();
            let message = format!("this Unix user has several accounts: {}", names.join(", "));
            let hint = "say which with --account NAME, or ATOME_ACCOUNT";
            Err(Problem::new(Code::Ambiguous, message).hint(hint).into())
        }
    }
}

pub(super) async fn delete(context: &mut Context, request: &Removal) -> Result<(), Fault> {
    let name = &request.name;
    if !request.yes {
        confirm(context.say, &what_goes(request), name)?;
    }
    let from_stdin = request.password.password_stdin;
    let password = if request.local_only {
        // A copy that came by a token has no password here.
        password::read_if_any(name, from_stdin).await?
    } else {
        Some(password::read(name, from_stdin, false).await?)
    };
    let remove = RemoveAccount {
        password,
        local_only: request.local_only,
        discard: request.discard,
    };
    context.client.delete_account(name, &remove).await?;
    let done = if request.local_only {
        format!("this machine's copy of the account '{name}' is deleted")
    } else {
        format!("the account '{name}' is deleted, everywhere and for good")
    };
    context.say.note(&done);
    Ok(())
}

fn what_goes(request: &Removal) -> String {
    let name = &request.name;
    if !request.local_only {
        return format!(
            "The account '{name}' will be gone everywhere and for good: its data and its sessions on the hub,\n\
             its copy on this machine, and its copies on all others."
        );
    }
    let pending = if request.discard {
        "What the hub does not have yet is lost with it."
    } else {
        "Where the hub does not have all of it, nothing is deleted."
    };
    format!(
        "This machine's copy of the account '{name}' will be gone; the hub and other machines keep theirs.\n{pending}"
    )
}

pub(super) async fn resolve(context: &mut Context, request: Resolution) -> Result<(), Fault> {
    let way = if request.join {
        let whose = format!("{} at the hub", request.name);
        Resolve::Join(password::read(&whose, request.password_stdin, false).await?)
    } else {
        Resolve::Alter(Alteration {
            name: request.new_name,
            phone: request.no_phone.then(String::new).or(request.phone),
            invite: request.invite.map(Secret),
        })
    };
    let account = context.client.resolve_account(&request.name, &way).await?;
    Ok(context.out.document(&account, fields)?)
}
