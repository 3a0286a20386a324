//! `accounts`, `login`, `logout`, `whoami`.

use atome_proto::local::v1::{AccountView, CreateAccount, Login, Logout};
use http::StatusCode;

use super::reply::{self, Handled};
use super::route::Asked;

pub(super) async fn list(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    let rows = accounts.visible(asked.peer).await?;
    let views: Vec<AccountView> = rows.iter().map(|row| accounts.view(row)).collect();
    reply::ok(&views)
}

pub(super) async fn show(asked: Asked<'_>, name_or_id: &str) -> Handled {
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    let row = accounts.visible_one(asked.peer, name_or_id).await?;
    reply::ok(&accounts.view(&row))
}

pub(super) async fn create(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let new: CreateAccount = asked.shared.bodies.json(asked.body).await?;
    let accounts = &asked.shared.accounts;
    let made = accounts.create(asked.peer, new).await?;
    reply::json(StatusCode::CREATED, &accounts.view(&made.row))
}

pub(super) async fn login(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let login: Login = asked.shared.bodies.json(asked.body).await?;
    let accounts = &asked.shared.accounts;
    let selected = accounts.login(asked.peer, login).await?;
    reply::ok(&accounts.view(&selected.row))
}

pub(super) async fn logout(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    asked.query.done()?;
    let logout: Logout = asked.shared.bodies.json_or_default(asked.body).await?;
    let accounts = &asked.shared.accounts;
    accounts
        .logout(asked.peer, named.as_deref(), logout)
        .await?;
    reply::done()
}

pub(super) async fn whoami(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    reply::ok(&asked.shared.accounts.whoami(asked.peer).await?)
}
