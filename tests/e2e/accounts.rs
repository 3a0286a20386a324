//! What becomes of accounts: conflicts and the ways out, other passwords, deletion.

use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use atome_proto::{AccountId, ReplicaId};
use atome_store::machine::SessionTerm;
use atome_store::{Durability, MachineDb, ReplicaDb};
use atome_tests::{Hub, Machine};
use serde_json::Value;

use crate::world::{
    Must, NAME, PASSWORD, World, eventually, export, fails, json, run, token, wait,
};

const OTHER: &[u8] = b"another password\n";

fn create(machine: &Machine, arguments: &[&str], password: &[u8]) {
    let all = [&["account", "create"], arguments, &["--password-stdin"]].concat();
    machine.ctl().run_with(&all, password).must();
}

fn login(machine: &Machine, name: &str, password: &[u8], exit: i32) {
    let reply = machine
        .ctl()
        .ask_with(&["login", name, "--password-stdin"], password);
    reply.must().expect_code(exit).must();
}

fn state(machine: &Machine) -> Value {
    json(machine, &["status"])["accounts"][0]["state"].clone()
}

/// A hub that has an account, and a machine that made one of the same name while the hub was away.
fn in_conflict(world: &World, password: &[u8]) -> (Hub, Machine, Machine) {
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(
        &first,
        &["create", "task", "title=First", "--key", "tasks/1"],
    );
    wait(&first);
    hub.stop().must();
    let second = world.machine("b", Some(&hub));
    create(&second, &[NAME], password);
    run(
        &second,
        &["create", "task", "note=Second", "--key", "tasks/1"],
    );
    run(&second, &["create", "list", "--key", "lists/1"]);
    run(&second, &["move", "key:tasks/1", "--parent", "key:lists/1"]);
    hub.start().must();
    eventually(|| (state(&second) == "conflict").then_some(()));
    (hub, first, second)
}

#[test]
fn another_name_ends_a_conflict() {
    let world = World::new();
    let (hub, first, second) = in_conflict(&world, OTHER);
    run(&second, &["set", "key:tasks/1", "note=Third"]);
    let health = json(&second, &["status"])["health"].to_string();
    assert!(health.contains("name-conflict"), "{health}");
    let resolve = ["account", "resolve", NAME, "--name", "Grace"];
    run(&second, &resolve);
    wait(&second);
    assert_eq!(state(&second), "synced");
    let listed = hub.admin(&["account", "list"]).must().stdout;
    assert!(
        listed.contains("Grace") && listed.contains(NAME),
        "{listed}"
    );
    // Two accounts: neither has anything of the other.
    assert!(!export(&first).contains("Third"));
    assert!(!export(&second).contains("First"));
    fails(&second, &resolve, 4, "auth_required");
    let done = ["account", "resolve", "Grace", "--name", "x"];
    fails(&second, &done, 5, "conflict");
}

#[test]
fn the_right_password_makes_two_accounts_one() {
    let world = World::new();
    let (hub, first, mut second) = in_conflict(&world, PASSWORD);
    login(&second, NAME, PASSWORD, 0);
    let now = state(&second);
    assert!(
        now == "syncing" || now == "synced",
        "it is the hub's account now: {now}"
    );
    wait(&second);
    wait(&first);
    assert_eq!(export(&first), export(&second));
    // One task of that key, with what both said of it.
    let task = json(&first, &["get", "key:tasks/1"]);
    assert_eq!(task["properties"]["title"], "First", "{task}");
    assert_eq!(task["properties"]["note"], "Second", "{task}");
    let id = |machine: &_| json(machine, &["status"])["accounts"][0]["id"].clone();
    assert_eq!(id(&first), id(&second));
    let accounts: Vec<Value> = run(&second, &["account", "list", "-o", "jsonl"])
        .lines()
        .must();
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    second.stop().must();
    second.start().must();
    wait(&second);
    drop(hub);
}

/// What a daemon that ended in the midst of a join left: it was noted, and perhaps the store was moved.
fn left_in_the_midst(machine: &Machine, hub: &Hub, from: AccountId, to: AccountId, moved: bool) {
    let token = token(hub, "9d");
    let state = machine.state_dir();
    std::fs::write(state.join("secrets").join(to.to_string()), token).must();
    let mut db = MachineDb::open(&state.join("machine.db"), Durability::Full).must();
    let entry = DirectoryEntry {
        user_id: to,
        username: NAME.to_owned(),
        phone: None,
        visibility: Visibility::Public,
    };
    let term = SessionTerm::used(u64::MAX >> 2, 0);
    let hash = Secret("$argon2id$".to_owned());
    db.begin_join(from, &entry, &hash, term).must();
    if moved {
        let store = state.join("accounts").join(from.to_string());
        let store = store.join("replica.db");
        let mut db = ReplicaDb::open(&store, from, ReplicaId(1), Durability::Full).must();
        db.move_to(to).must();
    }
}

