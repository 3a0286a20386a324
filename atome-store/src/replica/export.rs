//! Export: all states as they are at one moment, however slowly they are read.
//!
//! They are copied to a file without a name first, in one short read transaction; whoever reads them then
//! holds nothing of the store.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use atome_proto::state::AtomeState;
use rusqlite::Connection;
use rustix::fs::{CWD, Mode, OFlags};

use crate::error::{Fault, StoreError};
use crate::pool::Pool;

/// Bytes of states in a page, but at least one state.
const PAGE_LEN: u64 = 256 << 10;
/// Bytes before each state: its length, big-endian.
const LEN_LEN: u64 = 4;

/// All states of a replica at one moment, by id.
pub struct Export {
    readers: Pool,
    spool: Arc<File>,
    at: u64,
    len: u64,
}

impl Export {
    /// Copies the states; `folder` is where the copy takes its room.
    pub(super) async fn begin(readers: Pool, folder: Arc<Path>) -> Result<Self, StoreError> {
        let spooled = readers
            .run(move |connection| spool(connection, &folder))
            .await?;
        let (spool, len) = spooled;
        Ok(Self {
            readers,
            spool: Arc::new(spool),
            at: 0,
            len,
        })
    }

    /// The next states; empty after the last.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the same page comes again.
    pub async fn next_page(&mut self) -> Result<Vec<AtomeState>, StoreError> {
        let (spool, at, len) = (Arc::clone(&self.spool), self.at, self.len);
        let read = self.readers.run(move |_| read_page(&spool, at, len));
        let (page, at) = read.await?;
        self.at = at;
        Ok(page)
    }
}

fn failed(error: &io::Error) -> StoreError {
    Fault::from_io(error).into()
}

fn spool(connection: &Connection, folder: &Path) -> Result<(File, u64), StoreError> {
    let file = unnamed(folder).map_err(|error| failed(&error))?;
    let mut to = BufWriter::new(&file);
    let mut len = 0;
    let mut statement = connection.prepare_cached(
        "SELECT s.body FROM atomes a JOIN states s ON s.id = a.state \
         WHERE a.gen = (SELECT gen FROM replica) ORDER BY a.atome",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let body_len = u32::try_from(body.len())
            .map_err(|_| Fault::Corrupt("a state of more than 4 GiB".to_owned()))?;
        let written = to
            .write_all(&body_len.to_be_bytes())
            .and_then(|()| to.write_all(body.as_bytes()));
        written.map_err(|error| failed(&error))?;
        len += LEN_LEN + u64::from(body_len);
    }
    to.flush().map_err(|error| failed(&error))?;
    drop(to);
    Ok((file, len))
}

/// A file that is gone when it is closed.
fn unnamed(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(file))
}

fn read_page(spool: &File, mut at: u64, len: u64) -> Result<(Vec<AtomeState>, u64), StoreError> {
    let end = at + PAGE_LEN;
    let mut page = vec![];
    while at < len && at < end {
        let mut body_len = [0; 4];
        spool
            .read_exact_at(&mut body_len, at)
            .map_err(|error| failed(&error))?;
        let body_len = u32::from_be_bytes(body_len);
        let mut body = vec![0; usize::try_from(body_len).unwrap_or_default()];
        spool
            .read_exact_at(&mut body, at + LEN_LEN)
            .map_err(|error| failed(&error))?;
        page.push(serde_json::from_slice(&body)?);
        at += LEN_LEN + u64::from(body_len);
    }
    Ok((page, at))
}
