//! What the programs tell a service manager that watches over them.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use atome_tests::{Hub, Machine, process};

use crate::world::{Must, World};

/// Far above the third of a second in which a word is due.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn programs_say_that_they_are_alive() {
    let world = World::new();
    let machine = Machine::prepare(&world.binaries, &world.path("machine"), None).must();
    says_so(
        world.binaries.atomed(),
        &machine.config(),
        &world.path("machine"),
    );
    let hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    says_so(
        world.binaries.atome_server(),
        &hub.config(),
        &world.path("hub"),
    );
}

/// The words after `READY=1`: one that it is alive, and then another.
fn says_so(program: PathBuf, config: &Path, folder: &Path) {
    let socket = folder.join("watchdog");
    let words = UnixDatagram::bind(&socket).must();
    words.set_read_timeout(Some(PATIENCE)).must();
    // The variables are for one process number, which is only known from within.
    let watched = "WATCHDOG_PID=$$ WATCHDOG_USEC=1000000 exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", watched, "sh"]).arg(program);
    command.arg("--config").arg(config);
    process::alone(&mut command, folder).env("NOTIFY_SOCKET", &socket);
    let _killed = Killed(command.spawn().must());
    let mut heard = Vec::new();
    let mut buffer = [0; 256];
    while heard.iter().filter(|word| *word == "WATCHDOG=1").count() < 2 {
        let len = words.recv(&mut buffer).must();
        heard.extend(
            String::from_utf8_lossy(&buffer[..len])
                .lines()
                .map(str::to_owned),
        );
    }
    assert_eq!(heard.first().unwrap(), "READY=1");
}

/// A process that ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _gone = self.0.kill().and_then(|()| self.0.wait());
    }
}
