//! Readers: a few threads, each with a connection of its own, that answer what is asked.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::Fault;
use crate::sqlite;

/// Threads of a pool. Reading is short, and from memory mostly.
const READERS: usize = 2;
/// Questions that wait before those who ask for more have to.
const WAITING_MAX: usize = 256;

/// A question, or the reason why it cannot be asked.
type Job = Box<dyn FnOnce(Result<&Connection, Fault>) + Send>;

/// The handle of a pool of readers. The threads end when the last handle is gone.
#[derive(Clone)]
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
}

impl Pool {
    /// Starts the threads; each opens its connection when it is first asked something.
    pub(crate) fn start(name: &str, path: &Path) -> Result<Self, Fault> {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..READERS {
            let (waiting, path) = (Arc::clone(&waiting), path.to_owned());
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || read(&waiting, &path))
                .map_err(|error| Fault::Defect(format!("no thread: {error}")))?;
        }
        Ok(Self { jobs })
    }

    /// Asks something, within one read transaction.
    pub(crate) async fn run<T, E>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection.map_err(E::from).and_then(|connection| {
                let moment = connection.unchecked_transaction().map_err(Fault::from)?;
                question(&moment)
            });
            // Who asked may have gone.
            let _ = answer.send(result);
        });
        self.jobs.send(job).await.map_err(|_| Fault::Stopped)?;
        answered
            .await
            .unwrap_or_else(|_| Err(Fault::Stopped.into()))
    }
}

fn read(waiting: &Mutex<mpsc::Receiver<Job>>, path: &Path) {
    let mut connection = None;
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = next else { return };
        if connection.is_none() {
            match sqlite::open_reader(path) {
                Ok(opened) => connection = Some(opened),
                Err(fault) => {
                    job(Err(fault));
                    continue;
                }
            }
        }
        job(connection.as_ref().ok_or(Fault::Stopped));
    }
}
