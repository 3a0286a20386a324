//! Three accounts on five machines share a tree: for reading, for altering two particles; edits by all, moves
//! in and out, a revocation while a machine is away. In the end every machine holds what the hub says that its
//! account may see, and of what was taken back not one byte is left in any file.

use std::fmt::Write as _;

use atome_tests::{Hub, Machine};
use serde_json::Value;

use crate::world::{
    Must, PASSWORD, World, contains, eventually, export, fails, files, json, run, verified_digest,
    wait,
};

/// Places of the tree: 500, or as many as `ATOME_SHARED_PLACES` says.
fn places() -> usize {
    let asked = std::env::var("ATOME_SHARED_PLACES").ok();
    asked.map_or(500, |text| text.parse().unwrap())
}

/// What stands in every value that a reader may lose, and nowhere else.
const MARK: &str = "q7Xv-mark";

fn account(world: &World, machine: &str, name: &str, hub: &Hub) -> Machine {
    let machine = world.machine(machine, Some(hub));
    let create = ["account", "create", name, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    wait(&machine);
    machine
}

fn also(world: &World, machine: &str, name: &str, hub: &Hub) -> Machine {
    let machine = world.machine(machine, Some(hub));
    let login = ["login", name, "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
    wait(&machine);
    machine
}

/// A tree of places, and beside it two atomes that move in and out.
fn tree() -> String {
    let mut lines = String::new();
    let mut line = |key: &str, parent: Option<&str>, n: usize| {
        let parent = parent.map_or_else(String::new, |parent| format!("\"parent\":\"{parent}\","));
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            lines,
            "{{\"key\":\"{key}\",\"type\":\"place\",{parent}\"properties\":{{\"name\":\"{MARK} {n}\",\
             \"note\":\"\",\"visits\":0,\"long\":\"{}\"}}}}",
            MARK.repeat(if n.is_multiple_of(50) { 2_000 } else { 1 }),
        );
    };
    line("root", None, 0);
    for n in 1..=places() {
        let parent = match n {
            1..=9 => "root".to_owned(),
            _ => format!("p/{}", n / 10),
        };
        line(&format!("p/{n}"), Some(&parent), n);
    }
    line("outside", None, places() + 1);
    lines
}

fn share(machine: &Machine, with: &str, more: &[&str]) {
    let arguments = [&["share", "key:root", "--with", with][..], more].concat();
    run(machine, &arguments);
    wait(machine);
}

/// Accepts all that waits in the inbox.
fn accept(machine: &Machine) {
    let inbox = eventually(|| {
        wait(machine);
        let inbox = json(machine, &["inbox"]);
        let waiting = inbox.as_array().unwrap().clone();
        (!waiting.is_empty()).then_some(waiting)
    });
    for request in inbox {
        run(
            machine,
            &["inbox", "accept", request["id"].as_str().unwrap()],
        );
    }
    wait(machine);
}

fn settle(machines: &[&Machine]) {
    for _ in 0..2 {
        for machine in machines {
            wait(machine);
        }
    }
}

/// A word of it, as the index for searches has it.
const MARK_WORD: &str = "q7xv";

fn holds_mark(machine: &Machine) -> Option<std::path::PathBuf> {
    files(&machine.state_dir()).into_iter().find(|path| {
        let bytes = std::fs::read(path).must();
        [MARK, MARK_WORD]
            .iter()
            .any(|mark| contains(&bytes, mark.as_bytes()))
    })
}

/// The index for searches is a file that has what may be seen.
fn search(machine: &Machine) {
    let found = run(machine, &["find", MARK_WORD]);
    assert_eq!(lines(&found.stdout).len(), lines(&export(machine)).len());
    let index = files(&machine.state_dir())
        .into_iter()
        .find(|path| path.ends_with("replica.search.db"));
    assert!(index.is_some(), "there is no index");
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What is not given is refused at once, and offline.
fn wrong_requests(bob: &Machine, carol: &Machine, five: &str) {
    fails(bob, &["set", "key:p/5", "name=x"], 3, "not_found");
    fails(bob, &["set", five, "note=x"], 4, "not_allowed");
    fails(carol, &["set", five, "name=x"], 4, "not_allowed");
    fails(carol, &["delete", five], 4, "not_allowed");
    fails(bob, &["share", five, "--with", "carol"], 4, "not_allowed");
    fails(
        bob,
        &["create", "place", "--parent", five],
        4,
        "not_allowed",
    );
}

/// Edits by all, moves out of the tree and into it.
fn edit_and_move(all: [&Machine; 5], five: &str) {
    let [ada, bob, carol, bob_too, ada_too] = all;
    for n in 1..=30 {
        run(
            ada,
            &[
                "set",
                &format!("key:p/{n}"),
                &format!("name={MARK} new {n}"),
            ],
        );
    }
    run(carol, &["set", five, "note=from carol"]);
    run(carol, &["add", five, "visits=3"]);
    run(ada_too, &["add", "key:p/5", "visits=4"]);
    run(ada_too, &["move", "key:p/7", "--parent", ""]);
    run(ada_too, &["move", "key:outside", "--parent", "key:p/5"]);
    settle(&all);
    for machine in all {
        verified_digest(machine);
    }
    let seen = json(bob, &["get", five]);
    assert_eq!(seen["properties"]["visits"], 7);
    assert_eq!(seen["properties"]["note"], "from carol");
    assert_eq!(seen["properties"]["name"], format!("{MARK} new 5"));
    let names = export(bob);
    assert!(!names.contains(&format!("{MARK} new 7\"")), "moved out");
    assert!(
        names.contains(&format!("{MARK} {}\"", places() + 1)),
        "moved in"
    );
    assert_eq!(export(bob), export(bob_too));
    assert_eq!(export(ada), export(ada_too));
    for seen in lines(&export(carol)) {
        let properties = seen["properties"].as_object().unwrap();
        let cut = properties
            .keys()
            .all(|key| key == "note" || key == "visits");
        assert!(cut, "{seen}");
    }
}

/// Taken back while a machine is away, with an edit that waits.
fn take_back(all: [&Machine; 5], five: &str) {
    let [ada, bob, carol, bob_too, _] = all;
    run(carol, &["sync", "pause"]);
    run(carol, &["set", five, "note=too late"]);
    run(ada, &["unshare", "key:root", "--with", "carol"]);
    run(ada, &["unshare", "key:root", "--with", "bob"]);
    wait(ada);
    run(carol, &["sync", "resume"]);
    settle(&all);
    for machine in [bob, bob_too, carol] {
        assert_eq!(export(machine), "");
        assert_eq!(json(machine, &["find", MARK_WORD]), serde_json::json!([]));
        verified_digest(machine);
    }
    let refused = json(carol, &["sync", "refused"]);
    assert_eq!(refused.as_array().unwrap().len(), 1, "{refused}");
}

/// Evidence for the owner.
fn hear_of_removal(ada: &Machine) {
    eventually(|| {
        wait(ada);
        let shares = json(ada, &["shares"]);
        let all = shares.as_array().unwrap();
        let confirmed = |grant: &Value| {
            let evictions = grant["evictions"].as_array();
            evictions.is_some_and(|all| all.iter().all(|it| it["confirmed"] == true))
        };
        (all.len() == 2 && all.iter().all(confirmed)).then_some(())
    });
}

#[test]
fn three_accounts_share_a_tree_and_part_again() {
    let world = World::new();
    let hub = world.hub();
    let ada = account(&world, "ada", "ada", &hub);
    let bob = account(&world, "bob", "bob", &hub);
    let carol = account(&world, "carol", "carol", &hub);
    let file = world.file("places.jsonl", &tree());
    run(&ada, &["seed", &file]);
    wait(&ada);
    share(&ada, "bob", &["--can", "read"]);
    share(
        &ada,
        "carol",
        &["--can", "read,alter", "--only", "note,visits"],
    );
    wait(&bob);
    assert_eq!(export(&bob), "", "nothing comes before acceptance");
    accept(&bob);
    accept(&carol);
    let (bob_too, ada_too) = (
        also(&world, "bob-too", "bob", &hub),
        also(&world, "ada-too", "ada", &hub),
    );
    let all = [&ada, &bob, &carol, &bob_too, &ada_too];
    settle(&all);
    assert_eq!(lines(&export(&bob)).len(), places() + 1);
    assert_eq!(export(&bob), export(&bob_too));

    for machine in [&bob, &bob_too] {
        search(machine);
    }
    assert_eq!(
        json(&carol, &["find", MARK_WORD]),
        serde_json::json!([]),
        "she may not see names"
    );

    let five = json(&bob, &["list", "--where", &format!("name={MARK} 5")]);
    let five = five[0]["id"].as_str().unwrap().to_owned();
    wrong_requests(&bob, &carol, &five);
    edit_and_move(all, &five);
    take_back(all, &five);
    for machine in [&bob, &bob_too, &carol] {
        eventually(|| holds_mark(machine).is_none().then_some(()));
    }
    hear_of_removal(&ada);
    // The owner has everything still.
    assert_eq!(lines(&export(&ada)).len(), places() + 2);
    verified_digest(&ada);
}

#[test]
fn requests_and_answers_work_offline_on_either_side() {
    let world = World::new();
    let mut hub = world.hub();
    let ada = account(&world, "ada", "ada", &hub);
    let bob = account(&world, "bob", "bob", &hub);
    run(&ada, &["create", "note", "title=for bob", "--key", "n"]);
    wait(&ada);
    // Both have met in the directory.
    run(&ada, &["directory", "show", "bob"]);
    hub.stop().must();
    run(&ada, &["share", "key:n", "--with", "bob", "--can", "alter"]);
    let shares = json(&ada, &["shares"]);
    assert_eq!(shares[0]["state"], "requested");
    assert_eq!(shares[0]["pending"], true);
    hub.start().must();
    wait(&ada);
    let request = eventually(|| {
        wait(&bob);
        let inbox = json(&bob, &["inbox"]);
        inbox.as_array().unwrap().first().cloned()
    });
    assert_eq!(request["by"]["name"], "ada");
    hub.stop().must();
    let grant = request["id"].as_str().unwrap();
    run(&bob, &["inbox", "accept", grant]);
    let mine = json(&bob, &["shares", "--with-me"]);
    assert_eq!(
        (&mine[0]["state"], &mine[0]["pending"]),
        (&"accepted".into(), &true.into())
    );
    assert_eq!(export(&bob), "", "it is not here yet");
    hub.start().must();
    wait(&bob);
    eventually(|| (!export(&bob).is_empty()).then_some(()));
    let note = lines(&export(&bob)).remove(0);
    assert_eq!(note["properties"]["title"], "for bob");
    let id = json(&bob, &["list"])[0]["id"].as_str().unwrap().to_owned();
    run(&bob, &["set", &id, "title=thanks"]);
    wait(&bob);
    wait(&ada);
    let note = json(&ada, &["get", "key:n"]);
    assert_eq!(note["properties"]["title"], "thanks");
    assert_eq!(note["owner"], note["creator"]);
    let yes = json(&ada, &["why", "bob", "may", "alter", "key:n"]);
    assert_eq!(
        (&yes["allowed"], &yes["reasons"][0]["gives"]),
        (&true.into(), &true.into())
    );
    let no = ["why", "bob", "may", "share", "key:n", "-o", "json"];
    ada.ctl().ask(&no).must().expect_code(1).must();
    // A policy answers by itself, and a block says nothing.
    run(&bob, &["policy", "ada", "always"]);
    wait(&bob);
    run(&ada, &["create", "note", "title=second", "--key", "m"]);
    run(&ada, &["share", "key:m", "--with", "bob"]);
    wait(&ada);
    eventually(|| {
        wait(&bob);
        export(&bob).contains("second").then_some(())
    });
    run(&bob, &["policy", "ada", "block"]);
    wait(&bob);
    run(&ada, &["create", "note", "title=third", "--key", "o"]);
    run(&ada, &["share", "key:o", "--with", "bob"]);
    wait(&ada);
    wait(&bob);
    assert_eq!(json(&bob, &["inbox", "--all"]).as_array().unwrap().len(), 2);
    let shares = json(&ada, &["shares", "key:o"]);
    assert_eq!(
        (&shares[0]["state"], &shares[0]["pending"]),
        (&"requested".into(), &false.into())
    );
}
