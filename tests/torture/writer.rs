//! Writers: through the local API at full speed, each write noted before it is sent and when it is answered.

use std::time::Duration;

use atome_client::{Client, ClientError, Why};
use futures_util::future::join_all;

use crate::counts::{Counts, up};
use crate::ledger::{Known, Ledger};
use crate::must::Must;
use crate::stage::{Seat, Stage};

/// How long a writer waits where there is nobody to write to.
const ABSENT: Duration = Duration::from_millis(10);
/// How long it waits where it was refused, as a person would.
const REFUSED: Duration = Duration::from_millis(50);

/// All writers of one machine, until the phase is over.
pub(crate) fn write(stage: &Stage, seat: &Seat, counts: &Counts) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let writers = seat
        .ledgers
        .iter()
        .map(|ledger| write_one(stage, seat, ledger, counts));
    runtime.must().block_on(join_all(writers));
}

async fn write_one(stage: &Stage, seat: &Seat, ledger: &Ledger, counts: &Counts) {
    let client = Client::new(&seat.socket).with_account(Some(&ledger.account));
    let mut n = ledger.send();
    while !stage.is_over() {
        match client.write(&ledger.write(n)).await {
            Ok(_) => {
                ledger.note(n, Known::Acknowledged);
                up(&counts.acknowledged);
            }
            Err(ClientError::NoDaemon {
                why: Why::Missing | Why::Refused,
                ..
            }) => {
                // Nothing was sent.
                tokio::time::sleep(ABSENT).await;
                continue;
            }
            Err(ClientError::Problem(problem)) => {
                ledger.note(n, Known::Refused);
                counts.refuse(problem.code.as_str());
                tokio::time::sleep(REFUSED).await;
            }
            Err(error) => {
                if !matches!(
                    error,
                    ClientError::NoDaemon {
                        why: Why::WentAway,
                        ..
                    }
                ) {
                    println!("  {}: {error}", ledger.name);
                }
                up(&counts.unanswered);
            }
        }
        n = ledger.send();
    }
    // The last one was never sent.
    ledger.note(n, Known::Refused);
}
