//! The writer: one thread that owns a store, and groups the writes that wait into one transaction.
//!
//! What a write answers is sent after its group is durable, never before. A write that fails takes
//! nothing with it: it is undone alone, and those beside it in the group stay.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::error::Fault;
use crate::sqlite::transact::{self, Stored};

/// Writes that wait before those who ask for more have to.
const WAITING_MAX: usize = 256;
/// Most writes in one transaction: beyond it the cost of making it durable no longer shows.
const GROUP_MAX: usize = 128;
/// Most bytes that writes bring into one transaction.
const GROUP_LEN_MAX: usize = 8 << 20;

/// Sends the answer of one write once it is known whether its group is durable.
type Answer = Box<dyn FnOnce(Result<(), Fault>) + Send>;

struct Job<D> {
    len: usize,
    run: Box<dyn FnOnce(&mut D) -> Answer + Send>,
}

enum Message<D> {
    Write(Job<D>),
    Close(oneshot::Sender<()>),
}

/// The handle of a writer thread. The thread ends, and closes the store, when it is told to, or when the
/// last handle is gone.
pub(crate) struct Writer<D> {
    messages: mpsc::Sender<Message<D>>,
}

impl<D> Clone for Writer<D> {
    fn clone(&self) -> Self {
        Self {
            messages: self.messages.clone(),
        }
    }
}

impl<D: Stored> Writer<D> {
    /// Starts the thread.
    pub(crate) fn start(name: &str, db: D) -> Result<Self, Fault> {
        let (messages, waiting) = mpsc::channel(WAITING_MAX);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(db, waiting))
            .map_err(|error| Fault::Defect(format!("no thread: {error}")))?;
        Ok(Self { messages })
    }

    /// Closes the store after the writes that wait; later ones are answered [`Fault::Stopped`].
    pub(crate) async fn close(&self) {
        let (close, closed) = oneshot::channel();
        if self.messages.send(Message::Close(close)).await.is_ok() {
            // An error says that it is closed too.
            let _ = closed.await;
        }
    }

    /// Runs a write that brings about `len` bytes; the answer is durable.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the write may or may not be done.
    pub(crate) async fn run<T, E>(
        &self,
        len: usize,
        write: impl FnOnce(&mut D) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = Box::new(move |db: &mut D| -> Answer {
            let result = write(db);
            Box::new(move |durable| {
                let result = result.and_then(|value| durable.map(|()| value).map_err(E::from));
                // Who asked may have gone; the write stays.
                let _ = answer.send(result);
            })
        });
        let sent = self.messages.send(Message::Write(Job { len, run })).await;
        sent.map_err(|_| Fault::Stopped)?;
        answered
            .await
            .unwrap_or_else(|_| Err(Fault::Stopped.into()))
    }
}

fn serve<D: Stored>(mut db: D, mut waiting: mpsc::Receiver<Message<D>>) {
    let mut closing = None;
    while let Some(message) = waiting.blocking_recv() {
        match message {
            Message::Write(first) => {
                let (group, close) = gather(first, &mut waiting);
                run_group(&mut db, group);
                closing = close;
            }
            Message::Close(close) => closing = Some(close),
        }
        if closing.is_some() {
            break;
        }
    }
    transact::close(db.base());
    drop(db);
    // Only now are those answered who wait for the end: all of them, by the fall of their channels.
    drop(waiting);
    drop(closing);
}

/// Takes what waits besides the first, up to the bounds of a group.
fn gather<D>(
    first: Job<D>,
    waiting: &mut mpsc::Receiver<Message<D>>,
) -> (Vec<Job<D>>, Option<oneshot::Sender<()>>) {
    let mut len = first.len;
    let mut group = vec![first];
    while group.len() < GROUP_MAX && len < GROUP_LEN_MAX {
        match waiting.try_recv() {
            Ok(Message::Write(job)) => {
                len = len.saturating_add(job.len);
                group.push(job);
            }
            Ok(Message::Close(close)) => return (group, Some(close)),
            Err(_) => break,
        }
    }
    (group, None)
}

fn run_group<D: Stored>(db: &mut D, group: Vec<Job<D>>) {
    let before = db.memory();
    let mut answers = Vec::with_capacity(group.len());
    let durable = transact::begin_group(db.base(), group.len() > 1)
        .and_then(|()| run_jobs(db, group, &mut answers))
        .and_then(|()| transact::commit_group(db.base()));
    if durable.is_err() {
        transact::roll_back_group(db.base());
        db.restore(before);
    } else {
        db.publish();
    }
    for answer in answers {
        answer(durable.clone());
    }
    transact::empty_suspect_wal(db.base());
    db.tend();
}

