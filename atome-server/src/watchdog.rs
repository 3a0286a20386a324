//! The watchdog: tells the service manager that the hub is alive, as long as it is.
//!
//! The word is given only after the runtime has come round to this task and the database has
//! answered: a hub that hangs falls silent, and is started anew. Without a service manager that asks
//! for it (`WatchdogSec=` of the unit) nothing happens.

use std::sync::Arc;
use std::time::Duration;

use atome_service::notify::notify;
use atome_store::{Fault, HubError};

use crate::hub::Hub;

/// Words in the time after which the service manager loses patience: one may be late.
const WORDS_A_TIMEOUT: u32 = 3;

/// Gives the word from now on until the hub stops, if the service manager waits for it.
pub fn start(hub: Arc<Hub>) {
    let mut timeout_us = 0;
    if !sd_notify::watchdog_enabled(false, &mut timeout_us) {
        return;
    }
    let period = Duration::from_micros(timeout_us) / WORDS_A_TIMEOUT;
    tokio::spawn(async move {
        let words = speak(period, || answers(&hub), say_alive);
        tokio::select! {
            () = words => {}
            () = hub.stop.requested() => {}
        }
    });
}

/// Whether the database answers, be it only with what is wrong with its disk: a new start brings back a
/// store that has stopped, and mends no disk.
async fn answers(hub: &Hub) -> bool {
    match hub.store.identity().await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(%error, "the database does not answer the watchdog");
            !matches!(error, HubError::Fault(Fault::Stopped))
        }
    }
}

/// Asks in every period, and says so where an answer came.
async fn speak<F: Future<Output = bool>>(period: Duration, ask: impl Fn() -> F, say: impl Fn()) {
    loop {
        tokio::time::sleep(period).await;
        if ask().await {
            say();
        }
    }
}

fn say_alive() {
    notify("WATCHDOG=1");
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::pending;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn the_word_is_given_only_where_an_answer_came() {
        let answers = RefCell::new(vec![true, false, false, true]);
        let (said, hangs) = (Cell::new(0), Notify::new());
        let ask = || async {
            let answer = answers.borrow_mut().pop();
            match answer {
                Some(answer) => answer,
                None => {
                    hangs.notify_one();
                    pending().await
                }
            }
        };
        let speaking = speak(Duration::from_millis(1), ask, || said.set(said.get() + 1));
        tokio::select! {
            () = speaking => unreachable!("it speaks until it is dropped"),
            () = hangs.notified() => {}
        }
        assert_eq!(said.get(), 2);
    }
}
