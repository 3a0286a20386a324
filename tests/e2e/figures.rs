//! Figures of the real programs: the listener for them, in the sandbox and handed in; what they say of sync.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use atome_tests::{Hub, Machine, listening, loopback};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::sockets::say;
use crate::world::{Must, World, lacking, run, skipped, wait};

/// Above every number that a socket is handed in by.
const HIGH: i32 = 100;

/// The page of a hub.
fn page(at: SocketAddr) -> String {
    let mut stream = TcpStream::connect(at).must();
    let ask = b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).must();
    let mut page = String::new();
    stream.read_to_string(&mut page).must();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    page
}

/// A figure by its name with its labels.
fn figure(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit_once(' '));
    value
        .unwrap_or_else(|| panic!("no {name} in {page}"))
        .1
        .parse()
        .must()
}

fn figures_of(machine: &Machine) -> String {
    let ask = b"GET /v1/metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    say(&machine.socket(), ask, false)
}

#[test]
fn a_hub_in_its_sandbox_and_a_daemon_tell_what_went_between_them() {
    let world = World::new();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let at = SocketAddr::new(
        loopback::ADDRESS.parse().must(),
        loopback::free_port().must(),
    );
    hub.set_env("ATOME_SERVER_METRICS__LISTEN", &at.to_string());
    hub.start().must();
    let pid = hub.running().unwrap().pid();
    assert_eq!(listening::tcp_listeners(pid).must().len(), 2);

    let a = world.machine_with_account("a", Some(&hub));
    for title in ["one", "two", "three"] {
        run(&a, &["create", "note", &format!("title={title}")]);
    }
    wait(&a);
    let b = world.machine_logged_in("b", &hub);
    run(&a, &["create", "note", "title=four"]);
    wait(&a);
    wait(&b);

    let hub_says = page(at);
    assert_eq!(figure(&hub_says, "atome_hub_accounts"), 1.0);
    assert_eq!(figure(&hub_says, "atome_hub_sessions"), 2.0);
    assert_eq!(
        figure(&hub_says, "atome_hub_connections{kind=\"sync\"}"),
        2.0
    );
    assert_eq!(figure(&hub_says, "atome_hub_commits_admitted_total"), 4.0);
    assert!(figure(&hub_says, "atome_hub_feed_entries_sent_total") >= 1.0);
    assert_eq!(
        figure(&hub_says, "atome_hub_tls_handshake_failures_total"),
        0.0
    );
    drop(TcpStream::connect(hub.address()).must());
    crate::world::eventually(|| {
        (figure(&page(at), "atome_hub_tls_handshake_failures_total") > 0.0).then_some(())
    });

    let daemon_says = figures_of(&b);
    let id = crate::world::json(&b, &["whoami"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let of = |name: &str| figure(&daemon_says, &format!("{name}{{account=\"{id}\"}}"));
    let are = [
        ("atome_connected", 1.0),
        ("atome_synced", 1.0),
        ("atome_pending_commits", 0.0),
        ("atome_feed_lag", 0.0),
        ("atome_feed_head", 4.0),
        ("atome_reconnects_total", 0.0),
    ];
    for (name, value) in are {
        assert_eq!(of(name), value, "{name}");
    }
    // The year 2020, in seconds.
    assert!(of("atome_last_synced_timestamp_seconds") > 1_577_836_800.0);

    hub.stop().must();
    hub.start().must();
    run(&b, &["sync", "now"]);
    wait(&b);
    let reconnects = format!("atome_reconnects_total{{account=\"{id}\"}}");
    assert!(figure(&figures_of(&b), &reconnects) >= 1.0);
}

#[test]
fn the_socket_for_figures_is_handed_in_by_its_name() {
    if let Some(why) = lacking(&["unshare", "bash"]) {
        return skipped(&why);
    }
    let world = World::new();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let clients = TcpListener::bind(hub.address()).must();
    let metrics = TcpListener::bind((loopback::ADDRESS, 0)).must();
    let at = metrics.local_addr().must();
    let [clients, metrics] = [high(&clients), high(&metrics)];
    let script = format!(
        "exec 3<&{} 4<&{}; LISTEN_FDS=2 LISTEN_FDNAMES=metrics:atome-server.socket LISTEN_PID=$$ exec \"$@\"",
        metrics.as_raw_fd(),
        clients.as_raw_fd()
    );
    hub.set_under(&["unshare", "--net", "bash", "-c", &script, "bash"]);
    hub.start().must();
    let a = world.machine_with_account("a", Some(&hub));
    wait(&a);
    assert_eq!(figure(&page(at), "atome_hub_accounts"), 1.0);
    let pid = hub.running().unwrap().pid();
    assert_eq!(
        listening::all_tcp_listeners(pid),
        0,
        "none in its own network"
    );
    hub.stop().must();

    hub.set_env("ATOME_SERVER_METRICS__LISTEN", "192.0.2.1:9464");
    let why = hub.start().unwrap_err().to_string();
    assert!(why.contains("remove metrics.listen"), "{why}");
}

/// The same socket by a number that is not in the way, which a child inherits.
fn high(socket: &impl AsFd) -> OwnedFd {
    let socket = fcntl_dupfd_cloexec(socket, HIGH).must();
    fcntl_setfd(&socket, FdFlags::empty()).must();
    socket
}