/// Runs each job; on a panic, or where the transaction no longer stands, the group is lost.
fn run_jobs<D: Stored>(
    db: &mut D,
    group: Vec<Job<D>>,
    answers: &mut Vec<Answer>,
) -> Result<(), Fault> {
    for job in group {
        let run = job.run;
        // Whatever a panic leaves half done is undone with the transaction.
        match catch_unwind(AssertUnwindSafe(|| run(db))) {
            Ok(answer) => answers.push(answer),
            Err(_) => return Err(Fault::Defect("a write panicked".to_owned())),
        }
        if !transact::group_stands(db.base()) {
            return Err(Fault::Defect("the transaction was given up".to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::transact::{Base, atomically};
    use rusqlite::Connection;
    use std::sync::{Arc, Mutex};

    /// A store of numbers, their sum kept in memory.
    struct Sums {
        base: Base,
        sum: i64,
        published: Arc<Mutex<Vec<i64>>>,
    }

    impl Stored for Sums {
        type Memory = i64;
        fn base(&mut self) -> &mut Base {
            &mut self.base
        }
        fn memory(&self) -> i64 {
            self.sum
        }
        fn restore(&mut self, sum: i64) {
            self.sum = sum;
        }
        fn publish(&mut self) {
            self.published.lock().unwrap().push(self.sum);
        }
    }

    impl Sums {
        /// Adds a number; fails after it has done so where it is odd.
        fn add(&mut self, n: i64) -> Result<i64, Fault> {
            atomically(self, |db| {
                db.base
                    .connection
                    .execute("INSERT INTO n VALUES (?)", [n])?;
                db.sum += n;
                if n % 2 == 1 {
                    return Err(Fault::Corrupt("odd".to_owned()));
                }
                Ok(db.sum)
            })
        }

        fn fill(&mut self) -> Result<(), Fault> {
            atomically(self, |db| {
                db.sum += 1_000_000;
                let sql = "INSERT INTO n VALUES (zeroblob(1000000))";
                db.base.connection.execute(sql, [])?;
                Ok(())
            })
        }

        fn stored(&mut self) -> Result<(i64, i64), Fault> {
            let sql = "SELECT total(x) FROM n";
            let sum: f64 = self.base.connection.query_row(sql, [], |row| row.get(0))?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "small numbers of this test"
            )]
            Ok((sum as i64, self.sum))
        }
    }

    fn start() -> (Writer<Sums>, Arc<Mutex<Vec<i64>>>) {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE n (x); PRAGMA max_page_count = 100")
            .unwrap();
        let published = Arc::default();
        let sums = Sums {
            base: Base::new(connection),
            sum: 0,
            published: Arc::clone(&published),
        };
        (Writer::start("test", sums).unwrap(), published)
    }

    /// Runs writes that wait together behind one that is held until all of them do.
    async fn together<T>(writer: &Writer<Sums>, writes: impl Future<Output = T>) -> T {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let busy = writer.run::<_, Fault>(0, move |_| {
            begun.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        });
        let mut busy = std::pin::pin!(busy);
        tokio::select! {
            biased;
            begun = begins => begun.unwrap(),
            _ = &mut busy => unreachable!("it is held"),
        }
        let let_go = async {
            while writer.messages.capacity() + 3 > writer.messages.max_capacity() {
                tokio::task::yield_now().await;
            }
            hold.send(()).unwrap();
        };
        let (busy, done, ()) = tokio::join!(busy, writes, let_go);
        busy.unwrap();
        done
    }

    #[tokio::test]
    async fn a_write_that_fails_takes_nothing_with_it() {
        let (writer, published) = start();
        let add = |n| writer.run(0, move |db: &mut Sums| db.add(n));
        let writes = async { tokio::join!(add(2), add(3), add(4)) };
        let (two, three, four) = together(&writer, writes).await;
        assert_eq!((two.unwrap(), four.unwrap()), (2, 6));
        assert!(matches!(three, Err(Fault::Corrupt(_))));
        assert!(
            matches!(add(5).await, Err(Fault::Corrupt(_))),
            "alone in its group"
        );
        assert_eq!(writer.run(0, Sums::stored).await.unwrap(), (6, 6));
        assert_eq!(published.lock().unwrap()[..2], [0, 6]);
        writer.close().await;
        assert!(matches!(add(8).await, Err(Fault::Stopped)));
        writer.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_loses_only_what_did_not_fit() {
        let (writer, _) = start();
        let add = |n| writer.run(0, move |db: &mut Sums| db.add(n));
        add(2).await.unwrap();
        let fill = || writer.run(0, Sums::fill);
        let full = fill().await;
        assert!(matches!(full, Err(Fault::LowSpace(_))), "{full:?}");
        let (add_4, full, add_6) =
            together(&writer, async { tokio::join!(add(4), fill(), add(6)) }).await;
        assert!(matches!(full, Err(Fault::LowSpace(_))), "{full:?}");
        let (kept, held) = writer.run(0, Sums::stored).await.unwrap();
        assert_eq!(kept, held);
        let acknowledged = 2 + [(4, add_4), (6, add_6)]
            .iter()
            .filter_map(|(n, result)| result.is_ok().then_some(n))
            .sum::<i64>();
        assert_eq!(kept, acknowledged);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_undoes_its_group() {
        let (writer, _) = start();
        let panicked = writer.run::<(), Fault>(0, |db| {
            db.sum = 99;
            panic!("a panic that this test makes")
        });
        assert!(panicked.await.is_err());
        let kept = writer.run(0, |db: &mut Sums| db.add(8));
        assert_eq!(kept.await.unwrap(), 8);
    }
}
