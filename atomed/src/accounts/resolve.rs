//! The ways out of a registration that the hub did not take: another name or number, an invitation, or
//! becoming one with the hub's account.

use atome_engine::name::fold;
use atome_proto::local::v1::{Alteration, Resolve};
use atome_proto::{Code, Problem};
use atome_store::StoreError;
use atome_store::machine::MachineAccount;

use super::create::{bad, check_phone, taken};
use super::select::Selected;
use super::{Accounts, Registration};
use crate::api::Peer;
use crate::hub_client::PATIENT;
use crate::store_problem::problem;

impl Accounts {
    /// Resolves an account that the asker is tied to, and that the hub does not have.
    ///
    /// # Errors
    ///
    /// [`Code::Conflict`] where the hub has it already, or the new name is taken here;
    /// [`Code::WrongCredentials`] where the password is not that of the hub's account;
    /// [`Code::HubUnreachable`], [`Code::NoHub`].
    pub async fn resolve(
        &self,
        peer: Peer,
        named: &str,
        how: Resolve,
    ) -> Result<Selected, Problem> {
        let Selected { account, row } = self.select_row(peer, Some(named)).await?;
        if row.registered {
            let message = "the hub has the account as it is; there is nothing to resolve";
            return Err(Problem::new(Code::Conflict, message));
        }
        let alteration = match how {
            Resolve::Join(password) => return self.join_by_password(&row, password, PATIENT).await,
            Resolve::Alter(alteration) => alteration,
        };
        let row = self.alter(row, alteration).await?;
        let waits = Registration::Waiting(None);
        account.registration.send_replace(waits);
        self.keep_now();
        Ok(Selected { account, row })
    }

    async fn alter(
        &self,
        mut row: MachineAccount,
        alteration: Alteration,
    ) -> Result<MachineAccount, Problem> {
        let Alteration {
            name,
            phone,
            invite,
        } = alteration;
        if name.is_none() && phone.is_none() && invite.is_none() {
            return Err(bad("nothing is said that would be altered"));
        }
        if let Some(name) = name {
            fold(&name).map_err(|error| bad(error.to_string()))?;
            row.entry.username = name;
        }
        if let Some(phone) = phone {
            row.entry.phone = (!phone.is_empty()).then_some(phone);
        }
        if let Some(phone) = &row.entry.phone {
            check_phone(phone)?;
        }
        let entry = row.entry.clone();
        let altered = self
            .0
            .machine
            .write(move |db| db.alter_unregistered(&entry, invite.as_ref()))
            .await;
        match altered {
            Ok(()) => {
                self.keep_copy().await;
                Ok(row)
            }
            Err(StoreError::AccountExists) => Err(taken(&row.entry.username)),
            Err(error) => Err(problem(&error)),
        }
    }
}
