//! Where it all happens: the programs, a temp folder on the disk that is measured, hubs and machines in it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_client::Client;
use atome_proto::local::v1::WaitReply;
use atome_tests::{Binaries, Hub, Machine, Remote};
use tempfile::TempDir;

use crate::failure::{Failure, Tried};
use crate::limits;
use crate::record;
use crate::samples::Samples;

const PASSWORD: &[u8] = b"correct horse battery staple\n";

/// The programs, the disk, how much.
pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) binaries: Binaries,
    /// Records of a workload that says no number of its own.
    pub(crate) records: u64,
    /// Numbers of records to compare.
    pub(crate) sizes: Vec<u64>,
    /// Idle connections of W5.
    pub(crate) connections: u32,
}

impl Stage {
    /// Finds the programs and makes the folder.
    pub(crate) fn set(records: u64, sizes: Vec<u64>, connections: u32) -> Tried<Self> {
        Ok(Self {
            folder: tempfile::Builder::new().prefix("atome-bench-").tempdir()?,
            binaries: Binaries::get()?,
            records,
            sizes,
            connections,
        })
    }

    /// The folder, for limits that write to the same disk.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Surroundings of their own for one workload.
    pub(crate) fn world(&self) -> Tried<World<'_>> {
        Ok(World {
            stage: self,
            folder: tempfile::tempdir_in(self.folder.path())?,
            made: Cell::new(0),
        })
    }

    /// What bare SQLite does on this disk.
    pub(crate) fn sqlite(&self, what: &str, count: u64) -> Tried<f64> {
        limits::sqlite(&self.binaries, self.folder.path(), what, count)
    }

    /// Measures limit, ours, limit, ours, …, limit: what the machine does besides then bears on both.
    pub(crate) async fn in_turn(
        &self,
        rounds: usize,
        (what, count): (&str, u64),
        mut ours: impl AsyncFnMut() -> Tried<f64>,
    ) -> Tried<(Samples, Samples)> {
        let mut limit = Samples(vec![self.sqlite(what, count)?]);
        let mut figures = Samples::default();
        for _ in 0..rounds {
            figures.0.push(ours().await?);
            limit.0.push(self.sqlite(what, count)?);
        }
        Ok((figures, limit))
    }
}

/// The surroundings of one workload; what runs in it must end before it does.
pub(crate) struct World<'a> {
    pub(crate) stage: &'a Stage,
    folder: TempDir,
    made: Cell<u32>,
}

impl World<'_> {
    /// A path that nothing has been put at.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.folder
            .path()
            .join(format!("{}-{name}", self.made.get()))
    }

    /// A hub that runs, with TLS.
    pub(crate) fn hub(&self) -> Tried<Hub> {
        Ok(Hub::start_new(&self.stage.binaries, &self.path("hub"))?)
    }

    /// A machine that runs, and dials what it is told to, if anything.
    pub(crate) fn machine(&self, remote: Option<&Remote>) -> Tried<Machine> {
        let folder = self.path("machine");
        Ok(Machine::start_new(&self.stage.binaries, &folder, remote)?)
    }

    /// The same, with an account made on it, and known at the hub if it dials one.
    pub(crate) async fn machine_with(
        &self,
        remote: Option<&Remote>,
        account: &str,
    ) -> Tried<Machine> {
        let machine = self.machine(remote)?;
        create_account(&machine, account)?;
        if remote.is_some() {
            wait(&machine).await?;
        }
        Ok(machine)
    }

    /// A fresh machine that has logged in to an account with the hub's token; gives how long it took until it
    /// had everything, in seconds.
    pub(crate) fn logged_in(
        &self,
        hub: &Hub,
        remote: &Remote,
        account: &str,
    ) -> Tried<(Machine, f64)> {
        let machine = self.machine(Some(remote))?;
        let file = self.path("token");
        std::fs::write(&file, token(hub, account)?)?;
        let file = file.to_string_lossy().into_owned();
        let login = ["login", account, "--token-file", &file, "--wait"];
        let reply = machine.ctl().run(&login)?;
        Ok((machine, reply.took.as_secs_f64()))
    }

    /// Records `0..count` as a seed file.
    pub(crate) fn seed_file(&self, count: u64) -> Tried<String> {
        let path = self.path("records.jsonl");
        let lines = (0..count).map(|n| record::line(n, false) + "\n");
        std::fs::write(&path, lines.collect::<String>())?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// Makes an account on a machine.
pub(crate) fn create_account(machine: &Machine, account: &str) -> Tried {
    let create = ["account", "create", account, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD)?;
    Ok(())
}

/// A token of an account, by the hub's operator.
pub(crate) fn token(hub: &Hub, account: &str) -> Tried<String> {
    let make = ["token", "create", "--account", account, "--ttl", "1d"];
    Ok(hub.admin(&make)?.expect_code(0)?.stdout)
}

/// Waits until machine and hub have all of each other's.
pub(crate) async fn wait(machine: &Machine) -> Tried<WaitReply> {
    Ok(Client::new(machine.socket())
        .sync_wait(None, Duration::ZERO)
        .await?)
}

/// The process of a hub or a machine.
pub(crate) fn pid(running: Option<&atome_tests::process::Running>) -> Tried<u32> {
    let running = running.ok_or_else(|| Failure("it does not run".to_owned()));
    running.map(atome_tests::process::Running::pid)
}
