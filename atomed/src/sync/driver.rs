//! The driver: the one loop that keeps one account's store and the hub together.
//!
//! Step 7 of the way of a write: a wake-up of the store, a timer, a frame, an answer of the store, a
//! command or the order to stop becomes an input of the engine's machine; its effects are carried out
//! here. What to do next is never decided here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atome_engine::clock::Now;
use atome_engine::replica::{Input, Position, Replica};
use atome_proto::account::Secret;
use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use atome_proto::local::v1::SetMode;
use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::sync::v1::{CAPABILITY_ZSTD, HubFrame};
use atome_proto::{AccountId, Code, Problem};
use atome_store::ReplicaStore;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};

use super::handle::{Command, Handle};
use super::link::{Event, Link};
use super::news::News;
use super::view::View;
use crate::clock::now;
use crate::random;
use crate::secrets::Secrets;
use crate::stop::Stop;
use crate::store_problem::problem;
use crate::sync::dial::Dialer;

mod commands;
mod effects;
mod work;

use commands::Askers;
use work::Ahead;

/// Commands that may wait; whoever asks waits then.
const COMMANDS_MAX: usize = 64;
/// What a driver works with.
pub struct Parts {
    /// The account.
    pub account: AccountId,
    /// Its store.
    pub store: ReplicaStore,
    /// The way to the hub.
    pub dialer: Dialer,
    /// Where its token is.
    pub secrets: Secrets,
    /// What the daemon declares itself to be.
    pub declaration: RuntimeDeclaration,
    /// Where it leaves what is not about its own store.
    pub news: Arc<News>,
    /// Whether the machine wants to hear of changes of the directory.
    pub hears_directory: bool,
    /// The order to stop.
    pub stop: Stop,
}

/// Makes a driver: the handle on it, and the loop to be run.
///
/// # Errors
///
/// Where the store or the system fails.
pub async fn driver(
    parts: Parts,
) -> Result<(Handle, impl Future<Output = ()> + Send + 'static), Problem> {
    let position = parts.store.position().await.map_err(|e| problem(&e))?;
    let (schedule, paused) = parts.store.schedule().await.map_err(|e| problem(&e))?;
    let seed = u64::from_be_bytes(random::bytes()?);
    let mut machine = Replica::new(&parts.declaration, position, seed);
    if parts.hears_directory {
        machine = machine.hearing_directory();
    }
    let token = token(&parts).await;
    let view = View {
        progress: machine.progress(),
        schedule: schedule.clone(),
        paused,
        credentials: token.is_some(),
        away_since_ms: None,
        clock_ahead_ms: None,
        findings: BTreeMap::new(),
        connections: 0,
    };
    let (commands, received) = mpsc::channel(COMMANDS_MAX);
    let (shown, view) = watch::channel(view);
    let driver = Driver {
        positions: parts.store.subscribe(),
        parts,
        machine,
        commands: received,
        view: shown,
        token,
        link: None,
        answers: FuturesUnordered::new(),
        ahead: None,
        askers: Askers::default(),
        schedule,
        paused,
        clock_ahead_ms: None,
        connections: 0,
    };
    Ok((Handle { commands, view }, driver.run()))
}

struct Driver {
    parts: Parts,
    machine: Replica,
    positions: watch::Receiver<Position>,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<View>,
    token: Option<Secret>,
    link: Option<Link>,
    /// What the store is doing for the machine: one write and one read at most, and notes of time.
    answers: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    /// The write that comes next, read while the store makes the one before.
    ahead: Option<Ahead>,
    askers: Askers,
    schedule: SetMode,
    paused: bool,
    clock_ahead_ms: Option<i64>,
    connections: u64,
}

/// What woke the loop.
enum Wake {
    Stored,
    Tick,
    Link(Event),
    Answer(Option<Input>),
    Command(Option<Command>),
    Stop,
}

impl Driver {
    async fn run(mut self) {
        // The schedule first: a token alone would have the machine dial.
        self.take(Input::Schedule {
            schedule: self.schedule.clone(),
            paused: self.paused,
        });
        self.take(Input::Credentials(self.token.is_some()));
        let mut ended = None;
        loop {
            // The store has its work before anything is read ahead: one core may be all there is for both.
            let woken = match self.answers.next().now_or_never() {
                Some(Some(answer)) => Wake::Answer(answer),
                Some(None) | None => {
                    self.read_ahead();
                    self.next().await
                }
            };
            match woken {
                Wake::Stored => {
                    let position = *self.positions.borrow_and_update();
                    self.take(Input::Stored(position));
                }
                Wake::Tick => self.take(Input::Tick),
                Wake::Link(event) => self.on_event(event),
                Wake::Answer(Some(input)) => self.take(input),
                Wake::Answer(None) => {}
                Wake::Command(Some(Command::End(done))) => {
                    ended = Some(done);
                    break;
                }
                Wake::Command(Some(command)) => self.on_command(command).await,
                Wake::Command(None) | Wake::Stop => break,
            }
        }
        let link = self.link.take();
        self.take(Input::Stop);
        if let Some(link) = link {
            link.close().await;
        }
        // Whoever wanted the end hears of it by the fall of its channel.
        drop(ended);
    }

