//! What the machine wants done: the connection, the frames, the store's work, the answers.

use atome_engine::clock::Now;
use atome_engine::replica::{Effect, Input, StoreJob};
use atome_proto::{Code, Problem};

use super::{Driver, work};
use crate::store_problem::problem;
use crate::sync::handle::Waited;
use crate::sync::link::Link;

impl Driver {
    /// Carries out an effect; what is known at once is an input.
    pub(super) fn carry_out(&mut self, effect: Effect, now: Now) -> Option<Input> {
        match effect {
            Effect::Connect => match &self.token {
                Some(token) => {
                    self.link = Some(Link::open(self.parts.dialer.clone(), token.clone()));
                }
                None => return Some(Input::Credentials(false)),
            },
            Effect::Disconnect => self.link = None,
            Effect::Send(frame) => {
                let link = self.link.as_ref()?;
                if !link.send(frame) {
                    self.link = None;
                    let message = "the hub does not read what it is sent";
                    let problem = Problem::new(Code::HubUnreachable, message);
                    return Some(Input::Closed(Some(problem)));
                }
            }
            Effect::ReadPending {
                after,
                commits_max,
                bytes_max,
            } => self.read_pending(after, commits_max, bytes_max),
            Effect::ReadOffers { bytes_max } => self.read_offers(bytes_max),
            Effect::Store(job) => self.store(job),
            Effect::HubTime(hub_ms) => self.note_hub_time(hub_ms, now),
            Effect::Waited {
                token,
                position,
                standing,
            } => {
                if let Some(answer) = self.askers.waits.remove(&token) {
                    // Whoever asked may have gone meanwhile.
                    let _ = answer.send(Waited { position, standing });
                }
            }
            Effect::Shown(ask, states) => {
                if let Some(answer) = self.askers.states.remove(&ask) {
                    let _ = answer.send(states);
                }
            }
            Effect::Digested(digest) => {
                if let Some(answer) = self.askers.digests.remove(&digest.ask) {
                    let _ = answer.send(digest);
                }
            }
        }
        None
    }

    fn read_pending(&self, after: u64, commits_max: usize, bytes_max: usize) {
        let store = self.parts.store.clone();
        self.answers.push(Box::pin(async move {
            Some(match store.pending(after, commits_max, bytes_max).await {
                Ok(commits) => Input::Pending { after, commits },
                Err(error) => Input::ReadFailed(problem(&error)),
            })
        }));
    }

    fn read_offers(&self, bytes_max: usize) {
        let store = self.parts.store.clone();
        self.answers.push(Box::pin(async move {
            Some(match store.offers(bytes_max).await {
                Ok((atomes, states)) => Input::Offers { atomes, states },
                Err(error) => Input::ReadFailed(problem(&error)),
            })
        }));
    }

    fn store(&mut self, job: StoreJob) {
        let ahead = self.ahead.take().filter(|ahead| ahead.is_of(&job));
        let store = self.parts.store.clone();
        let account = self.parts.account;
        self.answers.push(Box::pin(async move {
            Some(match work::carry_out(&store, job, ahead).await {
                Ok(position) => Input::Done(position),
                Err(problem) => {
                    tracing::error!(%account, code = %problem.code, "the store refused");
                    Input::StoreFailed(problem)
                }
            })
        }));
    }

    fn note_hub_time(&mut self, hub_ms: u64, now: Now) {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        self.clock_ahead_ms = Some(signed(now.wall_ms).saturating_sub(signed(hub_ms)));
        let store = self.parts.store.clone();
        let account = self.parts.account;
        self.answers.push(Box::pin(async move {
            if let Err(error) = store.observe_hub_time(hub_ms, now).await {
                tracing::warn!(%account, %error, "the hub's time is not kept");
            }
            None
        }));
    }
}
