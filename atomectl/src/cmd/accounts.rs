//! `account …`, `login`, `logout`, `whoami`, `sessions`.

mod change;
mod login;

use atome_proto::account::{Secret, Visibility};
use atome_proto::local::v1::{AccountView, CreateAccount};
use atome_proto::{Code, Problem};

use crate::cli::{Account, Accounts, NewAccount};
use crate::cmd::{or_dash, sessions, word};
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
        Accounts::Account(Account::Passwd(request)) => change::passwd(context, &request).await,
        Accounts::Account(Account::Delete(request)) => change::delete(context, &request).await,
        Accounts::Account(Account::Resolve(request)) => change::resolve(context, request).await,
        Accounts::Login(request) => login::login(context, request).await,
        Accounts::Logout(request) => login::logout(context, &request).await,
        Accounts::Whoami => whoami(context).await,
        Accounts::Sessions { what } => sessions::perform(context, what).await,
    }
}

async fn create(context: &mut Context, new: NewAccount) -> Result<(), Fault> {
    let password = password::read(&new.name, new.password.password_stdin, true).await?;
    let request = CreateAccount {
        name: new.name,
        phone: new.phone,
        visibility: if new.private {
            Visibility::Private
        } else {
            Visibility::Public
        },
        password,
        invite: new.invite.map(Secret),
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

async fn whoami(context: &mut Context) -> Result<(), Fault> {
    let ties = context.client.whoami().await?;
    if ties.is_empty() {
        return Err(nobody().into());
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

fn nobody() -> Problem {
    let message = "this Unix user is logged in to no account";
    Problem::new(Code::AuthRequired, message).hint(
        "log in with 'atomectl login NAME', or make an account with 'atomectl account create NAME'",
    )
}
