//! What the kernel refuses the real programs, and what they say where it is too old to.

use std::fs;

use atome_tests::{HarnessError, Hub, Machine, binaries, listening};
use serde_json::Value;

use crate::world::{Must, NAME, PASSWORD, World, export, json, lacking, run, skipped, wait};

/// How a hub is started that must have it all; a machine likewise.
const HUB_REQUIRED: &[&str] = &["env", "ATOME_SERVER_SANDBOX=required"];
const REQUIRED: &[&str] = &["env", "ATOMED_SANDBOX=required"];

/// A hub and two machines that do the main job; `None`, told aloud, where this kernel is too old.
fn caged(world: &World) -> Option<(Hub, Machine, Machine)> {
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    hub.set_under(HUB_REQUIRED);
    if let Err(error) = hub.start() {
        let why = error.to_string();
        assert!(why.contains("the kernel cannot enforce"), "{why}");
        skipped(&why);
        return None;
    }
    let [a, b] = ["a", "b"].map(|name| {
        let remote = hub.remote();
        let mut machine =
            Machine::prepare(&world.binaries, &world.path(name), Some(&remote)).must();
        machine.set_under(REQUIRED);
        machine.start().must();
        machine
    });
    main_job(&a, &b);
    Some((hub, a, b))
}

/// Written on one machine, read on the other, the same on both.
pub(crate) fn main_job(a: &Machine, b: &Machine) {
    let create = ["account", "create", NAME, "--password-stdin"];
    a.ctl().run_with(&create, PASSWORD).must();
    run(a, &["seed", binaries::sample().to_str().unwrap()]);
    wait(a);
    let login = ["login", NAME, "--password-stdin"];
    b.ctl().run_with(&login, PASSWORD).must();
    wait(b);
    assert_eq!(export(a), export(b));
    assert_eq!(export(a).lines().count(), 252);
}

#[test]
fn everything_works_with_the_sandbox_required() {
    let world = World::new();
    let Some((hub, mut a, b)) = caged(&world) else {
        return;
    };
    let port = hub.address().1;
    let enforced = &json(&a, &["runtime"])["enforced"];
    let says = |name: &str| enforced[name].as_str().unwrap_or_default().to_owned();
    assert!(
        says("tcpListen").starts_with("denied by landlock (ABI "),
        "{enforced}"
    );
    assert!(
        says("tcpConnect").starts_with(&format!("{port} only, by landlock")),
        "{enforced}"
    );
    assert_eq!(says("listen"), "denied by seccomp");
    let log = hub.running().unwrap().log_end();
    assert!(log.contains("\"connect\": \"denied by seccomp\""), "{log}");

    let tried: Vec<Value> = run(&a, &["doctor", "--prove-direction", "-o", "jsonl"])
        .lines()
        .must();
    assert!(tried.len() >= 7, "{tried:?}");
    assert!(
        tried.iter().all(|attempt| attempt["forbidden"] == true),
        "{tried:?}"
    );
    for machine in [&a, &b] {
        let pid = machine.running().unwrap().pid();
        assert_eq!(listening::tcp_listeners(pid).must(), Vec::<String>::new());
    }
    // Its own end is told to the service manager, and its files are its own to the last.
    assert!(a.stop().must().unwrap().success());
    a.start().must();
    wait(&a);
}

#[test]
fn with_no_hub_the_kernel_gives_a_daemon_no_network_at_all() {
    let world = World::new();
    let mut machine = Machine::prepare(&world.binaries, &world.path("a"), None).must();
    machine.set_under(REQUIRED);
    if let Err(error) = machine.start() {
        return skipped(&error.to_string());
    }
    let tried = run(&machine, &["doctor", "--prove-direction", "-o", "jsonl"]).stdout;
    assert!(
        tried.contains("UDP") && !tried.contains("\"forbidden\":false"),
        "{tried}"
    );
    let enforced = &json(&machine, &["runtime"])["enforced"];
    assert_eq!(enforced["sockets"], "Unix only, by seccomp");
    assert!(
        enforced["tcpConnect"]
            .as_str()
            .unwrap()
            .starts_with("denied by landlock")
    );
}

