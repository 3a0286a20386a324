//! The handle on a driver: what the rest of the daemon may ask of it.

use atome_engine::replica::Position;
use atome_proto::receipt::Receipt;
use atome_proto::sync::v1::{Digest, Standing, States};
use atome_proto::{AtomeId, Code, Problem};
use tokio::sync::{mpsc, oneshot, watch};

use super::view::View;

/// What a driver may be told.
#[derive(Debug)]
pub(super) enum Command {
    /// The schedule in the store changed.
    Schedule(oneshot::Sender<()>),
    /// The token on the disk changed.
    Token(oneshot::Sender<()>),
    /// An attempt now.
    SyncNow,
    /// An answer once the store is as the hub is, or has what came of a commit.
    Wait(Option<Receipt>, oneshot::Sender<Waited>),
    /// The end, of this driver alone.
    End(oneshot::Sender<()>),
    /// The hub's digest.
    Digest(oneshot::Sender<Digest>),
    /// States of the hub in some buckets, after an id; `None` from a hub that cannot show them.
    States(Vec<u8>, Option<AtomeId>, oneshot::Sender<Option<States>>),
}

/// What a wait has come to.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// Where the store stood then.
    pub position: Position,
    /// What became of the commit, where the wait was about one.
    pub standing: Option<Standing>,
}

/// A handle on the driver of one account.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) view: watch::Receiver<View>,
}

impl Handle {
    /// Where sync stands.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// What is published from now on.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Tells that the schedule in the store changed, and waits until the driver has seen it.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn schedule_changed(&self) -> Result<(), Problem> {
        let (seen, is_seen) = oneshot::channel();
        self.tell(Command::Schedule(seen)).await?;
        is_seen.await.map_err(|_| stopping())
    }

    /// Tells that the token on the disk changed, and waits until the driver has seen it.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn token_changed(&self) -> Result<(), Problem> {
        let (seen, is_seen) = oneshot::channel();
        self.tell(Command::Token(seen)).await?;
        is_seen.await.map_err(|_| stopping())
    }

    /// Ends the driver, and waits until it has said goodbye.
    pub async fn end(&self) {
        let (done, is_done) = oneshot::channel();
        if self.tell(Command::End(done)).await.is_ok() {
            // Its fall is the answer.
            let _ = is_done.await;
        }
    }

    /// Asks for an attempt now.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn sync_now(&self) -> Result<(), Problem> {
        self.tell(Command::SyncNow).await
    }

    /// Asks to be told once the store is as the hub is, or, with a receipt, once the hub has decided that commit
    /// and what may be seen of it is here; dropping the receiver gives up.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn wait(
        &self,
        receipt: Option<Receipt>,
    ) -> Result<oneshot::Receiver<Waited>, Problem> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Wait(receipt, answer)).await?;
        Ok(answered)
    }

    /// Asks for the hub's digest; nothing is answered where no connection stands.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn digest(&self) -> Result<oneshot::Receiver<Digest>, Problem> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Digest(answer)).await?;
        Ok(answered)
    }

    /// Asks for the hub's states in some buckets, after an id, a page of them; `None` from a hub that cannot show
    /// them. Nothing is answered where no connection stands.
    ///
    /// # Errors
    ///
    /// [`Code::Stopping`].
    pub async fn states(
        &self,
        buckets: Vec<u8>,
        after: Option<AtomeId>,
    ) -> Result<oneshot::Receiver<Option<States>>, Problem> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::States(buckets, after, answer)).await?;
        Ok(answered)
    }

    async fn tell(&self, command: Command) -> Result<(), Problem> {
        self.commands.send(command).await.map_err(|_| stopping())
    }
}

/// The daemon is on its way out.
#[must_use]
pub fn stopping() -> Problem {
    Problem::new(Code::Stopping, "the daemon is stopping").hint("try again once it is back")
}
