//! The hub, the machines, their disks and lines, and who writes on them.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use atome_tests::{Binaries, Ctl, Hub, Machine, Proxy, SmallDisk, faketime};
use tempfile::TempDir;

use crate::dice::Dice;
use crate::ledger::{Ledger, TALLY};
use crate::must::Must;
use crate::settings::{Fault, Settings};

pub(crate) const PASSWORD: &[u8] = b"correct horse battery staple\n";
/// The accounts.
pub(crate) const ACCOUNTS: &[&str] = &["ada", "bob"];
/// The machines, and the accounts that are used on each.
const MACHINES: &[(&str, &[&str])] = &[
    ("a", &["ada"]),
    ("b", &["ada", "bob"]),
    ("c", &["ada", "bob"]),
    ("d", &["bob"]),
];
/// The machine whose clock is set elsewhere.
const CLOCK: &str = "d";
/// Writers of one account on one machine: their writes wait together, and share transactions.
const WRITERS: usize = 2;
/// How often a wait looks whether the phase is over.
const SLICE: Duration = Duration::from_millis(20);

/// A machine with its disk and its line.
pub(crate) struct Seat {
    pub(crate) name: &'static str,
    pub(crate) accounts: &'static [&'static str],
    pub(crate) machine: Mutex<Machine>,
    pub(crate) ctl: Ctl,
    pub(crate) socket: PathBuf,
    pub(crate) line: Proxy,
    pub(crate) ledgers: Vec<Ledger>,
    /// The library that sets its clock, where it has one.
    pub(crate) clock: Option<PathBuf>,
    pub(crate) disk: Option<SmallDisk>,
}

/// All of it; the folder goes with it, unless it is kept.
pub(crate) struct Stage {
    pub(crate) binaries: Binaries,
    pub(crate) hub: Mutex<Hub>,
    pub(crate) hub_disk: Option<SmallDisk>,
    pub(crate) seats: Vec<Seat>,
    is_over: AtomicBool,
    folder: TempDir,
}

impl Stage {
    /// Starts everything, with the accounts on every machine that uses them.
    pub(crate) fn set(settings: &Settings) -> Self {
        let folder = tempfile::Builder::new().prefix("atome-torture-").tempdir();
        let folder = folder.must();
        let binaries = Binaries::get().must();
        let has_disks = rustix::process::geteuid().is_root();
        if !has_disks {
            assert!(
                std::env::var_os("CI").is_none(),
                "disks can be full only for root"
            );
            println!("  skipped: full and read-only disks (mounting one needs root)");
        }
        let disk = |path: PathBuf| has_disks.then(|| SmallDisk::mount(&path).must());
        let hub_disk = disk(folder.path().join("hub/state"));
        let hub = Hub::start_new(&binaries, &folder.path().join("hub")).must();
        let clock = faketime::library();
        if clock.is_none() {
            assert!(
                std::env::var_os("CI").is_none(),
                "libfaketime is not installed"
            );
            println!("  skipped: clocks (libfaketime is not installed)");
        }
        let mut seats = Vec::new();
        for (name, accounts) in MACHINES {
            let place = folder.path().join(name);
            let disk = disk(place.join("state"));
            let line = Proxy::before(&hub).must();
            let mut machine = Machine::prepare(&binaries, &place, Some(&line.remote())).must();
            let sets_clock = *name == CLOCK && settings.has(Fault::Clock);
            let clock = clock.clone().filter(|_| sets_clock);
            if clock.is_some() {
                // The library reads files that are none of the daemon's.
                machine.set_env("ATOMED_SANDBOX", "off");
            }
            machine.start().must();
            let writers = accounts
                .iter()
                .flat_map(|account| (0..WRITERS).map(move |n| (account, n)));
            seats.push(Seat {
                name,
                accounts,
                ctl: machine.ctl(),
                socket: machine.socket(),
                machine: Mutex::new(machine),
                line,
                ledgers: writers
                    .map(|(account, n)| Ledger::new(name, account, n))
                    .collect(),
                clock,
                disk,
            });
        }
        let stage = Self {
            binaries,
            hub: Mutex::new(hub),
            hub_disk,
            seats,
            is_over: AtomicBool::new(false),
            folder,
        };
        stage.make_accounts();
        stage
    }

    /// The first machine of each account makes it, with the tally; the others log in.
    fn make_accounts(&self) {
        for account in ACCOUNTS {
            let mut using = self
                .seats
                .iter()
                .filter(|seat| seat.accounts.contains(account));
            let first = using.next().expect("a machine of each account");
            let create = ["account", "create", account, "--password-stdin"];
            first.ctl.run_with(&create, PASSWORD).must();
            let tally = ["--account", account, "create", "tally", "--key", TALLY];
            first.ctl.run(&tally).must();
            first
                .ctl
                .run(&["--account", account, "sync", "wait"])
                .must();
            for seat in using {
                log_in(&seat.ctl, account);
            }
        }
    }

    /// Begins a phase: waits are waits again.
    pub(crate) fn begin(&self) {
        self.is_over.store(false, Ordering::Relaxed);
    }

    /// Ends a phase: who waits goes on, and ends.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Waits so long, or until the phase is over.
    pub(crate) fn pause(&self, time: Duration) {
        let began = Instant::now();
        while !self.is_over() {
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    /// A folder for a machine that logs in anew.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends everything, and keeps the folder with what the disks in memory hold.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        let folder = self.folder.path().to_owned();
        let disks = self
            .seats
            .iter()
            .map(|seat| (seat.name, seat.disk.is_some()));
        for (name, has_disk) in disks.chain([("hub", self.hub_disk.is_some())]) {
            if has_disk {
                let mut copy = std::process::Command::new("cp");
                copy.arg("-a").arg(folder.join(name).join("state"));
                copy.arg(folder.join(name).join("state-kept"));
                if !copy.status().is_ok_and(|status| status.success()) {
                    println!("the state of {name} could not be copied");
                }
            }
        }
        folder
    }
}

/// Logs in to an account of the hub, and waits for all that it has.
pub(crate) fn log_in(ctl: &Ctl, account: &str) {
    let login = ["login", account, "--password-stdin"];
    ctl.run_with(&login, PASSWORD).must();
    ctl.run(&["--account", account, "sync", "wait"]).must();
}

impl Seat {
    /// Sets its clock elsewhere, for its next start.
    pub(crate) fn set_clock(&self, machine: &mut Machine, dice: &mut Dice) -> bool {
        let Some(library) = &self.clock else {
            return false;
        };
        machine.set_env("LD_PRELOAD", &library.to_string_lossy());
        machine.set_env("FAKETIME", dice.pick(&["+1h", "-1d", "+10m", "-40s", "+0"]));
        // Timers go on as they are.
        machine.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        true
    }
}
