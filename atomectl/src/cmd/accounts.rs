//! `account …`, `login`, `logout`, `whoami`.

use atome_proto::account::Visibility;
use atome_proto::local::v1::{AccountView, CreateAccount, Login, Logout, PendingWork};
use atome_proto::{Code, Problem};

use crate::cli;
use crate::cli::{Account, Accounts, NewAccount};
use crate::cmd::wait::wait;
use crate::cmd::{or_dash, word};
use crate::context::Context;
use crate::fault::Fault;
use crate::password;

pub(super) async fn perform(context: &mut Context, command: Accounts) -> Result<(), Fault> {
    match command {
        Accounts::Account(Account::Create(new)) => create(context, new).await,
        Accounts::Account(Account::List) => list(context).await,
        Accounts::Account(Account::Show { name }) => {
            let account = context.client.show_account(&name).await?;
            Ok(context.out.document(&account, fields)?)
        }
        Accounts::Login(request) => login(context, request).await,
        Accounts::Logout(request) => logout(context, &request).await,
        Accounts::Whoami => whoami(context).await,
    }
}

async fn create(context: &mut Context, new: NewAccount) -> Result<(), Fault> {
    let password = password::read(&new.name, new.password.password_stdin, true).await?;
    let request = CreateAccount {
        invite: None,
        name: new.name,
        phone: new.phone,
        visibility: if new.private {
            Visibility::Private
        } else {
            Visibility::Public
        },
        password,
    };
    let account = context.client.create_account(&request).await?;
    Ok(context.out.document(&account, fields)?)
}

async fn list(context: &mut Context) -> Result<(), Fault> {
    let accounts = context.client.accounts().await?;
    let mut listing = context
        .out
        .listing(&["NAME", "ID", "STATE", "VISIBILITY", "CREATED"]);
    for account in &accounts {
        listing.push(account, |account| {
            vec![
                account.name.clone(),
                account.id.to_string(),
                word(&account.state),
                word(&account.visibility),
                account.created_at.clone(),
            ]
        })?;
    }
    Ok(listing.finish()?)
}

fn fields(account: &AccountView) -> Vec<(&'static str, String)> {
    vec![
        ("name", account.name.clone()),
        ("id", account.id.to_string()),
        ("state", word(&account.state)),
        ("visibility", word(&account.visibility)),
        ("phone", or_dash(account.phone.as_ref())),
        ("created", account.created_at.clone()),
    ]
}

async fn login(context: &mut Context, request: cli::Login) -> Result<(), Fault> {
    let password = password::read(&request.name, request.password.password_stdin, false).await?;
    let login = Login {
        name: request.name,
        password: Some(password),
        token: None,
    };
    let account = context.client.login(&login).await?;
    context.out.document(&account, fields)?;
    context.out.flush()?;
    if request.wait {
        context.client = context
            .client
            .clone()
            .with_account(Some(&account.id.to_string()));
        let proof = wait(context).await?;
        context
            .say
            .note(&format!("all of it is here: cursor {}", proof.cursor));
    }
    Ok(())
}

async fn logout(context: &mut Context, request: &cli::Logout) -> Result<(), Fault> {
    if request.wait {
        wait(context).await?;
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

async fn whoami(context: &mut Context) -> Result<(), Fault> {
    let ties = context.client.whoami().await?;
    if ties.is_empty() {
        let problem = Problem::new(
            Code::AuthRequired,
            "this Unix user is logged in to no account",
        );
        return Err(problem
            .hint("log in with 'atomectl login NAME', or make an account with 'atomectl account create NAME'")
            .into());
    }
    let mut listing = context.out.listing(&["ACCOUNT", "ID", "ACCESS", "UID"]);
    for tie in &ties {
        listing.push(tie, |tie| {
            vec![
                tie.account.clone(),
                tie.id.to_string(),
                word(&tie.access),
                tie.uid.to_string(),
            ]
        })?;
    }
    Ok(listing.finish()?)
}
