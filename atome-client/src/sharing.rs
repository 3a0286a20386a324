//! Requests about sharing.

use atome_proto::local::v1::{DoAct, DoneAct, GrantView, WhyView};
use atome_proto::sharing::{Policy, Right};

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;

/// Every method fails with [`ClientError`]: no daemon, the daemon's problem, no answer in time.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl Client {
    /// Does something about sharing.
    pub async fn act(&self, act: &DoAct) -> Result<DoneAct, ClientError> {
        let call = self.of_account(Call::post(&["acts"]));
        self.ask(call.json(act)?).await
    }

    /// Asks for grants: `which` is `all`, `shared`, `with-me` or `inbox`; those on one atome, where it is
    /// named.
    pub async fn grants(
        &self,
        which: &str,
        atome: Option<&str>,
    ) -> Result<Vec<GrantView>, ClientError> {
        let call = self
            .of_account(Call::get(&["grants"]))
            .query("which", which)
            .maybe("atome", atome);
        self.ask(call).await
    }

    /// Asks what the account does with the requests of others.
    pub async fn policies(&self) -> Result<Vec<Policy>, ClientError> {
        self.ask(self.of_account(Call::get(&["policies"]))).await
    }

    /// Asks why an account may do something, or may not; `at` is a time (RFC 3339), now where it is absent.
    pub async fn why(
        &self,
        actor: &str,
        right: Right,
        key: Option<&str>,
        atome: &str,
        at: Option<&str>,
    ) -> Result<WhyView, ClientError> {
        let call = self
            .of_account(Call::get(&["why"]))
            .query("actor", actor)
            .query("right", right.as_str())
            .query("atome", atome)
            .maybe("key", key)
            .maybe("at", at);
        self.ask(call).await
    }
}
