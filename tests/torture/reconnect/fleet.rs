//! Many real daemons, each a machine of its own, logged in by tokens to accounts that many of them share.

use std::path::{Path, PathBuf};
use std::thread;

use atome_client::Client;
use atome_tests::{Binaries, Ctl, Hub, Machine};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::ledger::{Ledger, TALLY};
use crate::must::Must;
use crate::stage::PASSWORD;

/// Machines of one account: each write goes to so many.
const SHARE: usize = 50;
/// Threads that set machines up: beside a machine's own work there is waiting for disk and hub.
const HANDS: usize = 4;
/// What a daemon says where nobody listens yet: no fault of a hub that is not there.
const NOBODY: &str = "Connection refused";

/// A daemon, and what was written to it.
pub(crate) struct Post {
    pub(crate) name: String,
    pub(crate) ctl: Ctl,
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    machine: Machine,
}

/// All of it; the folder goes with it, unless it is kept.
pub(crate) struct Fleet {
    pub(crate) hub: Hub,
    pub(crate) accounts: Vec<String>,
    pub(crate) posts: Vec<Post>,
    folder: TempDir,
}

impl Fleet {
    /// Starts a hub and so many daemons, each in sync.
    pub(crate) fn set(daemons: usize) -> Self {
        raise_file_limit();
        let folder = tempfile::Builder::new()
            .prefix("atome-reconnect-")
            .tempdir();
        let folder = folder.must();
        let binaries = Binaries::get().must();
        let hub = Hub::start_new(&binaries, &folder.path().join("hub")).must();
        let accounts: Vec<_> = (0..daemons.div_ceil(SHARE))
            .map(|n| format!("crew{n}"))
            .collect();
        make_accounts(&binaries, &hub, &folder.path().join("maker"), &accounts);
        let make = |n: usize| {
            let place = folder.path().join(format!("m{n}"));
            Post::set(&binaries, &hub, &place, &accounts[n / SHARE], n)
        };
        let mut posts: Vec<_> = thread::scope(|scope| {
            let hands: Vec<_> = (0..HANDS)
                .map(|hand| {
                    let mine = (hand..daemons).step_by(HANDS);
                    scope.spawn(move || mine.map(make).collect::<Vec<_>>())
                })
                .collect();
            let made = hands.into_iter().map(|hand| hand.join());
            made.flat_map(|posts| posts.expect("every machine is set up"))
                .collect()
        });
        posts.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            hub,
            accounts,
            posts,
            folder,
        }
    }

    /// Where the programs' logs are.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let names = self.posts.iter().map(|post| post.name.as_str());
        let names = names.chain(["hub"]);
        names.map(|name| self.folder.path().join(name)).collect()
    }

    /// Keeps the folder.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }
}

/// One machine makes every account, with its tally, and is gone then.
fn make_accounts(binaries: &Binaries, hub: &Hub, place: &Path, accounts: &[String]) {
    let maker = Machine::start_new(binaries, place, Some(&hub.remote())).must();
    let ctl = maker.ctl();
    for account in accounts {
        let create = ["account", "create", account, "--password-stdin"];
        ctl.run_with(&create, PASSWORD).must();
        let of_account = |words: &[&str]| ctl.run(&[&["--account", account], words].concat());
        of_account(&["create", "tally", "--key", TALLY]).must();
        of_account(&["sync", "wait"]).must();
    }
}

impl Post {
    fn set(binaries: &Binaries, hub: &Hub, place: &Path, account: &str, n: usize) -> Self {
        let mut machine = Machine::prepare(binaries, place, Some(&hub.remote())).must();
        // Attempts that fail are told at this level only.
        machine.set_env("ATOMED_LOG__LEVEL", "debug");
        machine.start().must();
        let make = ["token", "create", "--account", account, "--ttl", "1d"];
        let token = hub.admin(&make).must().expect_code(0).must().stdout;
        let ctl = machine.ctl();
        let login = ["login", account, "--token-file", "-", "--wait"];
        ctl.run_with(&login, token.as_bytes()).must();
        let name = format!("m{n}");
        Self {
            client: Client::new(machine.socket()).with_account(Some(account)),
            ledger: Ledger::new(&name, account, 0),
            name,
            ctl,
            machine,
        }
    }

    pub(crate) fn account(&self) -> &str {
        &self.ledger.account
    }

    /// How much its log holds.
    pub(crate) fn log_len(&self) -> usize {
        self.log().len()
    }

    /// Warnings, errors, and connections that did not come about or did not last, after so much of its log.
    pub(crate) fn failures_since(&self, from: usize) -> Vec<String> {
        let log = self.log();
        let fresh = log.get(from..).unwrap_or_default().lines();
        let is_failure = |line: &&str| {
            let is_loud = line.contains("WARN") || line.contains("ERROR");
            let is_cut = line.contains("no connection to the hub") && !line.contains(NOBODY);
            is_loud || is_cut
        };
        let failures = fresh.filter(is_failure);
        failures
            .map(|line| format!("{}: {line}", self.name))
            .collect()
    }

    fn log(&self) -> String {
        self.machine.running().expect("it runs").log()
    }
}

/// Each daemon is a file here: its socket for `READY=1`.
fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).must();
}
