//! Who may use which account, and which one a request is about.

use std::collections::BTreeMap;

use atome_engine::name::fold;
use atome_proto::local::v1::{Access, WhoAmI};
use atome_proto::{AccountId, Code, Problem};
use atome_store::machine::MachineAccount;

use super::{Account, Accounts};
use crate::api::Peer;

/// An account that a request is about, and what the machine keeps of it.
pub struct Selected {
    /// The account.
    pub account: Account,
    /// What the machine keeps of it.
    pub row: MachineAccount,
}

impl Accounts {
    /// The account of a name or id, whoever asks.
    pub(super) async fn row_of(&self, name_or_id: &str) -> Result<Option<MachineAccount>, Problem> {
        let named = name_or_id.to_owned();
        self.read(move |view| match named.parse::<AccountId>() {
            Ok(id) => view.account(id),
            Err(_) => view.account_by_name(&named),
        })
        .await
    }

    /// The accounts that a Unix user is tied to, and how; by login and by configuration counts as by
    /// configuration, which lasts longer.
    pub(super) async fn ties(&self, peer: Peer) -> Result<BTreeMap<AccountId, Access>, Problem> {
        let ties = self.read(move |view| view.ties_of(peer.uid)).await?;
        let mut found: BTreeMap<AccountId, Access> = ties
            .into_iter()
            .map(|tie| (tie.account, Access::Login))
            .collect();
        for rule in self
            .config()
            .access
            .iter()
            .filter(|rule| rule.uid == peer.uid)
        {
            if let Some(row) = self.row_of(&rule.account).await? {
                found.insert(row.entry.user_id, Access::Configuration);
            }
        }
        Ok(found)
    }

    /// Whether the configuration ties some Unix user to an account.
    pub(super) async fn is_configured(&self, account: AccountId) -> Result<bool, Problem> {
        for rule in &self.config().access {
            let row = self.row_of(&rule.account).await?;
            if row.is_some_and(|row| row.entry.user_id == account) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decides which account a request is about: the one that it names, else the only one of the asker.
    ///
    /// # Errors
    ///
    /// [`Code::AuthRequired`] where the asker has none, or not this one; [`Code::Ambiguous`] where there
    /// are several and none is named. Whether an account of that name exists is not told.
    pub async fn select(&self, peer: Peer, named: Option<&str>) -> Result<Selected, Problem> {
        let ties = self.ties(peer).await?;
        let row = match named {
            Some(named) => {
                let row = self.row_of(named).await?;
                row.filter(|row| ties.contains_key(&row.entry.user_id))
                    .ok_or_else(|| not_logged_in(peer, named))?
            }
            None => self.only(peer, ties.into_keys().collect()).await?,
        };
        let account = self.opened(row.entry.user_id)?;
        Ok(Selected { account, row })
    }

    async fn only(&self, peer: Peer, tied: Vec<AccountId>) -> Result<MachineAccount, Problem> {
        let mut rows = Vec::new();
        for id in tied {
            rows.extend(self.read(move |view| view.account(id)).await?);
        }
        if rows.len() > 1 {
            let mut names: Vec<&str> = rows.iter().map(|r| r.entry.username.as_str()).collect();
            names.sort_unstable();
            let message = format!("several accounts are logged in here: {}", names.join(", "));
            return Err(Problem::new(Code::Ambiguous, message)
                .hint("name one with --account (or ATOME_ACCOUNT)"));
        }
        rows.pop().ok_or_else(|| nobody(peer))
    }

    /// The accounts of the asker that a request may be about which is about none of them in particular: the
    /// one that it names, else all.
    ///
    /// # Errors
    ///
    /// [`Code::AuthRequired`] where there is none.
    pub(super) async fn select_any(
        &self,
        peer: Peer,
        named: Option<&str>,
    ) -> Result<Vec<Account>, Problem> {
        if named.is_some() {
            return Ok(vec![self.select(peer, named).await?.account]);
        }
        let ties = self.ties(peer).await?;
        let accounts: Vec<Account> = ties.into_keys().flat_map(|id| self.opened(id)).collect();
        if accounts.is_empty() {
            return Err(nobody(peer));
        }
        Ok(accounts)
    }

    /// The accounts that the asker may see: its own; root sees all, and no data of theirs.
    ///
    /// # Errors
    ///
    /// Where the machine store fails.
    pub async fn visible(&self, peer: Peer) -> Result<Vec<MachineAccount>, Problem> {
        let mut rows = self.rows().await?;
        if !peer.is_root() {
            let ties = self.ties(peer).await?;
            rows.retain(|row| ties.contains_key(&row.entry.user_id));
        }
        Ok(rows)
    }

    /// One account that the asker may see.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`], whether it is not there or not to be seen.
    pub async fn visible_one(
        &self,
        peer: Peer,
        name_or_id: &str,
    ) -> Result<MachineAccount, Problem> {
        let visible = self.visible(peer).await?;
        let id = name_or_id.parse::<AccountId>().ok();
        let folded = fold(name_or_id).ok();
        let is_it = |row: &MachineAccount| match id {
            Some(id) => row.entry.user_id == id,
            None => folded.is_some() && fold(&row.entry.username).ok() == folded,
        };
        visible.into_iter().find(is_it).ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                format!("you have no account '{name_or_id}' on this machine"),
            )
            .hint("'atomectl account list' shows those that you may see")
        })
    }

    /// The accounts that the asker is tied to.
    ///
    /// # Errors
    ///
    /// Where the machine store fails.
    pub async fn whoami(&self, peer: Peer) -> Result<Vec<WhoAmI>, Problem> {
        let ties = self.ties(peer).await?;
        let of = |row: MachineAccount| {
            Some(WhoAmI {
                uid: peer.uid,
                access: *ties.get(&row.entry.user_id)?,
                id: row.entry.user_id,
                account: row.entry.username,
            })
        };
        Ok(self.rows().await?.into_iter().filter_map(of).collect())
    }
}

fn nobody(peer: Peer) -> Problem {
    let message = format!("no account is logged in for Unix user {}", peer.uid);
    Problem::new(Code::AuthRequired, message).hint(
        "log in with 'atomectl login NAME', or make an account with 'atomectl account create NAME'",
    )
}

fn not_logged_in(peer: Peer, named: &str) -> Problem {
    let message = format!(
        "Unix user {} is not logged in to an account '{named}'",
        peer.uid
    );
    Problem::new(Code::AuthRequired, message).hint(format!("log in with 'atomectl login {named}'"))
}
