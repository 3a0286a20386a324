//! Accounts on two machines and a hub.

use crate::world::{Must, NAME, PASSWORD, World, export, json, run, wait};

const LOGIN: &[&str] = &["login", NAME, "--password-stdin", "-o", "json"];

#[test]
fn a_second_machine_bootstraps_by_login() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(&first, &["create", "task", "title=Bread"]);
    wait(&first);
    let listed = hub.admin(&["account", "list"]).must().expect_code(0).must();
    assert!(listed.stdout.contains(NAME), "{}", listed.stdout);

    let second = world.machine("b", Some(&hub));
    for (name, password) in [(NAME, &b"wrong\n"[..]), ("nobody", PASSWORD)] {
        let login = ["login", name, "--password-stdin", "-o", "json"];
        let reply = second.ctl().ask_with(&login, password).must();
        let reply = reply.expect_code(4).must();
        assert_eq!(reply.error_code().must(), "wrong_credentials");
    }
    assert_eq!(
        run(&second, &["account", "list", "-o", "jsonl"]).stdout,
        "",
        "half an account"
    );

    second.ctl().run_with(LOGIN, PASSWORD).must();
    wait(&second);
    assert_eq!(export(&second), export(&first));
    let id = |machine: &_| json(machine, &["status"])["accounts"][0]["id"].clone();
    assert_eq!(id(&first), id(&second));

    // The login holds without the hub: local use never needs it.
    hub.stop().must();
    run(&second, &["set", &first_id(&second), "title=Butter"]);
    second.ctl().run_with(LOGIN, PASSWORD).must();
    // Without the hub nobody is told whether the name or the password is the wrong one.
    for login in [
        LOGIN,
        &["login", "nobody", "--password-stdin", "-o", "json"],
    ] {
        let wrong = second.ctl().ask_with(login, b"wrong\n").must();
        let wrong = wrong.expect_code(7).must();
        assert_eq!(wrong.error_code().must(), "hub_unreachable");
    }
}

fn first_id(machine: &atome_tests::Machine) -> String {
    let listed = run(machine, &["list", "-o", "jsonl"]);
    let atomes: Vec<serde_json::Value> = listed.lines().must();
    atomes.first().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_unknown_account_and_no_hub_in_reach_leave_nothing_behind() {
    let world = World::new();
    let mut hub = world.hub();
    hub.stop().must();
    let machine = world.machine("a", Some(&hub));
    let reply = machine.ctl().ask_with(LOGIN, PASSWORD).must();
    let reply = reply.expect_code(7).must();
    assert_eq!(reply.error_code().must(), "hub_unreachable");
    assert_eq!(
        run(&machine, &["account", "list", "-o", "jsonl"]).stdout,
        ""
    );
}

#[test]
fn an_account_made_offline_is_registered_when_the_hub_appears() {
    let world = World::new();
    let mut hub = world.hub();
    hub.stop().must();
    let mut machine = world.machine_with_account("a", Some(&hub));
    let state = |machine: &_| json(machine, &["status"])["accounts"][0]["state"].clone();
    assert_eq!(state(&machine), "registering");
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    // The password is not needed again, not even after a restart.
    machine.stop().must();
    machine.start().must();
    hub.start().must();
    run(&machine, &["sync", "now"]);
    wait(&machine);
    assert_eq!(state(&machine), "synced");
}

#[test]
fn logging_out_with_pending_work_says_so() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    let refused = machine.ctl().ask(&["logout", "-o", "json"]).must();
    let refused = refused.expect_code(5).must();
    assert_eq!(refused.error_code().must(), "conflict");
    run(&machine, &["logout", "--keep"]);
    machine.ctl().ask(&["list"]).must().expect_code(4).must();
    machine.ctl().run_with(LOGIN, PASSWORD).must();
    assert_eq!(
        run(&machine, &["list", "-o", "jsonl"])
            .stdout
            .lines()
            .count(),
        1
    );
}
