//! `accounts`, `login`, `logout`, `whoami`, `sessions`.

use atome_proto::local::v1::{
    AccountView, CreateAccount, Login, Logout, NewPassword, RemoveAccount, Resolve, Revoked,
};
use atome_proto::{Code, Problem};
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

pub(super) async fn password(asked: Asked<'_>, account: &str) -> Handled {
    asked.query.done()?;
    let change: NewPassword = asked.shared.bodies.json(asked.body).await?;
    let accounts = &asked.shared.accounts;
    accounts
        .change_password(asked.peer, account, change)
        .await?;
    reply::done()
}

pub(super) async fn remove(asked: Asked<'_>, account: &str) -> Handled {
    asked.query.done()?;
    let remove: RemoveAccount = asked.shared.bodies.json_or_default(asked.body).await?;
    let accounts = &asked.shared.accounts;
    accounts.remove(asked.peer, account, remove).await?;
    reply::done()
}

pub(super) async fn resolve(asked: Asked<'_>, account: &str) -> Handled {
    asked.query.done()?;
    let how: Resolve = asked.shared.bodies.json(asked.body).await?;
    let accounts = &asked.shared.accounts;
    let resolved = accounts.resolve(asked.peer, account, how).await?;
    reply::ok(&accounts.view(&resolved.row))
}

pub(super) async fn sessions(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    reply::ok(&accounts.sessions(asked.peer, named.as_deref()).await?)
}

pub(super) async fn revoke(mut asked: Asked<'_>, session: &str) -> Handled {
    let named = asked.query.text("account")?;
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    accounts
        .revoke_session(asked.peer, named.as_deref(), session)
        .await?;
    reply::done()
}

pub(super) async fn revoke_others(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    let others = asked.query.flag("others")?;
    asked.query.done()?;
    if !others {
        let message = "which sessions? one is /v1/sessions/ID, all but this machine's others=true";
        return Err(Problem::new(Code::BadRequest, message));
    }
    let accounts = &asked.shared.accounts;
    let revoked = accounts
        .revoke_other_sessions(asked.peer, named.as_deref())
        .await?;
    reply::ok(&Revoked { revoked })
}
