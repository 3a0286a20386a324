//! Transactions: of one operation, or of a group of them in which each can fail alone.

use rusqlite::Connection;

use crate::error::Fault;

/// What stands open on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Nothing: an operation is a transaction of its own.
    Nothing,
    /// A group of one operation: if it fails, so does the group.
    Alone,
    /// A group of several: each stands in a savepoint.
    Shared,
}

/// A connection, and what stands open on it.
pub(crate) struct Base {
    pub(crate) connection: Connection,
    open: Open,
    /// Whether the WAL may hold what a sync that failed was for.
    is_suspect: bool,
}

impl Base {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            open: Open::Nothing,
            is_suspect: false,
        }
    }

    fn execute(&self, sql: &str) -> Result<(), Fault> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// A store on one connection that keeps some of what it holds in memory too.
pub(crate) trait Stored: Send + 'static {
    /// What it keeps in memory, to be put back when a transaction is undone.
    type Memory;

    /// Its connection.
    fn base(&mut self) -> &mut Base;
    /// What it keeps in memory now.
    fn memory(&self) -> Self::Memory;
    /// Puts back what it kept.
    fn restore(&mut self, memory: Self::Memory);
    /// Tells of what has become durable.
    fn publish(&mut self) {}
    /// Does what is due outside of a transaction, after a group is durable and answered.
    fn tend(&mut self) {}
}

/// Runs one operation: all of it is done, or nothing.
///
/// Outside of a group it is durable when this returns.
pub(crate) fn atomically<D: Stored, T, E: From<Fault>>(
    db: &mut D,
    operation: impl FnOnce(&mut D) -> Result<T, E>,
) -> Result<T, E> {
    let before = db.memory();
    enter(db.base())?;
    let done = operation(db).and_then(|value| {
        leave(db.base())?;
        Ok(value)
    });
    if done.is_err() {
        undo(db.base());
        db.restore(before);
        empty_suspect_wal(db.base());
    }
    done
}

/// Runs an operation for its answer alone: nothing of what it writes is kept.
pub(crate) fn on_trial<D: Stored, T, E: From<Fault>>(
    db: &mut D,
    operation: impl FnOnce(&mut D) -> Result<T, E>,
) -> Result<T, E> {
    atomically(db, |db| {
        let before = db.memory();
        db.base().execute("SAVEPOINT trial")?;
        let answer = operation(db)?;
        db.base().execute("ROLLBACK TO trial")?;
        db.base().execute("RELEASE trial")?;
        db.restore(before);
        Ok(answer)
    })
}

fn enter(base: &Base) -> Result<(), Fault> {
    match base.open {
        Open::Nothing => base.execute("BEGIN IMMEDIATE"),
        Open::Shared => base.execute("SAVEPOINT operation"),
        Open::Alone => Ok(()),
    }
}

fn leave(base: &mut Base) -> Result<(), Fault> {
    match base.open {
        Open::Nothing => commit(base),
        Open::Shared => base.execute("RELEASE operation"),
        Open::Alone => Ok(()),
    }
}

/// Undoes an operation. Where that fails the database has undone the transaction by itself, or will when
/// the group is rolled back.
fn undo(base: &Base) {
    let undone = match base.open {
        _ if base.connection.is_autocommit() => Ok(()),
        Open::Nothing | Open::Alone => base.execute("ROLLBACK"),
        Open::Shared => base
            .execute("ROLLBACK TO operation")
            .and_then(|()| base.execute("RELEASE operation")),
    };
    if let Err(fault) = undone {
        tracing::debug!(%fault, "an operation was not undone by itself");
    }
}

/// Begins a group; `shared` where it will have several operations.
pub(crate) fn begin_group(base: &mut Base, shared: bool) -> Result<(), Fault> {
    base.execute("BEGIN IMMEDIATE")?;
    base.open = if shared { Open::Shared } else { Open::Alone };
    Ok(())
}

/// Whether the group's transaction still stands. It does not after its only operation failed, nor after
/// a failure on which the database gives a transaction up.
pub(crate) fn group_stands(base: &Base) -> bool {
    !base.connection.is_autocommit()
}

/// Makes a group durable.
pub(crate) fn commit_group(base: &mut Base) -> Result<(), Fault> {
    commit(base)?;
    base.open = Open::Nothing;
    Ok(())
}

fn commit(base: &mut Base) -> Result<(), Fault> {
    let done = base.execute("COMMIT");
    base.is_suspect = done.is_err();
    done
}

/// Takes what a commit that failed has left out of the WAL.
///
/// It can fail after all of it was written: a sync failed, or the WAL's index has no room. It then lies behind
/// the WAL's end, whole, and the system may show it though the disk does not have it. This connection counts on
/// none of it; but whoever opens the file next would take it for a commit, though it was answered that it is
/// not, and build on it. What was acknowledged goes from the WAL into the file before the WAL is cut; where that
/// cannot be, another commit that changes nothing is written over it. Where the disk refuses that too, the next
/// commit that succeeds takes its place.
pub(crate) fn empty_suspect_wal(base: &mut Base) {
    if !base.is_suspect || base.open != Open::Nothing {
        return;
    }
    base.is_suspect = false;
    if !empty_wal(base)
        && let Err(fault) = write_over(base)
    {
        tracing::debug!(%fault, "what a failed commit left is not written over");
    }
}

fn write_over(base: &Base) -> Result<(), Fault> {
    let version = "user_version";
    let kept: i64 = base
        .connection
        .pragma_query_value(None, version, |row| row.get(0))?;
    Ok(base.connection.pragma_update(None, version, kept)?)
}

/// Puts all of the WAL into the file and cuts it; whether that could be.
fn empty_wal(base: &Base) -> bool {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let done = base
        .connection
        .query_row(checkpoint, [], |row| row.get::<_, bool>(0));
    match done {
        Ok(busy) => !busy,
        Err(error) => {
            tracing::debug!(%error, "the WAL is not emptied");
            false
        }
    }
}

/// Undoes whatever stands of a group.
pub(crate) fn roll_back_group(base: &mut Base) {
    base.open = Open::Nothing;
    undo(base);
}

/// Leaves the file whole, nothing of it in the WAL; the next opening has nothing to recover.
pub(crate) fn close(base: &Base) {
    empty_wal(base);
}
