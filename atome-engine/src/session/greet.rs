//! Hello and welcome.

use atome_proto::code::{Code, Problem};
use atome_proto::limit::{COMMIT_LEN_MAX, FRAME_LEN_MAX, WINDOW_FRAMES};
use atome_proto::sync::v1::{
    CAPABILITY_DIRECTORY, CAPABILITY_OFFERS, CAPABILITY_RECEIPTS, CAPABILITY_STATES,
    CAPABILITY_ZSTD, Error, Hello, Limits, VERSION, Welcome,
};

use crate::clock::Now;
use crate::session::{Claim, Effect, FeedPosition, Phase, Session};

impl Session {
    pub(super) fn on_hello(&mut self, hello: &Hello) {
        if hello.runtime.local_endpoint.is_some() {
            let detail = "a local endpoint never crosses the network: leave it out of hello";
            return self.fail(&Problem::new(Code::BadRequest, detail));
        }
        if !hello.protocols.contains(&VERSION) {
            return self.say_unsupported(&hello.protocols);
        }
        let hears = hello
            .capabilities
            .iter()
            .any(|can| can == CAPABILITY_DIRECTORY);
        self.wants_listing(hears);
        self.phase = Phase::Greeting(hello.replica);
        self.pushed = hello.acked;
        let at = hello.cursor.filter(|at| at.hub == self.identity.hub);
        self.claim = at.map(|at| Claim {
            epoch: at.epoch,
            feed: at.feed,
            acked: hello.acked,
        });
        self.effects.push_back(Effect::Position {
            replica: hello.replica,
        });
    }

    /// Says which versions both ends speak, for a person to compare.
    fn say_unsupported(&mut self, theirs: &[u32]) {
        let range = |name: &str, version: Option<&u32>| {
            version.map(|version| (name.to_owned(), u64::from(*version)))
        };
        let details = [
            range("hubOldest", Some(&VERSION)),
            range("hubNewest", Some(&VERSION)),
            range("clientOldest", theirs.iter().min()),
            range("clientNewest", theirs.iter().max()),
        ];
        self.send(Error {
            code: Code::Unsupported,
            message: format!(
                "this hub speaks version {VERSION} of the protocol, the client does not"
            ),
            retry: true,
            details: details.into_iter().flatten().collect(),
        });
        self.close();
    }

    pub(super) fn on_position(&mut self, position: FeedPosition, now: Now) {
        self.head = self.head.max(position.head);
        self.number = self.number.max(position.number);
        match self.phase {
            Phase::Greeting(replica) => {
                if let Some(claim) = self.claim.take()
                    && claim.exceeds(&position)
                {
                    self.effects.push_back(Effect::Heed { replica, claim });
                    return;
                }
                self.identity.epoch = position.epoch;
                self.phase = Phase::Open(replica);
                self.stream.oldest(position.oldest);
                self.pushed = self.pushed.min(position.number);
                self.say_welcome(position, now);
                self.listing_known(position.directory);
            }
            Phase::Open(replica) => {
                if let Some(timestamp) = self.pings.pop_front() {
                    self.pong(timestamp, position, now);
                }
                if !self.pings.is_empty() {
                    self.effects.push_back(Effect::Position { replica });
                }
            }
            Phase::Silent | Phase::Closed => {}
        }
    }

    fn say_welcome(&mut self, position: FeedPosition, now: Now) {
        let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let welcome = Welcome {
            client_id: self.client_id.clone(),
            timestamp: now.wall_ms,
            protocol: VERSION,
            hub: self.identity.hub,
            epoch: self.identity.epoch,
            head: position.head,
            oldest: position.oldest,
            number: position.number,
            limits: Limits {
                commit_len_max: len(COMMIT_LEN_MAX),
                frame_len_max: len(FRAME_LEN_MAX),
                window: WINDOW_FRAMES,
            },
            capabilities: [
                CAPABILITY_ZSTD,
                CAPABILITY_RECEIPTS,
                CAPABILITY_STATES,
                CAPABILITY_OFFERS,
            ]
            .map(str::to_owned)
            .to_vec(),
            directory: Some(position.directory),
            session_expires_at_ms: self.expires_at_ms,
        };
        self.send(welcome);
    }
}
