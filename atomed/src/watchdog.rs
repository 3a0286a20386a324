//! The watchdog: tells the service manager that the daemon is alive, as long as it is.
//!
//! The word is given only after the runtime has come round to this task and the machine store has
//! answered: a daemon that hangs falls silent, and is started anew. Without a service manager that asks
//! for it (`WatchdogSec=` of the unit) nothing happens.

use std::time::Duration;

use atome_service::notify::notify;

use crate::accounts::Accounts;
use crate::stop::Stop;

/// Words in the time after which the service manager loses patience: one may be late.
const WORDS_A_TIMEOUT: u32 = 3;

/// Gives the word from now on until the order to stop, if the service manager waits for it.
pub fn start(accounts: Accounts, stop: Stop) {
    let mut timeout_us = 0;
    if !sd_notify::watchdog_enabled(false, &mut timeout_us) {
        return;
    }
    let period = Duration::from_micros(timeout_us) / WORDS_A_TIMEOUT;
    tokio::spawn(async move {
        let words = speak(period, || accounts.answer(), say_alive);
        tokio::select! {
            () = words => {}
            () = stop.ordered() => {}
        }
    });
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
