//! Finding: words in the texts of everything, on a machine alone, after restarts and bulk loads, and on another.

use atome_tests::Machine;
use atome_tests::binaries::sample;

use crate::world::{Must, PASSWORD, World, fails, json, run, wait};

fn keys(machine: &Machine, arguments: &[&str]) -> Vec<String> {
    let found = json(machine, &[&["find"], arguments].concat());
    let all = found.as_array().unwrap().iter();
    all.map(|atome| atome["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn words_are_found_wherever_they_stand() {
    let world = World::new();
    let hub = world.hub();
    let mut a = world.machine("a", Some(&hub));
    a.ctl()
        .run_with(&["account", "create", "ada", "--password-stdin"], PASSWORD)
        .must();
    run(&a, &["seed", sample().to_str().unwrap()]);
    assert_eq!(keys(&a, &["switzerl*"]), ["geonames/country/CH"]);
    run(
        &a,
        &[
            "create",
            "note",
            "--key",
            "n/1",
            "body=Über die Brücke nach SWITZERLAND",
        ],
    );
    assert_eq!(keys(&a, &["uber", "brucke"]), ["n/1"]);
    assert_eq!(
        keys(&a, &["\"die brücke\" switz*", "--type", "note"]),
        ["n/1"]
    );
    assert_eq!(keys(&a, &["\"brücke die\""]), Vec::<String>::new());
    assert_eq!(keys(&a, &["switzerland", "--limit", "1"]).len(), 1);
    a.stop().must();
    a.start().must();
    run(&a, &["delete", "key:geonames/country/CH"]);
    assert_eq!(keys(&a, &["switzerland"]), ["n/1"]);
    fails(&a, &["find", "& -"], 2, "bad_request");
    wait(&a);
    let b = world.machine("b", Some(&hub));
    b.ctl()
        .run_with(&["login", "ada", "--password-stdin", "--wait"], PASSWORD)
        .must();
    assert_eq!(keys(&b, &["SWITZERLAND"]), ["n/1"]);
    run(&b, &["set", "key:n/1", "body=elsewhere"]);
    wait(&b);
    wait(&a);
    for machine in [&a, &b] {
        assert_eq!(keys(machine, &["brücke"]), Vec::<String>::new());
        assert_eq!(keys(machine, &["elsewhere"]), ["n/1"]);
    }
}
