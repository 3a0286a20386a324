//! The one direction, shown by the network itself: machines reach the hub, and the hub reaches no machine.
//!
//! The hub, two machines and a router each have a network of their own. The router hides the machines
//! behind its address, as home routers do, and lets nothing begin at the hub's side.

use std::io::Write as _;
use std::process::{Command, Stdio};

use atome_tests::authority::Authority;
use atome_tests::{Hub, Machine, Remote, listening};

use crate::cage::main_job;
use crate::world::{Must, World, lacking, skipped};

/// Where the hub is. Source: RFC 5737, addresses for documentation.
const HUB: &str = "192.0.2.1";
const ROUTER: &str = "192.0.2.254";
/// Where the machines are, each behind the router.
const MACHINES: [(&str, &str, &str); 2] = [
    ("a", "198.51.100.2", "198.51.100.1"),
    ("b", "203.0.113.2", "203.0.113.1"),
];
const RULES: &str = "
    add table ip atome
    add chain ip atome post { type nat hook postrouting priority srcnat; }
    add rule ip atome post oifname \"hub\" masquerade
    add chain ip atome pass { type filter hook forward priority filter; }
    add rule ip atome pass ct state established,related accept
    add rule ip atome pass iifname \"hub\" reject with icmp admin-prohibited
";

/// The networks; gone when this is dropped.
struct Networks(String);

impl Networks {
    fn new() -> Self {
        let networks = Self(format!("atome-{}", std::process::id()));
        for name in ["router", "hub", "a", "b"] {
            ip(&["netns", "add", &networks.name(name)]);
            ip(&["-n", &networks.name(name), "link", "set", "lo", "up"]);
        }
        networks.cable("hub", HUB, ROUTER);
        for (name, address, gateway) in MACHINES {
            networks.cable(name, address, gateway);
            let space = networks.name(name);
            ip(&["-n", &space, "route", "add", "default", "via", gateway]);
        }
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        assert!(
            networks
                .within("router", &["sh", "-c", forward])
                .status()
                .must()
                .success()
        );
        let mut nft = networks.within("router", &["nft", "-f", "-"]);
        let mut nft = nft.stdin(Stdio::piped()).spawn().must();
        nft.stdin.take().unwrap().write_all(RULES.as_bytes()).must();
        assert!(nft.wait().must().success());
        networks
    }

    fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.0)
    }

    /// Ties a network to the router, where the end of the cable has its name.
    fn cable(&self, name: &str, address: &str, gateway: &str) {
        let (space, router) = (self.name(name), self.name("router"));
        let peer = ["peer", "name", "uplink", "netns", &space];
        ip(&[
            &["-n", &router, "link", "add", "name", name, "type", "veth"][..],
            &peer,
        ]
        .concat());
        for (space, link, address) in [(&space, "uplink", address), (&router, name, gateway)] {
            ip(&[
                "-n",
                space,
                "address",
                "add",
                &format!("{address}/24"),
                "dev",
                link,
            ]);
            ip(&["-n", space, "link", "set", "dev", link, "up"]);
        }
    }

    fn within(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name(name)])
            .args(words);
        command
    }

    /// Why a connection from one network cannot be made; empty where it can.
    fn connects(&self, from: &str, to: &str, port: u16) -> String {
        let dial = format!("exec 3<>/dev/tcp/{to}/{port}");
        let dialled = self.within(from, &["bash", "-c", &dial]).output().must();
        String::from_utf8_lossy(&dialled.stderr).into_owned()
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in ["router", "hub", "a", "b"] {
            let name = self.name(name);
            // One that was not made cannot be taken away.
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}

#[track_caller]
fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).output().must();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {}: {said}", words.join(" "));
}

#[test]
fn machines_reach_the_hub_and_the_hub_reaches_no_machine() {
    if let Some(why) = lacking(&["ip", "nft", "bash"]) {
        return skipped(&why);
    }
    let world = World::new();
    let networks = Networks::new();
    std::fs::create_dir(world.path("authority")).must();
    let authority = Authority::make_for(&world.path("authority"), HUB).must();
    let hub = hub(&world, &networks, &authority);
    let remote = Remote {
        endpoint: format!("wss://{HUB}"),
        ca_file: Some(authority.ca_file),
    };
    let machines = MACHINES.map(|(name, ..)| {
        let mut machine =
            Machine::prepare(&world.binaries, &world.path(name), Some(&remote)).must();
        let space = networks.name(name);
        machine.set_under(&[
            "ip",
            "netns",
            "exec",
            &space,
            "env",
            "ATOMED_PROFILE=production",
        ]);
        machine.start().must();
        machine
    });
    main_job(&machines[0], &machines[1]);

    for ((name, address, _), machine) in MACHINES.iter().zip(&machines) {
        assert_eq!(
            networks.connects(name, HUB, 443),
            "",
            "the look itself works"
        );
        let why = networks.connects("hub", address, 443);
        assert!(why.contains("unreachable"), "{name}: {why}");
        // Nobody listens there: not the daemon, and nobody else in its network.
        let pid = machine.running().unwrap().pid();
        assert_eq!(listening::tcp_listeners(pid).must(), Vec::<String>::new());
        assert_eq!(listening::all_tcp_listeners(pid), 0, "{name}");
    }
    assert_eq!(
        listening::all_tcp_listeners(hub.running().unwrap().pid()),
        1
    );

    // Even with a way to them, the hub's side begins nothing.
    ip(&[
        "-n",
        &networks.name("hub"),
        "route",
        "add",
        "default",
        "via",
        ROUTER,
    ]);
    for (name, address, _) in MACHINES {
        let why = networks.connects("hub", address, 443);
        assert!(why.contains("No route to host"), "{name}: {why}");
    }
}

fn hub(world: &World, networks: &Networks, authority: &Authority) -> Hub {
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let listen = format!("ATOME_SERVER_LISTEN={HUB}:443");
    let [cert, key] = [("CERT", &authority.cert_file), ("KEY", &authority.key_file)]
        .map(|(what, file)| format!("ATOME_SERVER_TLS__{what}_FILE={}", file.display()));
    let space = networks.name("hub");
    hub.set_under(&["ip", "netns", "exec", &space, "env", &listen, &cert, &key]);
    hub.start().must();
    hub
}
