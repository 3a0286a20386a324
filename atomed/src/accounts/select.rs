//! Who may use which account, and which one a request is about.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use atome_engine::name::fold;
use atome_proto::account::DirectoryEntry;
use atome_proto::local::v1::{Access, WhoAmI};
use atome_proto::{AccountId, Code, Problem};
use atome_store::MachineView;
use atome_store::machine::{MachineAccount, Tie};

use super::{Account, Accounts};
use crate::api::Peer;

/// An account that a request is about, and what the machine keeps of it.
pub struct Selected {
    /// The account.
    pub account: Account,
    /// What the machine keeps of it.
    pub row: MachineAccount,
}

/// Who may use which account, at one revision of the machine store.
pub(super) struct Known {
    revision: u64,
    ties: Vec<Tie>,
    names: BTreeMap<AccountId, String>,
    by_name: BTreeMap<String, AccountId>,
}

impl Known {
    fn of(revision: u64, ties: Vec<Tie>, rows: &[MachineAccount]) -> Self {
        let entries = || rows.iter().map(|row| &row.entry);
        let folded = |entry: &DirectoryEntry| Some((fold(&entry.username).ok()?, entry.user_id));
        Self {
            revision,
            ties,
            by_name: entries().filter_map(folded).collect(),
            names: entries()
                .map(|entry| (entry.user_id, entry.username.clone()))
                .collect(),
        }
    }

    /// The account of a name or id, whoever asks.
    fn account(&self, name_or_id: &str) -> Option<AccountId> {
        match name_or_id.parse() {
            Ok(id) => self.names.contains_key(&id).then_some(id),
            Err(_) => self.by_name.get(&fold(name_or_id).ok()?).copied(),
        }
    }

    /// The one of the accounts that an asker is tied to, where it is one.
    fn only(
        &self,
        peer: Peer,
        tied: impl Iterator<Item = AccountId>,
    ) -> Result<AccountId, Problem> {
        let here: Vec<_> = tied
            .filter_map(|id| Some((self.names.get(&id)?.as_str(), id)))
            .collect();
        match here.as_slice() {
            [] => Err(nobody(peer)),
            [(_, id)] => Ok(*id),
            [..] => {
                let mut names: Vec<&str> = here.iter().map(|(name, _)| *name).collect();
                names.sort_unstable();
                let message = format!("several accounts are logged in here: {}", names.join(", "));
                Err(Problem::new(Code::Ambiguous, message)
                    .hint("name one with --account (or ATOME_ACCOUNT)"))
            }
        }
    }
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
        let known = self.known().await?;
        Ok(self.ties_in(&known, peer))
    }

    fn ties_in(&self, known: &Known, peer: Peer) -> BTreeMap<AccountId, Access> {
        let of_peer = known.ties.iter().filter(|tie| tie.uid == peer.uid);
        let mut found: BTreeMap<_, _> = of_peer.map(|tie| (tie.account, Access::Login)).collect();
        let config = self.config();
        let rules = config.access.iter().filter(|rule| rule.uid == peer.uid);
        let configured = rules.filter_map(|rule| known.account(&rule.account));
        found.extend(configured.map(|id| (id, Access::Configuration)));
        found
    }

    /// Whether the configuration ties some Unix user to an account.
    pub(super) async fn is_configured(&self, account: AccountId) -> Result<bool, Problem> {
        let known = self.known().await?;
        let config = self.config();
        let mut configured = config.access.iter().map(|rule| &rule.account);
        Ok(configured.any(|named| known.account(named) == Some(account)))
    }

    /// Who may use what, as the machine store has it now: no request reads the disk for it.
    async fn known(&self) -> Result<Arc<Known>, Problem> {
        // Before it is read: what is written meanwhile makes it old.
        let revision = self.0.machine.revision();
        let held = || self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held().as_ref().filter(|known| known.revision == revision) {
            return Ok(Arc::clone(known));
        }
        let read = |view: MachineView<'_>| Ok((view.all_ties()?, view.accounts()?));
        let (ties, rows) = self.read(read).await?;
        let known = Arc::new(Known::of(revision, ties, &rows));
        *held() = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Decides which account a request is about: the one that it names, else the only one of the asker.
    ///
    /// # Errors
    ///
    /// [`Code::AuthRequired`] where the asker has none, or not this one; [`Code::Ambiguous`] where there
    /// are several and none is named. Whether an account of that name exists is not told.
    pub async fn select(&self, peer: Peer, named: Option<&str>) -> Result<Account, Problem> {
        let known = self.known().await?;
        let ties = self.ties_in(&known, peer);
        let chosen = match named {
            Some(named) => {
                let id = known.account(named).filter(|id| ties.contains_key(id));
                id.ok_or_else(|| not_logged_in(peer, named))?
            }
            None => known.only(peer, ties.into_keys())?,
        };
        self.opened(chosen)
    }

    /// The same, with what the machine keeps of it.
    ///
    /// # Errors
    ///
    /// As [`Self::select`].
    pub async fn select_row(&self, peer: Peer, named: Option<&str>) -> Result<Selected, Problem> {
        let account = self.select(peer, named).await?;
        let id = account.id;
        let row = self.read(move |view| view.account(id)).await?;
        // None, where it was removed meanwhile.
        let row = row.ok_or_else(|| nobody(peer))?;
        Ok(Selected { account, row })
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
            return Ok(vec![self.select(peer, named).await?]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use atome_proto::account::Visibility;

    fn id(n: u8) -> AccountId {
        AccountId::from_bytes([n; 16])
    }

    fn row(id: AccountId, name: &str) -> MachineAccount {
        MachineAccount {
            entry: DirectoryEntry {
                user_id: id,
                username: name.to_owned(),
                phone: None,
                visibility: Visibility::Public,
            },
            password_hash: None,
            registered: false,
            conflict: false,
            retry_secret: None,
            invite: None,
            session: None,
            joins: None,
            created_at_ms: 0,
        }
    }

    #[test]
    fn an_account_is_found_by_id_and_by_any_spelling_of_its_name() {
        let [ada, bob, gone] = [1, 2, 3].map(id);
        let known = Known::of(1, vec![], &[row(ada, "Ada"), row(bob, "Bob")]);
        for named in ["Ada", "ADA", &ada.to_string()] {
            assert_eq!(known.account(named), Some(ada), "{named}");
        }
        for named in ["Carl", "", &gone.to_string()] {
            assert_eq!(known.account(named), None, "{named}");
        }
    }

    #[test]
    fn the_only_account_is_meant_and_one_that_is_gone_is_none() {
        let [ada, bob, gone] = [1, 2, 3].map(id);
        let known = Known::of(1, vec![], &[row(ada, "Ada"), row(bob, "Bob")]);
        let only = |tied: &[AccountId]| {
            let only = known.only(Peer { uid: 1000 }, tied.iter().copied());
            only.map_err(|problem| problem.code)
        };
        assert_eq!(only(&[ada, gone]), Ok(ada));
        assert_eq!(only(&[gone]), Err(Code::AuthRequired));
        assert_eq!(only(&[ada, bob]), Err(Code::Ambiguous));
    }
}
