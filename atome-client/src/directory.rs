//! Requests about the public directory.

use atome_proto::local::v1::DirectoryReply;

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;

/// Every method fails with [`ClientError`]: no daemon, the daemon's problem, no answer in time.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl Client {
    /// Asks for a page of the listed accounts whose name holds a text, or of all of them; `after` is the
    /// `next` of the page before. The daemon has a greatest length of a page of its own.
    pub async fn directory(
        &self,
        find: Option<&str>,
        after: Option<&str>,
        limit: Option<u64>,
    ) -> Result<DirectoryReply, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let call = self
            .of_account(Call::get(&["directory"]))
            .maybe("find", find)
            .maybe("after", after)
            .maybe("limit", limit.as_deref());
        self.ask(call).await
    }

    /// Asks for the account of exactly this name.
    pub async fn directory_by_name(&self, name: &str) -> Result<DirectoryReply, ClientError> {
        self.look_up("name", name).await
    }

    /// Asks for the account of exactly this phone number, which may be a private one.
    pub async fn directory_by_phone(&self, phone: &str) -> Result<DirectoryReply, ClientError> {
        self.look_up("phone", phone).await
    }

    async fn look_up(&self, by: &str, value: &str) -> Result<DirectoryReply, ClientError> {
        let call = self.of_account(Call::get(&["directory", "lookup"]));
        self.ask(call.query(by, value)).await
    }
}
