//! Sessions of machines at the hub: listed, revoked, closed by a logout however late, opened by a token.

use atome_tests::Machine;
use serde_json::Value;

use crate::world::{Must, NAME, PASSWORD, World, eventually, fails, json, run, token, wait};

const LOGIN: &[&str] = &["login", NAME, "--password-stdin"];

fn sessions(machine: &Machine) -> Vec<Value> {
    json(machine, &["sessions"]).as_array().unwrap().clone()
}

fn state(machine: &Machine) -> Value {
    json(machine, &["status"])["accounts"][0]["state"].clone()
}

#[test]
fn a_revoked_machine_keeps_all_and_asks_for_a_login() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    let listed = sessions(&first);
    assert_eq!(listed.len(), 2, "{listed:?}");
    let theirs = listed.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!(state(&second), "synced");
    let id = theirs["id"].as_str().unwrap();
    run(&first, &["sessions", "revoke", id.get(..34).unwrap()]);
    // The hub closes the connection at once, and the machine does not take that for a bad network.
    eventually(|| (state(&second) == "auth-required").then_some(()));
    run(&second, &["create", "task", "--key", "tasks/1"]);
    let status = json(&second, &["status"]);
    assert_eq!(status["accounts"][0]["pending"], 1, "{status}");
    let health = status["health"].to_string();
    assert!(health.contains("auth-required"), "{health}");
    fails(&second, &["sessions"], 4, "auth_required");
    fails(&first, &["sessions", "revoke", id], 3, "not_found");
    second.ctl().run_with(LOGIN, PASSWORD).must();
    wait(&second);
    wait(&first);
    run(&first, &["get", "key:tasks/1"]);
    let others = json(&first, &["sessions", "revoke", "--others"]);
    assert_eq!(others["revoked"], 1, "{others}");
    assert_eq!(sessions(&first).len(), 1);
}

#[test]
fn a_logout_reaches_the_hub_however_late() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    let mut second = world.machine_logged_in("b", &hub);
    assert_eq!(sessions(&first).len(), 2);
    hub.stop().must();
    run(&second, &["logout"]);
    fails(&second, &["list"], 4, "auth_required");
    second.stop().must();
    second.start().must();
    hub.start().must();
    run(&first, &["sync", "now"]);
    eventually(|| (sessions_or_none(&first)? == 1).then_some(()));
}

fn sessions_or_none(machine: &Machine) -> Option<usize> {
    let reply = machine.ctl().ask(&["sessions", "-o", "json"]).must();
    let listed: Vec<Value> = reply.json().ok()?;
    Some(listed.len())
}

#[test]
fn a_login_before_the_hub_was_told_goes_on_with_the_session() {
    let world = World::new();
    let mut hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    hub.stop().must();
    run(&machine, &["logout"]);
    machine.ctl().run_with(LOGIN, PASSWORD).must();
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    hub.start().must();
    // No password is needed once more.
    wait(&machine);
    assert_eq!(sessions(&machine).len(), 1);
}

#[test]
fn an_account_that_was_locked_before_it_was_registered_leaves_no_session() {
    let world = World::new();
    let mut hub = world.hub();
    hub.stop().must();
    let machine = world.machine_with_account("a", Some(&hub));
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    run(&machine, &["logout", "--keep"]);
    hub.start().must();
    let other = world.machine("b", Some(&hub));
    eventually(|| {
        let reply = other.ctl().ask_with(LOGIN, PASSWORD).must();
        (reply.code == 0).then_some(())
    });
    eventually(|| (sessions_or_none(&other)? == 1).then_some(()));
    // What was pending is there at the next login.
    machine.ctl().run_with(LOGIN, PASSWORD).must();
    wait(&machine);
    wait(&other);
    run(&other, &["get", "key:tasks/1"]);
}

#[test]
fn a_token_opens_a_machine_without_a_password() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(&first, &["create", "task", "--key", "tasks/1"]);
    wait(&first);
    let token = token(&hub, "365d");
    let file = world.file("token", &token);
    let mut kiosk = world.machine("kiosk", Some(&hub));
    let login = ["login", NAME, "--token-file", &file];
    run(&kiosk, &login);
    wait(&kiosk);
    run(&kiosk, &["get", "key:tasks/1"]);
    run(&kiosk, &["set", "key:tasks/1", "done=true"]);
    wait(&kiosk);
    kiosk.stop().must();
    kiosk.start().must();
    wait(&kiosk);
    // The same token again needs no hub; another one does.
    hub.stop().must();
    run(&kiosk, &login);
    let other = world.file("other", &"0f".repeat(32));
    let wrong = ["login", NAME, "--token-file", &other];
    fails(&kiosk, &wrong, 7, "hub_unreachable");
    hub.start().must();
    fails(&kiosk, &wrong, 4, "wrong_credentials");
    // A token of one account is none of another.
    fails(
        &kiosk,
        &["login", "bob", "--token-file", &file],
        4,
        "wrong_credentials",
    );
    // It has no password here: its copy can be removed by whoever is tied to it.
    let remove = ["account", "delete", NAME, "--local-only", "--yes"];
    run(&kiosk, &remove);
    fails(&kiosk, &["list"], 4, "auth_required");
}

#[test]
fn a_credential_of_the_service_manager_needs_no_login_at_all() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(&first, &["create", "task", "--key", "tasks/1"]);
    wait(&first);
    let token = token(&hub, "365d");
    let folder = world.path("credentials");
    std::fs::create_dir(&folder).must();
    std::fs::write(folder.join(NAME), token).must();
    let mut kiosk = world.machine("kiosk", Some(&hub));
    kiosk.stop().must();
    hub.stop().must();
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&folder).must());
    let access = format!("[[access]]\nunix_user = {uid}\naccount = \"{NAME}\"");
    kiosk.configure(&access).must();
    kiosk.set_env("CREDENTIALS_DIRECTORY", folder.to_str().unwrap());
    kiosk.start().must();
    fails(&kiosk, &["list"], 4, "auth_required");
    hub.start().must();
    // Between the account and its session there is a moment.
    eventually(|| (kiosk.ctl().ask(&["sync", "wait"]).must().code == 0).then_some(()));
    run(&kiosk, &["get", "key:tasks/1"]);
    // The configuration's tie is for good.
    fails(&kiosk, &["logout"], 4, "not_allowed");
}

#[test]
fn a_session_is_used_in_time_and_lives_on() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    // Far shorter than the hub looks at sessions of connections by itself.
    let token = token(&hub, "9s");
    let file = world.file("token", &token);
    let kiosk = world.machine("kiosk", Some(&hub));
    run(&kiosk, &["login", NAME, "--token-file", &file]);
    let ends = || {
        let status = json(&kiosk, &["status"]);
        let ends = status["accounts"][0]["sessionExpiresAt"].as_str();
        ends.unwrap().to_owned()
    };
    let mut before = ends();
    for _ in 0..3 {
        // Times of one form sort as they are.
        before = eventually(|| Some(ends()).filter(|ends| *ends > before));
    }
    assert_eq!(state(&kiosk), "synced");
}
