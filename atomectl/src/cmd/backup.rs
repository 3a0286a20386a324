//! `backup` and `restore-backup`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use atome_proto::{Code, Problem};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::cli::BackupFile;
use crate::context::Context;
use crate::fault::Fault;

/// Bytes that are read and sent at once.
const PART_LEN: u64 = 256 << 10;
/// Parts that may wait for a slow daemon.
const PARTS_MAX: usize = 4;

/// Writes the daemon's copy to a new file: durable, under its name, or not there at all.
pub(super) async fn back_up(context: &mut Context, backup: BackupFile) -> Result<(), Fault> {
    let path = backup.file;
    if path.symlink_metadata().is_ok() {
        return Err(there(&path));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let spinner = context.progress.spinner("copying");
    let mut coming = context.client.backup().await?;
    spinner.finish_and_clear();
    let bar = context.progress.bytes("writing", coming.len());
    let failed = |error: &io::Error| cannot("written", &path, error);
    let made = tempfile::Builder::new()
        .prefix(".atome-backup-")
        .tempfile_in(&folder);
    // Mode 0600, as every file that this crate makes; gone with any error.
    let mut new = made.map_err(|error| failed(&error))?;
    while let Some(part) = coming.next().await? {
        new.write_all(&part).map_err(|error| failed(&error))?;
        bar.inc(u64::try_from(part.len()).unwrap_or_default());
    }
    new.as_file().sync_all().map_err(|error| failed(&error))?;
    new.persist_noclobber(&path).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists {
            return there(&path);
        }
        failed(&error.error)
    })?;
    let synced = File::open(&folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(&error))?;
    bar.finish_and_clear();
    context.say.note(&format!("{} is written", path.display()));
    Ok(())
}

/// Hands a file to the daemon, part by part.
pub(super) async fn restore(context: &mut Context, backup: BackupFile) -> Result<(), Fault> {
    let path = backup.file;
    let failed = |error: &io::Error| cannot("read", &path, error);
    let opened = File::open(&path).map_err(|error| failed(&error))?;
    let len = opened.metadata().map_err(|error| failed(&error))?.len();
    let bar = context.progress.bytes("sending", len);
    let (send, parts) = mpsc::channel(PARTS_MAX);
    let shown = bar.clone();
    let reading = tokio::task::spawn_blocking(move || -> io::Result<()> {
        loop {
            let mut part = Vec::new();
            (&opened).take(PART_LEN).read_to_end(&mut part)?;
            shown.inc(u64::try_from(part.len()).unwrap_or_default());
            // A daemon that has refused reads no further.
            if part.is_empty() || send.blocking_send(Bytes::from(part)).is_err() {
                return Ok(());
            }
        }
    });
    let restored = context.client.restore_backup(len, parts).await;
    if let Ok(Err(error)) = reading.await {
        return Err(failed(&error));
    }
    let account = restored?;
    bar.finish_and_clear();
    context.say.note(&format!(
        "the account '{0}' is on this machine again; where a hub knows it, log in with 'atomectl login {0}'",
        account.name
    ));
    Ok(())
}

fn there(path: &Path) -> Fault {
    let message = format!("{} is there already", path.display());
    Problem::new(Code::Conflict, message)
        .hint("name a file that is not there yet; a backup overwrites nothing")
        .into()
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Fault {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    let code = if is(&[io::ErrorKind::NotFound]) {
        Code::NotFound
    } else if is(&[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded]) {
        Code::LowSpace
    } else {
        Code::BadRequest
    };
    Problem::new(
        code,
        format!("{} cannot be {what}: {error}", path.display()),
    )
    .into()
}
