//! The daemon's socket as a file: who may open it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use atome_proto::local::v1::{Finding, FindingCode};
use rustix::fs::{Access, access};

/// How the owner and the group of a socket are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By name, for whoever sits before this machine.
    Names,
    /// By number: a name is its owner's affair.
    Numbers,
}

/// Who may open the socket, and whether this user may; nothing where there is no socket.
pub(super) fn look(path: &Path, naming: Naming) -> Option<Finding> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!(
                "This user may not look into the folder of {}.",
                path.display()
            );
            return Some(Finding::new(FindingCode::SocketDenied).message(message));
        }
        // Whoever dials it says so.
        Err(_) => return None,
    };
    let may = access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
    let is_socket = found.file_type().is_socket();
    is_socket.then(|| judge(path, &found, may, naming))
}

fn judge(path: &Path, found: &Metadata, may: bool, naming: Naming) -> Finding {
    let mode = found.mode() & 0o777;
    // To connect takes the right to write. Source: unix(7).
    let is_wide = mode & 0o002 != 0;
    let (code, what) = match (may, is_wide) {
        (false, _) => (FindingCode::SocketDenied, "this user may not open it"),
        (true, true) => (
            FindingCode::SocketOpen,
            "every user of this machine may open it",
        ),
        (true, false) => (FindingCode::SocketOk, "this user may open it"),
    };
    let (owner, group) = match naming {
        Naming::Names => (
            name("/etc/passwd", found.uid()),
            name("/etc/group", found.gid()),
        ),
        Naming::Numbers => (found.uid().to_string(), found.gid().to_string()),
    };
    Finding::new(code).message(format!(
        "{} has mode {mode:04o}, owner {owner} and group {group}: {what}.",
        path.display(),
    ))
}

/// The name of a number in one of the system's lists, else the number. Source: passwd(5), group(5).
fn name(list: &str, number: u32) -> String {
    let number = number.to_string();
    let text = fs::read_to_string(list).unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split(':'));
    let named = lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_mode_of_the_socket_is_judged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        assert_eq!(look(&path, Naming::Names), None);
        fs::write(&path, "").unwrap();
        assert_eq!(look(&path, Naming::Names), None);
        fs::remove_file(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        for (mode, code) in [
            (0o660, FindingCode::SocketOk),
            (0o666, FindingCode::SocketOpen),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = look(&path, Naming::Names).unwrap();
            assert_eq!(found.code, code, "{}", found.message);
            let told = format!("mode {mode:04o}, owner ");
            assert!(found.message.contains(&told), "{}", found.message);
        }
        let found = fs::metadata(&path).unwrap();
        let denied = judge(&path, &found, false, Naming::Numbers);
        assert_eq!(denied.code, FindingCode::SocketDenied);
        let numbers = format!("owner {} and group {}", found.uid(), found.gid());
        assert!(denied.message.contains(&numbers), "{}", denied.message);
        assert_eq!(name("/etc/passwd", 0), "root");
        assert_eq!(name("/no/such/list", 7), "7");
    }
}
