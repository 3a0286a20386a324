//! The directory's changes, as a client that wants to hear of them hears of them.
//!
//! A client that fell behind, or came later, asks for what it missed: here only the last changes are told,
//! each once and in order.

use std::sync::Arc;

use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use atome_proto::sync::v1::{AccountCreated, AccountDeleted, HubFrame};

use crate::session::Session;

#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The number of the last change that the client was told, or can know of; absent where it does not
    /// want to hear of any.
    told: Option<u64>,
    /// Whether the client wants to hear, once it is welcomed.
    wanted: bool,
    latest: Arc<[DirectoryChange]>,
}

impl Session {
    pub(super) fn on_directory(&mut self, changes: Arc<[DirectoryChange]>) {
        self.listing.latest = changes;
        self.tell_listing();
    }

    pub(super) fn wants_listing(&mut self, wanted: bool) {
        self.listing.wanted = wanted;
    }

    /// The client was welcomed, with this number of the last change.
    pub(super) fn listing_known(&mut self, number: u64) {
        self.listing.told = self.listing.wanted.then_some(number);
        self.tell_listing();
    }

    fn tell_listing(&mut self) {
        let Some(mut told) = self.listing.told else {
            return;
        };
        let latest = Arc::clone(&self.listing.latest);
        for DirectoryChange { number, change } in latest.iter() {
            if *number <= told {
                continue;
            }
            told = *number;
            self.send(match change.clone() {
                DirectoryEvent::Created(entry) => HubFrame::from(AccountCreated {
                    number: told,
                    entry,
                }),
                DirectoryEvent::Deleted(user_id) => HubFrame::from(AccountDeleted {
                    number: told,
                    user_id,
                }),
            });
        }
        self.listing.told = Some(told);
    }
}
