//! The stage: a temp directory with a hub and two machines, set and cleared.

use std::fs;
use std::path::Path;

use atome_tests::{Binaries, Hub, Machine, listening};
use tempfile::TempDir;

use super::teller::{Person, Teller, millis};
use super::{Told, differs};

/// Everything that runs.
pub(super) struct Stage {
    folder: TempDir,
    /// The hub; not started at first.
    pub(super) hub: Hub,
    /// The first machine.
    pub(super) laptop: Machine,
    /// The second machine.
    pub(super) desktop: Machine,
}

impl Stage {
    /// Prepares all, starts the first machine only.
    pub(super) fn set(binaries: &Binaries, teller: &Teller) -> Told<Self> {
        let folder = tempfile::Builder::new().prefix("atome-demo-").tempdir()?;
        let at = |name| -> Told<std::path::PathBuf> {
            let path = folder.path().join(name);
            fs::create_dir(&path)?;
            Ok(path)
        };
        let hub = Hub::prepare(binaries, &at("hub")?)?;
        let remote = hub.remote();
        let mut laptop = Machine::prepare(binaries, &at("laptop")?, Some(&remote))?;
        let desktop = Machine::prepare(binaries, &at("desktop")?, Some(&remote))?;
        teller.open("A laptop with no network");
        teller.say(&format!(
            "everything lives in {}: a hub, a laptop, a desktop",
            folder.path().display()
        ));
        let ready = laptop.start()?.ready_after;
        teller.say(&format!(
            "the laptop's daemon is ready after {}; its hub, {}, is not there yet",
            millis(ready),
            remote.endpoint
        ));
        Ok(Self {
            folder,
            hub,
            laptop,
            desktop,
        })
    }

    /// The person at the laptop.
    pub(super) fn at_laptop(&self) -> Person {
        Person {
            machine: "laptop",
            ctl: self.laptop.ctl(),
        }
    }

    /// The person at the desktop.
    pub(super) fn at_desktop(&self) -> Person {
        Person {
            machine: "desktop",
            ctl: self.desktop.ctl(),
        }
    }

    /// Neither daemon listens on TCP: nobody can connect to a machine.
    pub(super) fn check_direction(&self, teller: &Teller) -> Told {
        for (name, machine) in [("laptop", &self.laptop), ("desktop", &self.desktop)] {
            let Some(running) = machine.running() else {
                return differs(format!("the {name}'s daemon does not run"));
            };
            let listeners = listening::tcp_listeners(running.pid())?;
            if !listeners.is_empty() {
                return differs(format!("the {name}'s daemon listens on TCP: {listeners:?}"));
            }
        }
        teller.say(
            "neither daemon listens on any TCP port: the machines connect, nobody connects to them",
        );
        Ok(())
    }

    /// Stops all and takes the folder away.
    pub(super) fn clear(mut self, teller: &Teller) -> Told {
        self.laptop.stop()?;
        self.desktop.stop()?;
        self.hub.stop()?;
        let path = self.folder.path().to_owned();
        self.folder.close()?;
        teller.say(&format!("all stopped, {} removed", path.display()));
        Ok(())
    }

    /// Leaves all as it is, and says how to go on.
    pub(super) fn leave_running(self, teller: &Teller) {
        teller.open("Left running, to go on with");
        let programs = self.laptop.ctl().program_folder();
        println!("    export PATH=\"{}:$PATH\"", programs.display());
        for (name, machine) in [("laptop", &self.laptop), ("desktop", &self.desktop)] {
            println!(
                "    alias {name}='atomectl --socket {}'",
                machine.socket().display()
            );
        }
        println!("    laptop status");
        println!("    laptop set key:geonames/country/CH visited=true");
        println!("    desktop watch                      # in another terminal");
        println!(
            "    atome-server --config {} account list",
            self.hub.config().display()
        );
        let pids: Vec<String> = [
            self.hub.running(),
            self.laptop.running(),
            self.desktop.running(),
        ]
        .into_iter()
        .flatten()
        .map(|running| running.pid().to_string())
        .collect();
        let path = self.folder.keep();
        println!(
            "    kill {} && rm -r {}   # when done",
            pids.join(" "),
            path.display()
        );
        self.hub.leave_running();
        self.laptop.leave_running();
        self.desktop.leave_running();
    }
}

/// How much a folder holds, in bytes.
pub(super) fn folder_len(folder: &Path) -> Told<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        total += if meta.is_dir() {
            folder_len(&entry.path())?
        } else {
            meta.len()
        };
    }
    Ok(total)
}
