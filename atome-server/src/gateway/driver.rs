//! The driver: one task a connection, between the frames of a client, the engine and the store.

use std::sync::Arc;
use std::time::Duration;

use atome_engine::session::{Effect, Input, Session};
use atome_proto::directory::DirectoryChange;
use atome_proto::sync::frame::{BadFrame, Encoding};
use atome_proto::sync::v1::{CAPABILITY_ZSTD, ClientFrame, HubFrame, Push};
use atome_proto::{AccountId, Code, Problem, ReplicaId};
use atome_store::hub::Signals;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::answer;
use super::reading::{Decoded, Decoding, Reading};
use super::socket::{Received, Socket};
use crate::auth::{self, Known};
use crate::hub::Hub;
use crate::listen::Place;

/// How often the store is asked whether the session behind a connection still stands, in milliseconds.
const ASK_EVERY_MS: u64 = 60_000;
/// Least time after which clients of a stopped hub come back, in milliseconds.
const COME_BACK_MS: u64 = 500;
/// How much that time is spread for each connection that stands: 500 a second may return.
const COME_BACK_SPREAD_MS: u64 = 2;

/// One connection whose client is known.
pub(super) struct Driver<S> {
    hub: Arc<Hub>,
    place: Place,
    socket: Socket<S>,
    account: AccountId,
    /// The hash of the session's token, and when the store was last asked whether it stands.
    token_hash: [u8; 32],
    asked_ms: u64,
    session: Session,
    encoding: Encoding,
    answers: FuturesUnordered<BoxFuture<'static, Input>>,
    /// The frame that is being decoded; no other is received meanwhile.
    decoding: Decoding,
    /// The push that comes next, read while the store writes the one before.
    ahead: Option<Reading>,
    signals: watch::Receiver<Signals>,
    directory: watch::Receiver<Arc<[DirectoryChange]>>,
    /// What the signals last said of the account's sessions.
    sessions_seen: u64,
    /// The last thing that was wrong.
    reason: Code,
    /// Set once the engine has ended the connection: why.
    ended: Option<Code>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    pub(super) fn new(hub: Arc<Hub>, place: Place, socket: Socket<S>, known: &Known) -> Self {
        let client_id = client_id();
        let account = known.session.account;
        tracing::debug!(peer = %place.peer, %account, client = client_id, "a client connected");
        Self {
            place,
            socket,
            account,
            token_hash: known.token_hash,
            asked_ms: hub.now().mono_ms,
            session: Session::new(hub.identity, client_id, hub.now())
                .until(known.session.expires_at_ms),
            encoding: Encoding::Text,
            answers: FuturesUnordered::new(),
            decoding: Decoding::default(),
            ahead: None,
            signals: hub.store.subscribe(account),
            directory: hub.directory.subscribe(),
            sessions_seen: 0,
            reason: Code::Unknown,
            ended: None,
            hub,
        }
    }

