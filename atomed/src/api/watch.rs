//! `GET /v1/watch`: every change as it happens, here or brought by sync. Step 18 of the way of a write.

use atome_proto::local::v1::{ChangeKind, WatchEvent};
use atome_proto::state::AtomeState;
use atome_store::replica::Scan;

use super::reply::{self, Cut, Handled, Lines};
use super::route::Asked;
use super::view::Viewer;
use crate::accounts::Account;
use crate::stop::Stop;
use crate::store_problem::problem;

/// Changes, or atomes, read at once.
const PAGE: u32 = 256;

pub(super) async fn watch(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let type_name = asked.query.text("type")?;
    let since = asked.query.number("since")?;
    asked.query.done()?;
    let since = match since {
        Some(since) => since,
        None => {
            account
                .store
                .position()
                .await
                .map_err(|e| problem(&e))?
                .change
        }
    };
    let stop = asked.shared.stop.clone();
    let watching = |lines| {
        Watching {
            account,
            type_name,
            since,
            lines,
        }
        .run(stop)
    };
    reply::lines(watching)
}

struct Watching {
    account: Account,
    type_name: Option<String>,
    since: u64,
    lines: Lines,
}

impl Watching {
    /// Tells what changed, until the asker goes away or the daemon stops.
    async fn run(mut self, stop: Stop) -> Result<(), Cut> {
        let mut positions = self.account.store.subscribe();
        loop {
            positions.borrow_and_update();
            self.catch_up().await?;
            tokio::select! {
                changed = positions.changed() => if changed.is_err() {
                    return Ok(());
                },
                () = self.lines.gone() => return Err(Cut::Gone),
                () = stop.ordered() => return Ok(()),
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), Cut> {
        loop {
            let changes = self.account.store.changes(self.since, PAGE as usize).await;
            let (changes, mut states) = changes.map_err(|e| problem(&e))?;
            if changes.reset {
                // Whoever comes back from the midst of it begins it again.
                self.tell_all(self.since).await?;
            }
            for (cursor, change, atome) in changes.events {
                let state = match states.remove(&atome) {
                    Some(state) => Some(state),
                    // Told before, beyond the page, or taken away again by a later discard.
                    None => {
                        let found = self.account.store.get(atome).await;
                        found.map_err(|e| problem(&e))?
                    }
                };
                if let Some(state) = state {
                    self.tell(cursor, change, &state).await?;
                }
            }
            // Nobody waits for what is known while it is asked whether there is more.
            self.lines.flush().await?;
            if changes.through <= self.since {
                return Ok(());
            }
            self.since = changes.through;
        }
    }

    async fn tell(
        &mut self,
        cursor: u64,
        change: ChangeKind,
        state: &AtomeState,
    ) -> Result<(), Cut> {
        let atome = Viewer::of(&self.account.store).view(state).await?;
        if !self.is_wanted(&atome.type_name) {
            return Ok(());
        }
        let event = WatchEvent {
            cursor,
            change,
            atome,
        };
        self.lines.push(&event).await
    }

    /// A snapshot has changed more than is listed: tells all that is there now.
    async fn tell_all(&mut self, cursor: u64) -> Result<(), Cut> {
        let mut scan = Scan {
            type_name: self.type_name.clone(),
            deleted: true,
            limit: PAGE,
            ..Scan::default()
        };
        loop {
            let page = self.account.store.scan(scan.clone()).await;
            let page = page.map_err(|e| problem(&e))?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            scan.after = Some(last.atome);
            for state in &page {
                let event = WatchEvent {
                    cursor,
                    change: change_of(state.is_deleted()),
                    atome: Viewer::of(&self.account.store).view(state).await?,
                };
                self.lines.push(&event).await?;
            }
        }
    }

    fn is_wanted(&self, type_name: &str) -> bool {
        self.type_name
            .as_ref()
            .is_none_or(|wanted| wanted == type_name)
    }
}

fn change_of(deleted: bool) -> ChangeKind {
    if deleted {
        ChangeKind::Deleted
    } else {
        ChangeKind::Altered
    }
}
