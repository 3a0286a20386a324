//! The machine itself: room on the disk, who may read the files, the store of secrets, the clock.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::local::v1::{Finding, FindingCode};
use rustix::fs::statvfs;
use tokio::time::timeout;

use crate::clock::wall_ms;
use crate::secrets::Secrets;

/// Less room than this is told in good time.
const ROOM_LOW: u64 = 1 << 30;
/// With less room than this a day's writes may not fit any more.
const ROOM_LEAST: u64 = 64 << 20;
/// Files that are named; more are counted.
const NAMED_MAX: usize = 5;
/// How long a store of secrets may take: a keyring may ask a person for its password.
const SECRETS_LIMIT: Duration = Duration::from_secs(5);
/// Before this no copy of this program ran, in milliseconds since 1970: 2026-11-01.
const MADE_MS: u64 = 1_793_491_200_000;

/// The room on the disk of the state directory.
pub(super) fn disk(state_dir: &Path) -> Finding {
    match statvfs(state_dir) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::new(FindingCode::NoSpace).message(format!(
            "The disk of the state directory cannot be asked for its room: {error}."
        )),
    }
}

fn room(bytes: u64) -> Finding {
    let code = match bytes {
        ..ROOM_LEAST => FindingCode::NoSpace,
        ROOM_LEAST..ROOM_LOW => FindingCode::LowSpace,
        ROOM_LOW.. => FindingCode::DiskOk,
    };
    let mib = bytes >> 20;
    let free = if mib < 10 << 10 {
        format!("{mib} MiB")
    } else {
        format!("{} GiB", mib >> 10)
    };
    Finding::new(code).message(format!(
        "The disk of the state directory has {free} of room."
    ))
}

/// Whether everything in the state directory is the daemon's own, and closed to others.
pub(super) async fn files(state_dir: &Path) -> Finding {
    let folder = state_dir.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let mut open = Vec::new();
        look(&folder, rustix::process::geteuid().as_raw(), &mut open).map(|()| open)
    });
    match looked
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
    {
        Ok(open) if open.is_empty() => Finding::new(FindingCode::FilesOk),
        Ok(open) => {
            let named: Vec<&str> = open.iter().map(String::as_str).take(NAMED_MAX).collect();
            let more = open.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 {
                format!("; and {more} more")
            } else {
                String::new()
            };
            let message = format!(
                "Files are open to other users, or are another user's: {}{more}.",
                named.join("; ")
            );
            Finding::new(FindingCode::FilesOpen).message(message)
        }
        Err(error) => Finding::new(FindingCode::FilesOpen).message(format!(
            "The state directory cannot be looked through: {error}."
        )),
    }
}

/// Gathers what is open to others at `path` and below.
fn look(path: &Path, own: u32, open: &mut Vec<String>) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        // Stores come and go, and their WAL with them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mode = found.mode() & 0o7777;
    if found.uid() != own {
        open.push(format!("{} is of user {}", path.display(), found.uid()));
    } else if mode & 0o077 != 0 && !found.file_type().is_symlink() {
        open.push(format!("{} has mode {mode:04o}", path.display()));
    }
    if found.is_dir() {
        let mut below: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(path)? {
            below.push(entry?.path());
        }
        below.sort();
        for path in below {
            look(&path, own, open)?;
        }
    }
    Ok(())
}

/// Whether the store of secrets answers.
pub(super) async fn secrets(secrets: Secrets) -> Finding {
    let asked = tokio::task::spawn_blocking(move || secrets.answer());
    let why = match timeout(SECRETS_LIMIT, asked).await {
        Ok(Ok(Ok(()))) => return Finding::new(FindingCode::SecretsOk),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", SECRETS_LIMIT.as_secs()),
    };
    Finding::new(FindingCode::SecretsUnreachable)
        .message(format!("The store of secrets does not answer: {why}."))
}

/// The clock: against the hub's, where that is known, else against the making of this program.
pub(super) fn clock(ahead_ms: Option<i64>) -> Finding {
    judge(wall_ms(), ahead_ms)
}

fn judge(wall_ms: u64, ahead_ms: Option<i64>) -> Finding {
    let limit = i64::try_from(CLOCK_AHEAD_MAX_MS).unwrap_or(i64::MAX);
    let seconds = ahead_ms.unwrap_or_default().unsigned_abs() / 1000;
    let (code, message) = match ahead_ms {
        Some(ahead) if ahead > limit => (
            FindingCode::ClockAhead,
            format!(
                "This machine's clock is {seconds} s ahead of the hub's; the hub's time is used instead."
            ),
        ),
        Some(ahead) if ahead < -limit => (
            FindingCode::ClockBehind,
            format!("This machine's clock is {seconds} s behind the hub's."),
        ),
        Some(_) => (
            FindingCode::ClockOk,
            format!(
                "The clock of this machine is within {} s of the hub's.",
                seconds + 1
            ),
        ),
        None if wall_ms < MADE_MS => {
            return Finding::new(FindingCode::ClockWrong);
        }
        None => (
            FindingCode::ClockOk,
            "The clock of this machine can be right; there is no hub to compare it with."
                .to_owned(),
        ),
    };
    Finding::new(code).message(message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn room_is_judged_by_its_floors() {
        assert_eq!(room(ROOM_LEAST - 1).code, FindingCode::NoSpace);
        assert_eq!(room(ROOM_LEAST).code, FindingCode::LowSpace);
        assert_eq!(room(ROOM_LOW - 1).code, FindingCode::LowSpace);
        assert_eq!(room(ROOM_LOW).code, FindingCode::DiskOk);
        assert!(room(20 << 30).message.contains("20 GiB"));
        let meaning = FindingCode::LowSpace.meaning();
        assert!(meaning.contains("1 GiB") && FindingCode::NoSpace.meaning().contains("64 MiB"));
    }

    #[test]
    fn the_clock_is_judged_by_the_hub_where_there_is_one() {
        let code = |wall_ms, ahead_ms| judge(wall_ms, ahead_ms).code;
        assert_eq!(code(0, None), FindingCode::ClockWrong);
        assert_eq!(code(MADE_MS, None), FindingCode::ClockOk);
        assert_eq!(code(MADE_MS, Some(60_000)), FindingCode::ClockOk);
        assert_eq!(code(MADE_MS, Some(60_001)), FindingCode::ClockAhead);
        assert_eq!(code(MADE_MS, Some(-60_000)), FindingCode::ClockOk);
        assert_eq!(code(MADE_MS, Some(-60_001)), FindingCode::ClockBehind);
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let file = folder.path().join("machine.db");
        fs::write(&file, "x").unwrap();
        set(folder.path(), 0o700);
        set(&file, 0o600);
        assert_eq!(files(folder.path()).await.code, FindingCode::FilesOk);
        set(&file, 0o640);
        let found = files(folder.path()).await;
        assert_eq!(found.code, FindingCode::FilesOpen);
        assert!(
            found.message.contains("machine.db has mode 0640"),
            "{}",
            found.message
        );
    }
}