    /// Drives the connection to its end.
    pub(super) async fn run(mut self) {
        let stop = self.hub.stop.clone();
        let stopped = stop.requested();
        tokio::pin!(stopped);
        let mut stopping = false;
        self.heed_signals();
        self.heed_directory();
        // What became of the session before the signals were listened to is not lost.
        self.ask_for_session();
        while self.ended.is_none() {
            // The store has its work before anything is read ahead: one core may be all there is for both.
            if let Some(Some(answer)) = self.answers.next().now_or_never() {
                self.handle(answer);
                continue;
            }
            self.read_ahead();
            let due = self.due();
            let input = tokio::select! {
                received = self.socket.receive(), if self.decoding.is_idle() => match received {
                    Received::Frame(frame) => {
                        let decoded = self.decoding.begin(frame);
                        decoded.and_then(|decoded| self.heed_frame(decoded))
                    }
                    Received::Junk(problem) => Some(Input::Unreadable(problem)),
                    Received::Ended => break,
                },
                decoded = self.decoding.decoded() => match decoded {
                    Ok(decoded) => self.heed_frame(decoded),
                    Err(error) => {
                        tracing::error!(account = %self.account, %error, "a frame was not decoded");
                        let problem = Problem::new(Code::Internal, "the frame was not decoded");
                        Some(Input::End { problem })
                    }
                },
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => Some(answer),
                Ok(()) = self.signals.changed() => {
                    self.heed_signals();
                    None
                }
                // A client that does not read is not told more than it can miss.
                Ok(()) = self.directory.changed(), if !self.socket.is_full() => {
                    self.heed_directory();
                    None
                }
                () = &mut stopped, if !stopping => {
                    stopping = true;
                    let problem = Problem::new(Code::Stopping, "the hub is stopping")
                        .retry_after_ms(come_back_ms(&self.hub));
                    Some(Input::End { problem })
                }
                () = tokio::time::sleep(due) => {
                    if self.is_session_due() {
                        self.ask_for_session();
                    }
                    Some(Input::Tick)
                }
            };
            if let Some(input) = input {
                self.handle(input);
            }
        }
        self.finish().await;
    }

    fn due(&self) -> Duration {
        let ask_ms = self.asked_ms.saturating_add(ASK_EVERY_MS);
        let due_ms = self
            .session
            .poll_timeout()
            .map_or(ask_ms, |ms| ms.min(ask_ms));
        Duration::from_millis(due_ms.saturating_sub(self.hub.now().mono_ms))
    }

    fn heed_signals(&mut self) {
        let Signals { head, sessions } = *self.signals.borrow_and_update();
        if std::mem::replace(&mut self.sessions_seen, sessions) != sessions {
            self.ask_for_session();
        }
        self.handle(Input::Head(head));
    }

    fn heed_directory(&mut self) {
        let changes = Arc::clone(&self.directory.borrow_and_update());
        self.handle(Input::Directory(changes));
    }

    /// Whether the store is to be asked again, as it is from time to time, which makes the session live on.
    fn is_session_due(&self) -> bool {
        self.hub.now().mono_ms.saturating_sub(self.asked_ms) >= ASK_EVERY_MS
    }

    /// Asks the store whether the session still stands.
    fn ask_for_session(&mut self) {
        self.asked_ms = self.hub.now().mono_ms;
        let (store, token_hash) = (Arc::clone(&self.hub.store), self.token_hash);
        self.answers.push(Box::pin(async move {
            match auth::session_by_hash(&*store, token_hash).await {
                Ok(_) => Input::Tick,
                Err(problem) => Input::End { problem },
            }
        }));
    }

    fn handle(&mut self, input: Input) {
        self.session.handle(input, self.hub.now());
        while let Some(effect) = self.session.poll_effect() {
            self.carry_out(effect);
        }
    }

    fn read_ahead(&mut self) {
        if let Some((replica, push)) = self.session.next_push()
            && !self.ahead.as_ref().is_some_and(|ahead| ahead.is_of(push))
        {
            self.ahead = Some(Reading::ahead(self.account, replica, Arc::clone(push)));
        }
    }

