//! The runtime declaration as a file: how a command on this machine finds a daemon that is there.

use std::io;
use std::path::{Path, PathBuf};

use atome_proto::runtime::RuntimeDeclaration;

use crate::secrets::replace_file;

/// The declaration of a daemon that is ready; gone when it is dropped.
#[derive(Debug)]
pub struct Declared {
    path: PathBuf,
}

/// Writes the declaration, with this process's number, into systemd's runtime directory or else the
/// socket's folder, under the socket's name: `atomed.json` for `atomed.sock`.
///
/// # Errors
///
/// Where it cannot be written.
pub fn declare(
    declaration: &RuntimeDeclaration,
    runtime_dir: Option<&Path>,
    socket: &Path,
) -> io::Result<Declared> {
    let folder = runtime_dir
        .or_else(|| socket.parent())
        .ok_or(io::ErrorKind::NotFound)?;
    let path = folder.join(socket.file_name().ok_or(io::ErrorKind::NotFound)?);
    let path = path.with_extension("json");
    let declaration = RuntimeDeclaration {
        pid: Some(std::process::id()),
        ..declaration.clone()
    };
    let mut text = serde_json::to_vec(&declaration)?;
    text.push(b'\n');
    // Whoever may use the socket may read where it is; the folder says who that is.
    replace_file(&path, &text, 0o644)?;
    Ok(Declared { path })
}

impl Drop for Declared {
    fn drop(&mut self) {
        // Another daemon of the same folder may have replaced it, or the folder is gone: either is fine.
        let ours = std::fs::read(&self.path)
            .ok()
            .and_then(|text| serde_json::from_slice::<RuntimeDeclaration>(&text).ok())
            .is_some_and(|found| found.pid == Some(std::process::id()));
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
