//! The library that records, built once, and where a record stands.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Must as _;
use crate::record::{self, Step};

/// A record of what one program does to one folder.
pub(crate) struct Recorder {
    library: PathBuf,
    log: PathBuf,
    root: PathBuf,
}

impl Recorder {
    /// Builds the library, for a record of what happens below `root`.
    pub(crate) fn of(root: PathBuf, folder: &TempDir) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("power/shim.c");
        let library = folder.path().join("shim.so");
        let mut compiler = Command::new("cc");
        compiler.args([
            "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
        ]);
        compiler.arg(&library).arg(source).arg("-ldl");
        assert!(
            compiler.status().must().success(),
            "the library is not built"
        );
        let log = folder.path().join("record");
        Self { library, log, root }
    }

    /// The variables that have a program record.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("ATOME_POWER_LOG", text(&self.log)),
            ("ATOME_POWER_ROOT", text(&self.root)),
        ]
    }

    /// How long the record is: what was acknowledged before is in it.
    pub(crate) fn position(&self) -> u64 {
        std::fs::metadata(&self.log).must().len()
    }

    /// All of it; its program has ended.
    pub(crate) fn steps(&self) -> Vec<Step> {
        record::read(&self.log, &self.root)
    }
}

/// The steps up to a position.
pub(crate) fn until(steps: &[Step], position: u64) -> &[Step] {
    &steps[..steps.partition_point(|step| step.end <= position)]
}