#[test]
fn a_join_goes_on_after_an_end_in_its_midst() {
    for moved in [false, true] {
        let world = World::new();
        let (hub, first, mut second) = in_conflict(&world, PASSWORD);
        let id = |machine: &Machine| -> AccountId {
            let status = json(machine, &["status"]);
            let id = status["accounts"][0]["id"].as_str();
            id.unwrap().parse().must()
        };
        let (from, to) = (id(&second), id(&first));
        assert_ne!(from, to);
        second.kill().must();
        left_in_the_midst(&second, &hub, from, to, moved);
        second.start().must();
        assert_eq!(id(&second), to);
        wait(&second);
        wait(&first);
        assert_eq!(export(&first), export(&second));
        let left = second.state_dir().join("accounts").join(from.to_string());
        assert!(!left.exists());
    }
}

#[test]
fn whoever_made_it_may_join_with_the_password_of_the_hubs_account() {
    let world = World::new();
    let (_hub, first, second) = in_conflict(&world, OTHER);
    // The local password is right here, and wrong there: nothing is joined.
    login(&second, NAME, OTHER, 0);
    assert_eq!(state(&second), "conflict");
    // The hub's password alone opens nothing of what was made here.
    login(&second, NAME, PASSWORD, 5);
    let join = ["account", "resolve", NAME, "--join", "--password-stdin"];
    let wrong = second.ctl().ask_with(&join, b"no\n").must();
    wrong.expect_code(4).must();
    second.ctl().run_with(&join, PASSWORD).must();
    wait(&second);
    wait(&first);
    assert_eq!(export(&first), export(&second));
    // From now on its password is the hub's.
    login(&second, NAME, PASSWORD, 0);
    login(&second, NAME, OTHER, 4);
}

#[test]
fn a_taken_number_is_a_conflict_too() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine("a", Some(&hub));
    create(&first, &["ada", "--phone", "+41791234567"], PASSWORD);
    wait(&first);
    let second = world.machine("b", Some(&hub));
    create(&second, &["bob", "--phone", "+41791234567"], PASSWORD);
    eventually(|| (state(&second) == "conflict").then_some(()));
    run(&second, &["account", "resolve", "bob", "--no-phone"]);
    wait(&second);
    assert_eq!(state(&second), "synced");
}

#[test]
fn an_invitation_opens_a_hub_once() {
    let world = World::new();
    let mut hub = world.hub();
    hub.stop().must();
    hub.set_env("ATOME_SERVER_ACCOUNTS__REGISTRATION", "invite");
    hub.start().must();
    let machine = world.machine_with_account("a", Some(&hub));
    eventually(|| {
        let status = json(&machine, &["status"]);
        (status["accounts"][0]["lastError"]["code"] == "not_allowed").then_some(())
    });
    let code = hub.admin(&["invite"]).must().expect_code(0).must().stdout;
    run(
        &machine,
        &["account", "resolve", NAME, "--invite", code.trim()],
    );
    wait(&machine);
    let other = world.machine("b", Some(&hub));
    create(&other, &["bob", "--invite", code.trim()], PASSWORD);
    eventually(|| {
        let status = json(&other, &["status"]);
        (status["accounts"][0]["lastError"]["code"] == "not_allowed").then_some(())
    });
}

#[test]
fn a_password_is_changed_everywhere() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    let passwd = |machine: &Machine, words: &[&str], both: &[u8], exit| {
        let all = [&["account", "passwd", "--password-stdin"], words].concat();
        let reply = machine.ctl().ask_with(&all, both).must();
        reply.expect_code(exit).must()
    };
    passwd(&first, &[], b"wrong\nnew one\n", 4);
    passwd(&first, &[], b"correct horse battery staple\nnew one\n", 0);
    login(&first, NAME, b"new one\n", 0);
    // The other machine does not know the new one yet: the hub does.
    login(&second, NAME, b"new one\n", 0);
    login(&second, NAME, PASSWORD, 4);
    wait(&second);
    // With the others logged out, they keep their data and what is pending, and sync after a login.
    run(&second, &["sync", "pause"]);
    run(&second, &["create", "task", "--key", "tasks/9"]);
    passwd(&first, &["--revoke-others"], b"new one\nnewer\n", 0);
    run(&second, &["sync", "resume"]);
    eventually(|| (state(&second) == "auth-required").then_some(()));
    let status = json(&second, &["status"]);
    assert_eq!(status["accounts"][0]["pending"], 1, "{status}");
    run(&second, &["get", "key:tasks/9"]);
    login(&second, NAME, b"newer\n", 0);
    wait(&second);
    wait(&first);
    run(&first, &["get", "key:tasks/9"]);
    // Without the hub it is not changed, and says so.
    hub.stop().must();
    passwd(&first, &[], b"newer\nnewest\n", 7);
    login(&first, NAME, b"newer\n", 0);
}

