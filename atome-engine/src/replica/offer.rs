//! Offering: what another hub, or life of its database, gave of the account's own atomes, and this one lacks, is
//! brought to it before anything is pushed. Commits may alter what only that brings.

use std::collections::VecDeque;

use atome_proto::AtomeId;
use atome_proto::limit::FRAME_LEN_TARGET;
use atome_proto::state::RawState;
use atome_proto::sync::v1::{Offer as OfferFrame, Offered};

use crate::replica::{Effect, Replica, StoreJob};
use crate::session::stream::into_pages;

#[derive(Debug, Default)]
pub(super) struct Offering {
    /// The atomes that are being offered, from when the store is asked until it has noted that they are taken.
    atomes: Option<Vec<AtomeId>>,
    /// Frames of their states that are not sent.
    frames: VecDeque<Vec<RawState>>,
    /// The number of the last frame sent on this connection, and whether its answer is awaited.
    ask: u64,
    asked: bool,
}

impl Offering {
    /// Begins again: what is not taken is asked for anew.
    pub(super) fn restart(&mut self) {
        self.atomes = None;
        self.frames.clear();
        self.asked = false;
    }
}

impl Replica {
    /// Whether the hub lacks something that another, or a life of its database, gave, or may lack it.
    pub(super) fn owes(&self) -> bool {
        self.link.takes_offers && (self.position.owes || self.position.offers > 0)
    }

    /// Reads what is to be offered, once a snapshot has told what that is.
    pub(super) fn plan_offers(&mut self) {
        let is_due = self.link.is_welcome()
            && self.is_of_hub()
            && self.link.takes_offers
            && !self.position.owes
            && self.position.offers > 0;
        if is_due && self.offering.atomes.is_none() {
            self.offering.atomes = Some(vec![]);
            self.effects.push_back(Effect::ReadOffers {
                bytes_max: FRAME_LEN_TARGET,
            });
        }
    }

    pub(super) fn on_offers(&mut self, atomes: Vec<AtomeId>, states: Vec<RawState>) {
        // Of a reading from before the connection was lost, or that said the same again, nothing is known.
        if self
            .offering
            .atomes
            .as_ref()
            .is_none_or(|known| !known.is_empty())
        {
            return;
        }
        if !states.is_empty() {
            self.offering.frames = into_pages(states).into();
        }
        self.offering.atomes = Some(atomes);
        self.offer_next();
    }

    /// Sends the next frame; without one the store is told what has been taken.
    fn offer_next(&mut self) {
        if let Some(states) = self.offering.frames.pop_front() {
            self.offering.ask += 1;
            self.offering.asked = true;
            let ask = self.offering.ask;
            return self.send(OfferFrame { ask, states });
        }
        let atomes = self.offering.atomes.clone().unwrap_or_default();
        self.jobs.push_back(StoreJob::Offered(atomes));
    }

    pub(super) fn on_offered(&mut self, offered: &Offered) {
        if self.offering.asked && offered.ask == self.offering.ask {
            self.offering.asked = false;
            self.offer_next();
        }
    }
}
