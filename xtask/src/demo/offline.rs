//! The first part: an account and data on a machine that has no network.

use atome_tests::binaries;
use serde::Deserialize;
use serde_json::Value;

use super::stage::{Stage, folder_len};
use super::teller::{Teller, bytes, millis};
use super::{Told, differs};

/// The password of the story's person.
pub(super) const PASSWORD: &str = "correct horse battery staple\n";
/// The account's name.
pub(super) const NAME: &str = "ada";

/// What `seed` answers.
#[derive(Deserialize)]
pub(super) struct Seeded {
    pub(super) created: u64,
    pub(super) altered: u64,
    pub(super) unchanged: u64,
    pub(super) commits: u64,
}

/// Plays it; gives what the seed came to.
pub(super) fn play(stage: &mut Stage, teller: &Teller) -> Told<Seeded> {
    let seeded = account_and_seed(stage, teller)?;
    change(stage, teller)?;
    look(stage, teller)?;
    Ok(seeded)
}

fn account_and_seed(stage: &Stage, teller: &Teller) -> Told<Seeded> {
    let ada = stage.at_laptop();
    let sample = binaries::sample();
    let sample = sample.to_string_lossy();

    teller.open("Offline: make an account, and put 252 countries into it");
    ada.types_with(&["account", "create", NAME, "--password-stdin"], PASSWORD)?;
    teller.say("the account works at once; its registration waits for the hub");
    let reply = ada.types(&["seed", &sample, "-o", "json"])?;
    let seeded: Seeded = reply.json()?;
    if (seeded.created, seeded.altered, seeded.unchanged) != (252, 0, 0) {
        return differs(format!("the seed made {} atomes, not 252", seeded.created));
    }
    teller.say(&format!(
        "{} atomes in {} commits, durable on disk: {:.0} records a second, {} of state",
        seeded.created,
        seeded.commits,
        252.0 / reply.took.as_secs_f64(),
        bytes(folder_len(&stage.laptop.state_dir())?)
    ));
    let again: Seeded = ada.types(&["seed", &sample, "-o", "json"])?.json()?;
    if (again.unchanged, again.commits) != (252, 0) {
        return differs(format!("seeding again made {} commits", again.commits));
    }
    teller.say("seeding the same file again changes nothing: 252 unchanged, 0 commits");
    ada.types(&["verify", &sample])?;
    teller.say("and what is stored is what the file says");
    Ok(seeded)
}

/// What [`super::together::converge`] expects to differ from the sample in the end.
fn change(stage: &Stage, teller: &Teller) -> Told {
    let ada = stage.at_laptop();
    teller.open("Still offline: change some, delete some, count, arrange");
    ada.types(&["set", "key:geonames/country/DE", "population=84000000"])?;
    ada.types(&[
        "set",
        "key:geonames/country/JP",
        "flag={\"colours\":[\"white\",\"red\"]}",
    ])?;
    ada.types(&["unset", "key:geonames/country/VA", "area_km2"])?;
    ada.types(&["add", "key:geonames/country/IT", "visits=1"])?;
    ada.types(&[
        "delete",
        "key:geonames/country/BV",
        "key:geonames/country/HM",
    ])?;
    ada.types(&["create", "trip", "name=Grand tour", "--key", "demo/tour"])?;
    ada.types(&[
        "move",
        "key:geonames/country/FR",
        "--parent",
        "key:demo/tour",
    ])?;
    ada.types(&[
        "move",
        "key:geonames/country/IT",
        "--parent",
        "key:demo/tour",
    ])?;
    Ok(())
}

fn look(stage: &Stage, teller: &Teller) -> Told {
    let ada = stage.at_laptop();
    teller.open("Look at it");
    let large = ada.types(&["list", "--where", "population > 100000000", "-o", "jsonl"])?;
    let large: Vec<Value> = large.lines()?;
    let name = |atome: &Value| -> Option<String> {
        Some(atome.pointer("/properties/name")?.as_str()?.to_owned())
    };
    let names: Vec<String> = large.iter().filter_map(name).collect();
    if names.len() < 10 {
        return differs(format!("only {} countries above 100 million", names.len()));
    }
    teller.say(&format!("{} countries: {}", names.len(), names.join(", ")));
    let tree = ada.types(&["tree", "key:demo/tour", "-o", "jsonl"])?;
    let tree: Vec<Value> = tree.lines()?;
    if tree.len() != 3 {
        return differs(format!("the tour's tree has {} lines, not 3", tree.len()));
    }
    for line in &tree {
        let depth = line
            .get("depth")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let name = line.get("name").and_then(Value::as_str).unwrap_or("?");
        teller.say(&format!("{}{name}", if depth == 0 { "" } else { "└ " }));
    }
    let history = ada.types(&[
        "history",
        "key:geonames/country/DE",
        "population",
        "-o",
        "jsonl",
    ])?;
    let values = history.stdout.matches("\"value\"").count();
    if values != 2 {
        return differs(format!(
            "the population's history has {values} values, not 2"
        ));
    }
    teller.say("every value that a particle ever had is kept: two versions of this one");
    let status = ada.types(&["status", "-o", "json"])?;
    let status: Value = status.json()?;
    let pending = status
        .pointer("/accounts/0/pending")
        .and_then(Value::as_u64);
    let state = status.pointer("/accounts/0/state").and_then(Value::as_str);
    teller.say(&format!(
        "{} commits wait for the hub; the account says '{}'",
        pending.unwrap_or_default(),
        state.unwrap_or("?")
    ));
    if pending.is_none_or(|pending| pending == 0) {
        return differs("no commit waits for the hub");
    }
    teller.say(&format!(
        "start to end, `status` took {}",
        millis(ada.asks(&["status"])?.took)
    ));
    Ok(())
}
