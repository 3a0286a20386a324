//! Administration by command, on the hub's own machine; the hub may run meanwhile, and notices within a
//! second.

mod account;
mod issue;
mod list;
mod upkeep;

use std::io;

use atome_engine::name;
use atome_proto::AccountId;
use atome_store::hub::{AccountRecord, CopyError};
use atome_store::{HubError, HubStore, OpenError, SqliteHub};
use uuid::Uuid;

use crate::config::Config;

pub use self::account::{close_session, delete, set_disabled};
pub use self::issue::{create_token, invite};
pub use self::list::{Format, list_accounts, list_sessions};
pub use self::upkeep::{back_up, check, compact, restore, stats};

/// Why a command of administration was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no database yet.
    #[error("there is no hub in {0} yet; start it once with: atome-server run")]
    NoHub(String),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database does not work.
    #[error("the database does not work")]
    Store(#[from] HubError),
    /// No account has that name or id.
    #[error("there is no account {0}; see: atome-server account list")]
    NoAccount(String),
    /// The account has no such session.
    #[error("the account has no session {0}; see: atome-server account sessions NAME")]
    NoSession(Uuid),
    /// Nobody has said that it is meant.
    #[error("nothing was deleted; to delete the account and all that it has, say --yes")]
    NotMeant,
    /// The database cannot be copied, or a copy not be put back.
    #[error(transparent)]
    Copy(Box<CopyError>),
    /// Something is wrong with the database; it was said what.
    #[error(
        "the database is not as it should be ({0}); see docs/operation.md, \"Looking after the hub's database\""
    )]
    Unsound(usize),
    /// Machines have shown that the database went back.
    #[error(
        "nothing is taken away: the database went back; see what machines have shown with: atome-server check"
    )]
    WentBack,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Random(#[from] getrandom::Error),
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Write(#[from] io::Error),
}

/// Does something with the database of a hub that was started at least once.
async fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&SqliteHub) -> Result<T, AdminError>,
) -> Result<T, AdminError> {
    let file = config.database_file();
    if !file.exists() {
        return Err(AdminError::NoHub(config.state_dir.display().to_string()));
    }
    let store = SqliteHub::open(&file, config.durability)?;
    let done = work(&store).await;
    store.close().await;
    done
}

/// The account of a name, in any case, or of an id; no name looks like one.
async fn find(store: &SqliteHub, who: &str) -> Result<AccountRecord, AdminError> {
    let found = match (Uuid::try_parse(who), name::fold(who)) {
        (Ok(id), _) => store.account(AccountId(id)).await?,
        (Err(_), Ok(folded)) => store.account_by_name(&folded).await?,
        (Err(_), Err(_)) => None,
    };
    found.ok_or_else(|| AdminError::NoAccount(who.to_owned()))
}
