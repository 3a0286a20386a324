//! The doctor: looks at all that a person would look at, from where the daemon stands.
//!
//! Each look gives findings, fine ones too. The machine's part is told to everyone who may open the socket,
//! names of files to root and to the daemon's own user alone; of accounts, each asker sees its own.

mod account;
mod facts;
mod hub;
mod machine;

use std::time::Duration;

use atome_proto::Problem;
use atome_proto::local::v1::{Facts, Finding, FindingCode};

use crate::accounts::Accounts;
use crate::accounts::machine_file::MACHINE;
use crate::api::Peer;

/// How long the check of one store may take. A reader holds the WAL back for so long at most.
const CHECK_LIMIT: Duration = Duration::from_secs(20);

/// What the doctor knows beside the accounts.
pub struct Doctor {
    /// What the configuration gives a person to know, since the start.
    standing: Vec<Finding>,
    /// One examination at a time: it reads whole stores, and dials the hub.
    turn: tokio::sync::Mutex<()>,
}

impl Doctor {
    /// The doctor of a daemon.
    #[must_use]
    pub fn new(standing: Vec<Finding>) -> Self {
        Self {
            standing,
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// What the configuration gives a person to know, since the start.
    #[must_use]
    pub fn standing(&self) -> &[Finding] {
        &self.standing
    }

    /// Looks at everything that the asker may know of.
    ///
    /// # Errors
    ///
    /// Where the machine store fails.
    pub async fn examine(&self, accounts: &Accounts, peer: Peer) -> Result<Vec<Finding>, Problem> {
        let _turn = self.turn.lock().await;
        let mut found = self.standing.clone();
        if self.is_sandbox_whole() {
            found.push(Finding::new(FindingCode::SandboxOk));
        }
        let config = accounts.config();
        found.push(machine::disk(&config.state_dir));
        if is_operator(peer) {
            found.push(machine::files(&config.state_dir).await);
            found.push(account::store(&accounts.machine_file(), CHECK_LIMIT).await);
            found.extend(account::quarantined(&config.state_dir, MACHINE));
        }
        found.push(machine::secrets(accounts.secrets().clone()).await);
        let told = hub::examine(&config, accounts.hub()).await;
        found.push(machine::clock(
            told.clock_ahead_ms.or_else(|| accounts.clock_ahead_ms()),
        ));
        found.extend(told.findings);
        for row in accounts.visible(peer).await? {
            found.extend(account::examine(accounts, &row, CHECK_LIMIT).await);
        }
        Ok(found)
    }

    /// What support needs to know beside the findings.
    ///
    /// # Errors
    ///
    /// Where the machine store fails.
    pub async fn facts(&self, accounts: &Accounts, peer: Peer) -> Result<Facts, Problem> {
        let _turn = self.turn.lock().await;
        facts::gather(&accounts.config(), accounts, peer, CHECK_LIMIT).await
    }

    fn is_sandbox_whole(&self) -> bool {
        let lacks = [FindingCode::SandboxOff, FindingCode::SandboxPartial];
        !self
            .standing
            .iter()
            .any(|finding| lacks.contains(&finding.code))
    }
}

/// Root administers; whose daemon it is may know of its files.
fn is_operator(peer: Peer) -> bool {
    peer.is_root() || peer.uid == rustix::process::geteuid().as_raw()
}
