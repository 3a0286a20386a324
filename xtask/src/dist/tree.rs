//! The tree of files that a package brings, as it will stand below `/`.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

/// A tree below a folder of its own.
pub(super) struct Tree {
    /// The folder that stands for `/`.
    pub(super) root: PathBuf,
}

impl Tree {
    /// Writes a file that all may read.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_with(path, bytes, 0o644)
    }

    /// Writes a file that all may run.
    pub(super) fn write_program(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_with(path, bytes, 0o755)
    }

    /// Writes a file that all may read, compressed, with `.gz` behind its name; equal bytes stay equal.
    pub(super) fn write_gz(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
        packed.write_all(bytes)?;
        self.write(&format!("{path}.gz"), &packed.finish()?)
    }

    fn write_with(&self, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            self.make(folder)?;
        }
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    }

    /// Makes a folder that all may pass, whatever the umask says.
    fn make(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make(above)?;
        }
        fs::create_dir(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
    }

    /// Every file with its size, in the order of the names; paths begin below the root.
    pub(super) fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        collect(&self.root, "", &mut found)?;
        found.sort();
        Ok(found)
    }
}

fn collect(folder: &Path, below: &str, found: &mut Vec<(String, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push((path, entry.metadata()?.len()));
        }
    }
    Ok(())
}
