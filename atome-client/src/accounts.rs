//! Requests about the daemon itself, accounts and logins.

use atome_proto::local::v1::{
    AccountView, Attempt, CreateAccount, Facts, Finding, Login, Logout, NewPassword, RemoveAccount,
    Resolve, Status, Version, WhoAmI,
};
use atome_proto::runtime::RuntimeDeclaration;

use crate::call::Call;
use crate::client::Client;
use crate::error::ClientError;

/// Every method fails with [`ClientError`]: no daemon, the daemon's problem, no answer in time.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl Client {
    /// Asks which versions the daemon speaks.
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.ask(Call::get(&["version"])).await
    }

    /// Asks what the daemon declares itself to be.
    pub async fn runtime(&self) -> Result<RuntimeDeclaration, ClientError> {
        self.ask(Call::get(&["runtime"])).await
    }

    /// Asks how the daemon and its accounts are.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Call::get(&["status"])).await
    }

    /// Has the daemon look at everything that a person would look at.
    pub async fn doctor(&self) -> Result<Vec<Finding>, ClientError> {
        self.ask(Call::get(&["doctor"])).await
    }

    /// Asks for settings and sizes, for support.
    pub async fn facts(&self) -> Result<Facts, ClientError> {
        self.ask(Call::get(&["facts"])).await
    }

    /// Asks for the daemon's figures, in Prometheus text.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        self.text(Call::get(&["metrics"])).await
    }

    /// Has the daemon try what the kernel is to refuse it.
    pub async fn prove_direction(&self) -> Result<Vec<Attempt>, ClientError> {
        self.ask(Call::get(&["prove-direction"])).await
    }

    /// Asks for the accounts that the asker may see.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, ClientError> {
        self.ask(Call::get(&["accounts"])).await
    }

    /// Asks for one account, by name or id.
    pub async fn show_account(&self, name_or_id: &str) -> Result<AccountView, ClientError> {
        self.ask(Call::get(&["accounts", name_or_id])).await
    }

    /// Makes an account; it works at once, with or without a hub.
    pub async fn create_account(&self, new: &CreateAccount) -> Result<AccountView, ClientError> {
        self.ask(Call::post(&["accounts"]).json(new)?).await
    }

    /// Gives an account, by name or id, another password, here and at the hub.
    pub async fn change_password(
        &self,
        name_or_id: &str,
        new: &NewPassword,
    ) -> Result<(), ClientError> {
        let call = Call::post(&["accounts", name_or_id, "password"]);
        self.tell(call.json(new)?).await
    }

    /// Deletes an account, by name or id, everywhere, or only this machine's copy of it.
    pub async fn delete_account(
        &self,
        name_or_id: &str,
        remove: &RemoveAccount,
    ) -> Result<(), ClientError> {
        let call = Call::post(&["accounts", name_or_id, "delete"]);
        self.tell(call.json(remove)?).await
    }

    /// Leads an account, by name or id, out of a registration that the hub did not take.
    pub async fn resolve_account(
        &self,
        name_or_id: &str,
        way: &Resolve,
    ) -> Result<AccountView, ClientError> {
        let call = Call::post(&["accounts", name_or_id, "resolve"]);
        self.ask(call.json(way)?).await
    }

    /// Ties the asking Unix user to an account.
    pub async fn login(&self, login: &Login) -> Result<AccountView, ClientError> {
        self.ask(Call::post(&["login"]).json(login)?).await
    }

    /// Unties the asking Unix user from the account.
    pub async fn logout(&self, logout: &Logout) -> Result<(), ClientError> {
        let call = self.of_account(Call::post(&["logout"]));
        self.tell(call.json(logout)?).await
    }

    /// Asks which accounts the asking Unix user is tied to.
    pub async fn whoami(&self) -> Result<Vec<WhoAmI>, ClientError> {
        self.ask(Call::get(&["whoami"])).await
    }
}
