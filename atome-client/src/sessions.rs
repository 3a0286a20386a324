//! Requests about an account's sessions at the hub.

use atome_proto::local::v1::{Revoked, SessionView};
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
    /// Asks for the account's sessions, the newest first.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, ClientError> {
        self.ask(self.of_account(Call::get(&["sessions"]))).await
    }

    /// Ends a session, by its id or a unique prefix of it.
    pub async fn revoke_session(&self, id: &str) -> Result<(), ClientError> {
        let call = Call::new(Method::DELETE, &["sessions", id]);
        self.tell(self.of_account(call)).await
    }

    /// Ends every session but this machine's.
    pub async fn revoke_other_sessions(&self) -> Result<Revoked, ClientError> {
        let call = self.of_account(Call::new(Method::DELETE, &["sessions"]));
        self.ask(call.flag("others", true)).await
    }
}