#[test]
fn a_busy_hub_connects_to_nothing() {
    if let Some(why) = lacking(&["strace"]) {
        return skipped(&why);
    }
    let world = World::new();
    let trace = world.path("hub.trace");
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let calls = "trace=connect,listen,accept,accept4";
    let mut strace = vec![
        "strace",
        "-D",
        "-f",
        "-qq",
        "-e",
        calls,
        "-o",
        trace.to_str().unwrap(),
    ];
    // Not because it may not: with no sandbox at all.
    strace.extend(["env", "ATOME_SERVER_SANDBOX=off"]);
    hub.set_under(&strace);
    hub.start().must();
    let [a, b] = ["a", "b"].map(|name| world.machine(name, Some(&hub)));
    main_job(&a, &b);
    hub.stop().must();
    let calls = fs::read_to_string(trace).must();
    // The look itself works, and `connect` is seen: the hub tells its service manager by sending.
    assert_eq!(calls.matches(" listen(").count(), 1, "{calls}");
    assert!(calls.matches("accept4(").count() >= 2, "{calls}");
    assert!(!calls.contains("connect("), "{calls}");
}

/// Starts a hub and a machine on a kernel that answers as `inject` says; how strict stands in `mode`.
fn on_another_kernel(world: &World, inject: &str, mode: &str) -> [Result<(), HarnessError>; 2] {
    let settings = ["ATOME_SERVER_SANDBOX", "ATOMED_SANDBOX"].map(|key| format!("{key}={mode}"));
    let [of_hub, of_machine] = [0, 1].map(|n: usize| {
        let setting = settings[n].as_str();
        [
            "strace",
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            inject,
            "env",
            setting,
        ]
    });
    let mut hub = Hub::prepare(&world.binaries, &world.path(&format!("{mode}-hub"))).must();
    hub.set_under(&of_hub);
    let hub_started = hub.start().map(drop);
    if hub_started.is_ok() {
        let log = hub.running().unwrap().log_end();
        assert!(
            log.contains("the kernel does not enforce everything"),
            "{log}"
        );
    }
    let remote = hub.remote();
    let mut machine = Machine::prepare(&world.binaries, &world.path(mode), Some(&remote)).must();
    machine.set_under(&of_machine);
    let started = machine.start().map(drop);
    if started.is_ok() {
        told(&machine);
    }
    [hub_started, started]
}

/// What is not enforced is told, and is not claimed.
fn told(machine: &Machine) {
    let status = json(machine, &["status"]);
    let codes: Vec<_> = status["health"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["code"])
        .collect();
    assert!(codes.contains(&&Value::from("sandbox-partial")), "{status}");
    let proof = machine.ctl().ask(&["doctor", "--prove-direction"]).must();
    proof.expect_code(1).must();
}

#[test]
fn an_older_kernel_is_told_and_refused_where_the_sandbox_is_required() {
    if let Some(why) = lacking(&["strace"]) {
        return skipped(&why);
    }
    for (inject, part) in [
        (
            "inject=landlock_create_ruleset:error=ENOSYS",
            "tcpListen (needs Landlock ABI 4",
        ),
        (
            "inject=landlock_create_ruleset:error=EOPNOTSUPP",
            "not enabled",
        ),
        (
            "inject=landlock_create_ruleset:retval=3:when=1",
            "Linux 6.7",
        ),
        ("inject=seccomp:error=EINVAL", "seccomp"),
    ] {
        let world = World::new();
        for started in on_another_kernel(&world, inject, "best-effort") {
            started.must();
        }
        for started in on_another_kernel(&world, inject, "required") {
            let why = started.unwrap_err().to_string();
            assert!(why.contains(part), "{inject}: {why}");
            assert!(why.contains("sandbox = \"best-effort\""), "{inject}: {why}");
        }
    }
}
