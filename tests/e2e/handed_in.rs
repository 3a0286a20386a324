//! Listening sockets that are handed in, as systemd does; a hub then needs no network of its own.

use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixListener;

use atome_tests::{Hub, Machine, listening};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::cage::main_job;
use crate::world::{Must, World, lacking, run, skipped};

/// The words that hand a socket in to the program after them. systemd does it from number 3 on. Source:
/// sd_listen_fds(3).
fn handing_in(socket: &(impl AsFd + AsRawFd)) -> [String; 4] {
    fcntl_setfd(socket, FdFlags::empty()).must();
    let number = socket.as_raw_fd();
    let script = format!("exec 3<&{number}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"");
    ["bash".into(), "-c".into(), script, "bash".into()]
}

#[test]
fn a_hub_without_any_network_serves_on_the_socket_that_it_was_handed() {
    if let Some(why) = lacking(&["unshare", "bash"]) {
        return skipped(&why);
    }
    let world = World::new();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let listener = TcpListener::bind(hub.address()).must();
    let hand_in = handing_in(&listener);
    let hand_in = hand_in.each_ref().map(String::as_str);
    hub.set_under(&[&["unshare", "--net"][..], &hand_in].concat());
    hub.start().must();
    drop(listener);
    let log = hub.running().unwrap().log_end();
    let binds = log.contains("\"tcpListen\"");
    assert!(
        !binds || log.contains("\"tcpListen\": \"denied by landlock"),
        "{log}"
    );
    let [a, b] = ["a", "b"].map(|name| world.machine(name, Some(&hub)));
    main_job(&a, &b);
    let pid = hub.running().unwrap().pid();
    // The socket is the one of this network: in the hub's own there is none.
    assert_eq!(listening::all_tcp_listeners(pid), 0);
    hub.stop().must();
}

#[test]
fn a_socket_elsewhere_than_the_configuration_says_is_refused() {
    let world = World::new();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let listener = TcpListener::bind((hub.address().0, 0)).must();
    let hand_in = handing_in(&listener);
    hub.set_under(&hand_in.each_ref().map(String::as_str));
    let why = hub.start().unwrap_err().to_string();
    assert!(why.contains("systemd handed in"), "{why}");
    assert!(why.contains("remove listen"), "{why}");
}

#[test]
fn a_daemon_answers_on_the_socket_that_it_was_handed() {
    let world = World::new();
    let mut machine = Machine::prepare(&world.binaries, &world.path("a"), None).must();
    let listener = UnixListener::bind(machine.socket()).must();
    let hand_in = handing_in(&listener);
    machine.set_under(&hand_in.each_ref().map(String::as_str));
    machine.start().must();
    drop(listener);
    run(&machine, &["status"]);
    assert!(
        machine.socket().with_extension("json").exists(),
        "declared beside its socket"
    );
    assert!(machine.stop().must().unwrap().success());
    assert!(machine.socket().exists(), "it is systemd's");
}
