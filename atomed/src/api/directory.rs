//! `directory`: who can be found.

use atome_proto::{Code, Problem};

use super::reply::{self, Handled};
use super::route::Asked;
use crate::accounts::Wanted;

pub(super) async fn list(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    let find = asked.query.text("find")?.unwrap_or_default();
    let after = asked.query.text("after")?.unwrap_or_default();
    let limit = asked.query.number("limit")?;
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    let page = accounts
        .directory(asked.peer, named.as_deref(), &find, &after, limit)
        .await?;
    reply::ok(&page)
}

pub(super) async fn lookup(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    let name = asked.query.text("name")?;
    let phone = asked.query.text("phone")?;
    asked.query.done()?;
    let wanted = match (name, phone) {
        (Some(name), None) => Wanted::Name(name),
        (None, Some(phone)) => Wanted::Phone(phone),
        (Some(_), Some(_)) | (None, None) => {
            let message = "an entry is looked up by either name or phone";
            return Err(Problem::new(Code::BadRequest, message));
        }
    };
    let accounts = &asked.shared.accounts;
    let found = accounts
        .directory_lookup(asked.peer, named.as_deref(), wanted)
        .await?;
    reply::ok(&found)
}