#[test]
fn a_password_can_be_changed_before_the_hub_knows_the_account() {
    let world = World::new();
    let mut hub = world.hub();
    hub.stop().must();
    let machine = world.machine_with_account("a", Some(&hub));
    let both = b"correct horse battery staple\nnew one\n";
    let passwd = ["account", "passwd", "--password-stdin"];
    machine.ctl().run_with(&passwd, both).must();
    hub.start().must();
    run(&machine, &["sync", "now"]);
    wait(&machine);
    let other = world.machine("b", Some(&hub));
    login(&other, NAME, PASSWORD, 4);
    login(&other, NAME, b"new one\n", 0);
}

#[test]
fn a_deleted_account_is_gone_everywhere() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(&first, &["create", "task", "title=Secret plan"]);
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    let mut away = world.machine_logged_in("c", &hub);
    away.stop().must();
    let delete = ["account", "delete", NAME, "--yes", "--password-stdin"];
    let wrong = first.ctl().ask_with(&delete, b"wrong\n").must();
    wrong.expect_code(4).must();
    first.ctl().run_with(&delete, PASSWORD).must();
    let none = |machine: &Machine| run(machine, &["account", "list", "-o", "jsonl"]).stdout;
    assert_eq!(none(&first), "");
    eventually(|| none(&second).is_empty().then_some(()));
    away.start().must();
    eventually(|| none(&away).is_empty().then_some(()));
    for machine in [&first, &second, &away] {
        let left = std::fs::read_dir(machine.state_dir().join("accounts")).must();
        eventually(|| {
            let accounts = machine.state_dir().join("accounts");
            (std::fs::read_dir(accounts).must().count() == 0).then_some(())
        });
        drop(left);
    }
    let listed = hub.admin(&["account", "list"]).must().stdout;
    assert!(!listed.contains(NAME), "{listed}");
    // The name is free for another.
    create(&second, &[NAME], OTHER);
    wait(&second);
    assert_eq!(export(&second), "");
}

#[test]
fn only_this_machines_copy_can_be_removed() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    run(&second, &["sync", "pause"]);
    run(&second, &["create", "task", "--key", "tasks/1"]);
    let remove = |words: &[&str], exit| {
        let all = [
            "account",
            "delete",
            NAME,
            "--local-only",
            "--yes",
            "--password-stdin",
        ];
        let reply = second.ctl().ask_with(&[&all, words].concat(), PASSWORD);
        reply.must().expect_code(exit).must()
    };
    remove(&[], 5);
    remove(&["--discard"], 0);
    run(&first, &["create", "task", "--key", "tasks/2"]);
    wait(&first);
    // The session that the copy had is over.
    eventually(|| {
        let sessions = json(&first, &["sessions"]);
        (sessions.as_array().unwrap().len() == 1).then_some(())
    });
    login(&second, NAME, PASSWORD, 0);
    wait(&second);
    assert_eq!(export(&first), export(&second));
}

#[test]
fn several_accounts_of_one_machine_sync_each_on_its_own() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine("a", Some(&hub));
    for name in ["ada", "bob", "eve"] {
        create(&machine, &[name], PASSWORD);
        let as_one = ["--account", name, "create", "task", "--key", name];
        run(&machine, &as_one);
    }
    fails(&machine, &["list"], 5, "ambiguous");
    run(&machine, &["--account", "bob", "sync", "pause"]);
    for name in ["ada", "eve"] {
        json(&machine, &["--account", name, "sync", "wait"]);
    }
    let other = world.machine("b", Some(&hub));
    for name in ["ada", "eve"] {
        login(&other, name, PASSWORD, 0);
        json(&other, &["--account", name, "sync", "wait"]);
        let listed = run(&other, &["--account", name, "export"]).stdout;
        assert_eq!(listed.lines().count(), 1, "{listed}");
        assert!(listed.contains(name), "{listed}");
    }
}