    async fn next(&mut self) -> Wake {
        let due = self.machine.poll_timeout();
        let link = async {
            match &mut self.link {
                Some(link) => link.event().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.parts.stop.ordered() => Wake::Stop,
            command = self.commands.recv() => Wake::Command(command),
            Some(answer) = self.answers.next() => Wake::Answer(answer),
            event = link => Wake::Link(event),
            Ok(()) = self.positions.changed() => Wake::Stored,
            () = until(due) => Wake::Tick,
        }
    }

    /// Gives the machine an input and carries out what follows.
    fn take(&mut self, input: Input) {
        let now = now();
        self.machine.handle(input, now);
        while let Some(effect) = self.machine.poll_effect() {
            if let Some(input) = self.carry_out(effect, now) {
                self.machine.handle(input, now);
            }
        }
        self.publish(now);
    }

    fn read_ahead(&mut self) {
        if let Some(job) = self.machine.next_job()
            && !self.ahead.as_ref().is_some_and(|ahead| ahead.is_of(job))
        {
            self.ahead = Ahead::begin(job);
        }
    }

    fn on_event(&mut self, event: Event) {
        let account = self.parts.account;
        match event {
            Event::Connected => {
                tracing::info!(%account, "connected to the hub");
                self.connections += 1;
                self.take(Input::Connected);
            }
            Event::Frame(frame) => {
                self.note(&frame);
                self.take(Input::Frame(frame));
            }
            Event::AuthRefused(problem) => {
                tracing::warn!(%account, code = %problem.code, "the hub asks for a login");
                self.link = None;
                if problem.code == Code::AccountDeleted {
                    self.parts.news.deleted(account);
                }
                self.take(Input::AuthRefused(problem));
            }
            Event::Closed(problem) => {
                let why = problem.as_ref().map_or("closed", |p| p.detail.as_str());
                tracing::debug!(%account, why, "no connection to the hub");
                self.link = None;
                self.take(Input::Closed(problem));
            }
        }
    }

    /// Notes what a frame says to others than the engine.
    fn note(&mut self, frame: &HubFrame) {
        let news = &self.parts.news;
        match frame {
            HubFrame::Welcome(welcome) => {
                if let Some(link) = &mut self.link
                    && welcome.capabilities.iter().any(|c| c == CAPABILITY_ZSTD)
                {
                    link.compress();
                }
                news.welcomed(self.parts.account, welcome);
            }
            HubFrame::AccountCreated(created) => news.listed(DirectoryChange {
                number: created.number,
                change: DirectoryEvent::Created(created.entry.clone()),
            }),
            HubFrame::AccountDeleted(deleted) => news.listed(DirectoryChange {
                number: deleted.number,
                change: DirectoryEvent::Deleted(deleted.user_id),
            }),
            HubFrame::Offered(offered) => {
                for refused in &offered.refused {
                    let account = self.parts.account;
                    let (code, message) = (refused.code, &refused.message);
                    tracing::warn!(%account, %code, message, "the hub does not take back an atome");
                }
            }
            HubFrame::Ack(_)
            | HubFrame::Batch(_)
            | HubFrame::Snapshot(_)
            | HubFrame::Digest(_)
            | HubFrame::Receipt(_)
            | HubFrame::States(_)
            | HubFrame::Pong(_) => {}
            HubFrame::Error(error) if error.code == Code::AccountDeleted => {
                news.deleted(self.parts.account);
            }
            HubFrame::Bye(bye) if bye.code == Code::AccountDeleted => {
                news.deleted(self.parts.account);
            }
            HubFrame::Error(_) | HubFrame::Bye(_) => {}
        }
    }

    fn publish(&self, now: Now) {
        let mut view = View {
            progress: self.machine.progress(),
            schedule: self.schedule.clone(),
            paused: self.paused,
            credentials: self.token.is_some(),
            away_since_ms: None,
            clock_ahead_ms: self.clock_ahead_ms,
            findings: BTreeMap::new(),
            connections: self.connections,
        };
        self.view.send_if_modified(|before| {
            if before.progress.connected && !view.progress.connected {
                self.parts.news.left(now.wall_ms);
            }
            view.keep_since(before, now.wall_ms);
            let differs = *before != view;
            if differs {
                *before = view;
            }
            differs
        });
    }
}

/// The token that is kept, if there is one and it can be read.
async fn token(parts: &Parts) -> Option<Secret> {
    let (secrets, name) = (parts.secrets.clone(), parts.account.to_string());
    let read = tokio::task::spawn_blocking(move || secrets.token(&name));
    let read = tokio::select! {
        read = read => read,
        () = parts.stop.ordered() => return None,
    };
    match read {
        Ok(Ok(token)) => token,
        Ok(Err(error)) => {
            let remedy = error.remedy();
            tracing::error!(account = %parts.account, %error, remedy, "no token");
            None
        }
        // The daemon is stopping.
        Err(_) => None,
    }
}

/// Waits until a time of the forward-only clock; for ever without one.
async fn until(due_ms: Option<u64>) {
    match due_ms {
        Some(due_ms) => {
            let wait_ms = due_ms.saturating_sub(now().mono_ms).max(1);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        None => std::future::pending().await,
    }
}
