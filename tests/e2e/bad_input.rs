//! Bad input: a clear error with its code, nothing lost, nothing crashed.

use crate::world::{Must, World, export, fails, json, run};

#[test]
fn every_kind_of_bad_input_has_its_error_and_changes_nothing() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    run(
        &machine,
        &["create", "task", "title=Bread", "--key", "tasks/1"],
    );
    let before = export(&machine);

    let good = r#"{"key":"tasks/2","type":"task","properties":{}}"#;
    let malformed = world.file("malformed.jsonl", &format!("{good}\n{{\"key\":\n"));
    let reply = fails(&machine, &["seed", &malformed], 10, "bad_data");
    assert!(
        reply.stderr.contains("malformed.jsonl:2"),
        "{}",
        reply.stderr
    );

    let long_value = "v".repeat(2 << 20);
    let line = format!(r#"{{"key":"tasks/3","type":"task","properties":{{"a":"{long_value}"}}}}"#);
    let long_line = world.file("long-value.jsonl", &format!("{line}\n"));
    let reply = fails(&machine, &["seed", &long_line], 10, "bad_data");
    assert!(reply.stderr.contains("1048576"), "{}", reply.stderr);
    let value_file = world.file("value.txt", &long_value);
    fails(
        &machine,
        &["set", "key:tasks/1", &format!("title=@{value_file}")],
        10,
        "bad_data",
    );

    let long_key = "k".repeat(300);
    let reply = fails(
        &machine,
        &["set", "key:tasks/1", &format!("{long_key}=1")],
        10,
        "bad_data",
    );
    assert!(reply.stderr.contains("255"), "{}", reply.stderr);
    fails(
        &machine,
        &["set", "key:tasks/1", "$type=other"],
        10,
        "bad_data",
    );

    let unknown = "0193aaaa-bbbb-7ccc-8ddd-eeeeffff0000";
    for command in [
        &["get", unknown][..],
        &["set", unknown, "a=1"],
        &["delete", "key:tasks/404"],
        &["move", "key:tasks/1", "--parent", unknown],
        &["history", unknown],
    ] {
        fails(&machine, command, 3, "not_found");
    }
    assert_eq!(export(&machine), before);
    run(&machine, &["set", "key:tasks/1", "title=Butter"]);
}

#[test]
fn the_good_lines_are_written_where_that_is_asked_for() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    let good = r#"{"key":"tasks/1","type":"task","properties":{}}"#;
    let file = world.file("mixed.jsonl", &format!("nonsense\n{good}\n"));
    let seeded = machine.ctl().ask(&["seed", "--keep-going", &file]).must();
    seeded.expect_code(10).must();
    assert_eq!(json(&machine, &["get", "key:tasks/1"])["type"], "task");
}

#[test]
fn a_wrong_command_line_is_usage() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    for command in [
        &["set"][..],
        &["nonsense"],
        &["list", "--where", "no operator"],
    ] {
        machine.ctl().ask(command).must().expect_code(2).must();
    }
}
