//! Requests about sync.

use std::time::Duration;

use atome_proto::local::v1::{RefusedCommit, SetMode, SyncStatus, SyncVerify, WaitReply};
use atome_proto::receipt::Receipt;
use http::Method;

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;

/// Every method fails with [`ClientError`]: no daemon, the daemon's problem, no answer in time.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl Client {
    /// Asks where sync stands.
    pub async fn sync_status(&self) -> Result<SyncStatus, ClientError> {
        self.ask(self.of_account(Call::get(&["sync"]))).await
    }

    /// Asks for a sync at once.
    pub async fn sync_now(&self) -> Result<(), ClientError> {
        self.sync_post(&["sync", "now"]).await
    }

    /// Pauses sync.
    pub async fn sync_pause(&self) -> Result<(), ClientError> {
        self.sync_post(&["sync", "pause"]).await
    }

    /// Resumes sync.
    pub async fn sync_resume(&self) -> Result<(), ClientError> {
        self.sync_post(&["sync", "resume"]).await
    }

    /// Waits until all that was pending here is at the hub and all that the hub had is here; with a receipt,
    /// until the hub has that write and what may be seen of it is here. Zero waits for ever. The daemon keeps the
    /// time, and says why where it runs out.
    pub async fn sync_wait(
        &self,
        receipt: Option<&Receipt>,
        timeout: Duration,
    ) -> Result<WaitReply, ClientError> {
        let mut call = self
            .of_account(Call::post(&["sync", "wait"]))
            .query("timeout_ms", &timeout.as_millis().to_string());
        if let Some(receipt) = receipt {
            call = call.query("receipt", &receipt.to_string());
        }
        self.ask(call.endless()).await
    }

    /// Sets when the account syncs.
    pub async fn sync_mode(&self, mode: &SetMode) -> Result<(), ClientError> {
        let call = self.of_account(Call::new(Method::PUT, &["sync", "mode"]));
        self.tell(call.json(mode)?).await
    }

    /// Asks for the commits that the hub refused.
    pub async fn sync_refused(&self) -> Result<Vec<RefusedCommit>, ClientError> {
        self.ask(self.of_account(Call::get(&["sync", "refused"])))
            .await
    }

    /// Writes what a refused commit said again, as a new commit.
    pub async fn sync_retry(&self, number: u64) -> Result<(), ClientError> {
        self.sync_post(&["sync", "refused", &number.to_string(), "retry"])
            .await
    }

    /// Throws a refused commit away.
    pub async fn sync_discard(&self, number: u64) -> Result<(), ClientError> {
        let number = number.to_string();
        let call = Call::new(Method::DELETE, &["sync", "refused", &number]);
        self.tell(self.of_account(call)).await
    }

    /// Compares this store's digest with the hub's; with `repair` it fetches what differs.
    pub async fn sync_verify(&self, repair: bool) -> Result<SyncVerify, ClientError> {
        let call = self.of_account(Call::get(&["sync", "verify"]));
        self.ask(call.flag("repair", repair)).await
    }

    async fn sync_post(&self, segments: &[&str]) -> Result<(), ClientError> {
        self.tell(self.of_account(Call::post(segments))).await
    }
}
