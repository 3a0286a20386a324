//! Requests that read, write and watch atomes.

use atome_proto::local::v1::{
    AtomeView, FindQuery, History, IndexProgress, ListQuery, SeedReply, TreeLine, VerifyReply,
    WatchEvent, Write, WriteReply,
};
use atome_proto::seed::Record;
use bytes::Bytes;

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;
use crate::lines::Lines;

/// Every method fails with [`ClientError`]: no daemon, the daemon's problem, no answer in time. A reference
/// is an id, a unique prefix of one, or `key:EXTERNAL-KEY`.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl Client {
    /// Writes one commit; once it answers, the commit is durable on this machine.
    pub async fn write(&self, write: &Write) -> Result<WriteReply, ClientError> {
        let call = self.of_account(Call::post(&["commits"]));
        self.ask(call.json(write)?).await
    }

    /// Asks for one atome.
    pub async fn get(&self, reference: &str) -> Result<AtomeView, ClientError> {
        self.ask(self.of_account(Call::get(&["atomes", reference])))
            .await
    }

    /// Asks for the atomes that fit a query.
    pub async fn list(&self, query: &ListQuery) -> Result<Lines<AtomeView>, ClientError> {
        let query = ListQuery {
            seed: false,
            ..query.clone()
        };
        self.stream(self.list_call(&query)).await
    }

    /// Asks for the atomes that fit a query as lines of a seed file.
    pub async fn export(&self, query: &ListQuery) -> Result<Lines<Record>, ClientError> {
        let query = ListQuery {
            seed: true,
            ..query.clone()
        };
        self.stream(self.list_call(&query)).await
    }

    fn list_call(&self, query: &ListQuery) -> Call {
        let limit = query.limit.map(|limit| limit.to_string());
        let mut call = self
            .of_account(Call::get(&["atomes"]))
            .maybe("type", query.type_name.as_deref())
            .maybe("parent", query.parent.as_deref())
            .maybe("order", query.order.as_deref())
            .maybe("limit", limit.as_deref())
            .flag("deleted", query.deleted)
            .maybe("format", query.seed.then_some("seed"));
        for expression in &query.wheres {
            call = call.query("where", expression);
        }
        call
    }

    /// Asks for the atomes in whose texts some words stand.
    pub async fn find(&self, query: &FindQuery) -> Result<Lines<AtomeView>, ClientError> {
        let limit = query.limit.map(|limit| limit.to_string());
        let call = self
            .of_account(Call::get(&["find"]))
            .query("text", &query.text)
            .maybe("type", query.type_name.as_deref())
            .maybe("limit", limit.as_deref());
        self.stream(call).await
    }

    /// Has the index for searches read what it lacks, as a search does too, and tells how much is left.
    pub async fn index(&self) -> Result<Lines<IndexProgress>, ClientError> {
        self.stream(self.of_account(Call::post(&["index"]))).await
    }

    /// Asks for what one atome, or one particle of it, has been.
    pub async fn history(
        &self,
        reference: &str,
        key: Option<&str>,
    ) -> Result<History, ClientError> {
        let call = self.of_account(Call::get(&["atomes", reference, "history"]));
        self.ask(call.maybe("key", key)).await
    }

    /// Asks for the atomes below one, or below none, depth first.
    pub async fn tree(&self, root: Option<&str>) -> Result<Lines<TreeLine>, ClientError> {
        let call = self.of_account(Call::get(&["tree"]));
        self.stream(call.maybe("root", root)).await
    }

    /// Asks to be told of every change, from now on or from after a cursor. It ends with the daemon.
    pub async fn watch(
        &self,
        type_name: Option<&str>,
        since: Option<u64>,
    ) -> Result<Lines<WatchEvent>, ClientError> {
        let since = since.map(|since| since.to_string());
        let call = self
            .of_account(Call::get(&["watch"]))
            .maybe("type", type_name)
            .maybe("since", since.as_deref());
        self.stream(call).await
    }

    /// Brings the store to what records say: JSON lines, at most
    /// [`atome_proto::limit::SEED_CHUNK_RECORDS`] of them.
    pub async fn seed(&self, records: Bytes, dry_run: bool) -> Result<SeedReply, ClientError> {
        let call = self.of_account(Call::post(&["seed"]));
        self.ask(call.flag("dry_run", dry_run).lines(records)).await
    }

    /// Compares the store with what records say, as many as [`Self::seed`] takes; a strict comparison
    /// objects to what an atome has and its record does not name.
    pub async fn verify(&self, records: Bytes, strict: bool) -> Result<VerifyReply, ClientError> {
        let call = self.of_account(Call::post(&["verify"]));
        self.ask(call.flag("strict", strict).lines(records)).await
    }
}