    fn heed_frame(&mut self, decoded: Decoded) -> Option<Input> {
        match decoded {
            Ok(Some(frame)) => {
                if let ClientFrame::Hello(hello) = &frame
                    && hello.capabilities.iter().any(|can| can == CAPABILITY_ZSTD)
                {
                    self.encoding = Encoding::Zstd;
                }
                Some(Input::Frame(frame))
            }
            Ok(None) => None,
            Err(error) => Some(Input::Unreadable(bad_frame(&error))),
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        let effect = match effect {
            Effect::Send(frame) => return self.send(&frame),
            Effect::Close => {
                self.ended = Some(self.reason);
                return;
            }
            Effect::Admit { replica, push } => return self.admit(replica, push),
            effect @ (Effect::Position { .. }
            | Effect::ReadFeed { .. }
            | Effect::ReadStates { .. }
            | Effect::ReadGrants { .. }
            | Effect::ReadChanged { .. }
            | Effect::Evicted { .. }
            | Effect::Heed { .. }
            | Effect::Offer(_)
            | Effect::ReadDigest
            | Effect::ReadReceipt(_)
            | Effect::ReadBuckets(_)) => effect,
        };
        let hub = Arc::clone(&self.hub);
        let now_ms = self.hub.now().wall_ms;
        self.answers
            .push(Box::pin(answer::to(hub, self.account, effect, now_ms)));
    }

    fn admit(&mut self, replica: ReplicaId, push: Arc<Push>) {
        let ahead = self.ahead.take().filter(|ahead| ahead.is_of(&push));
        let reading = ahead.unwrap_or_else(|| Reading::in_turn(self.account, replica, push));
        let now_ms = self.hub.now().wall_ms;
        let answer = answer::to_push(Arc::clone(&self.hub), reading, now_ms);
        self.answers.push(Box::pin(answer));
    }

    fn send(&mut self, frame: &HubFrame) {
        match frame {
            HubFrame::Error(error) => self.reason = error.code,
            HubFrame::Bye(bye) => self.reason = bye.code,
            HubFrame::Batch(batch) => {
                let entries = u64::try_from(batch.entries.len()).unwrap_or(u64::MAX);
                self.hub.metrics.feed_entries.add(entries);
            }
            HubFrame::Welcome(_)
            | HubFrame::Ack(_)
            | HubFrame::Snapshot(_)
            | HubFrame::Digest(_)
            | HubFrame::Receipt(_)
            | HubFrame::States(_)
            | HubFrame::Offered(_)
            | HubFrame::Pong(_)
            | HubFrame::AccountCreated(_)
            | HubFrame::AccountDeleted(_) => {}
        }
        match frame.encode(self.encoding) {
            Ok(frame) => self.socket.send(frame),
            Err(error) => {
                tracing::error!(account = %self.account, %error, "a frame cannot be written");
                self.ended = Some(Code::Internal);
            }
        }
    }

    async fn finish(self) {
        let (account, peer) = (self.account, self.place.peer);
        match self.ended {
            Some(code) => {
                tracing::debug!(%peer, %account, %code, "a connection is ended");
                self.socket.close(code).await;
            }
            None => tracing::debug!(%peer, %account, "a client is gone"),
        }
        // What the store has begun it finishes; only the answers are not needed any more.
    }
}

fn bad_frame(error: &BadFrame) -> Problem {
    let code = match error {
        BadFrame::Json(_) | BadFrame::Zstd(_) => Code::BadRequest,
        BadFrame::TooLong => Code::TooLarge,
        BadFrame::Unsupported(_) => Code::Unsupported,
    };
    // The parser's own message may repeat a value, and values stay out of answers and logs.
    let detail = match error {
        BadFrame::Json(json) => {
            format!("the frame is no message (column {})", json.column())
        }
        BadFrame::Zstd(_) => "the frame cannot be decompressed".to_owned(),
        BadFrame::TooLong | BadFrame::Unsupported(_) => error.to_string(),
    };
    Problem::new(code, detail)
}

/// When the clients of a hub that stops come back: later the more there are, each at a time of its own.
pub(super) fn come_back_ms(hub: &Hub) -> u64 {
    let connections = hub.connections();
    let spread = connections
        .saturating_mul(COME_BACK_SPREAD_MS)
        .saturating_add(COME_BACK_MS);
    // Without randomness they all come back at the end of the time, which works as well.
    let chosen = getrandom::u64().map_or(spread, |random| random % spread);
    COME_BACK_MS + chosen
}

/// A name for a connection, in the logs of both ends.
fn client_id() -> String {
    getrandom::u32().map_or_else(|_| "client".to_owned(), |id| format!("{id:08x}"))
}
