//! The second and the last part: the hub is there, and all hold the same.

use std::collections::BTreeSet;

use atome_tests::{Reply, binaries};
use serde::Deserialize;

use super::offline::{NAME, PASSWORD, Seeded};
use super::stage::{Stage, folder_len};
use super::teller::{Person, Teller, bytes, millis};
use super::{Told, differs};

/// What `sync wait` proves.
#[derive(Deserialize)]
struct Proof {
    number: u64,
    cursor: u64,
    digest: String,
}

/// What `sync verify` compares.
#[derive(Deserialize)]
struct Compared {
    equal: bool,
    local: String,
    hub: String,
}

/// One line of `verify`.
#[derive(Deserialize)]
struct Difference {
    record: String,
    #[serde(default)]
    field: Option<String>,
}

/// What the story changed in the sample, and nothing else: record and field, `-` for a whole atome.
const CHANGED: &[(&str, &str)] = &[
    ("CH", "capital"),
    ("CY", "$parent"),
    ("DE", "population"),
    ("ES", "$parent"),
    ("FR", "$parent"),
    ("GR", "$parent"),
    ("HM", "$deleted"),
    ("IT", "$parent"),
    ("IT", "visits"),
    ("JP", "flag"),
    ("NO", "currency"),
    ("SE", "$deleted"),
    ("SE", "population"),
    ("VA", "area_km2"),
    ("some-day", "-"),
    ("tour", "-"),
];

/// The hub appears; the laptop's work goes there, and from there to the desktop.
pub(super) fn first_sync(stage: &mut Stage, teller: &Teller, seeded: &Seeded) -> Told {
    teller.open("The hub appears");
    let ready = stage.hub.start()?.ready_after;
    teller.say(&format!(
        "a real hub, with TLS and an embedded SQLite, ready after {}; the laptop finds it by itself",
        millis(ready)
    ));
    let laptop = stage.at_laptop();
    // The back-off may stand at some seconds after so long without a hub; a person would ask too.
    laptop.types(&["sync", "now"])?;
    let proof = wait(&laptop, teller)?;
    if proof.number < seeded.commits {
        return differs("the hub has fewer commits than the seed made");
    }
    let accounts = stage.hub.admin(&["account", "list"])?.expect_code(0)?;
    if !accounts.stdout.contains(NAME) {
        return differs("the hub does not list the account");
    }
    teller.say(&format!(
        "the account is registered; the hub holds {}",
        bytes(folder_len(&stage.hub.state_dir())?)
    ));

    teller.open("A second machine: log in, and everything is there");
    let ready = stage.desktop.start()?.ready_after;
    teller.say(&format!(
        "the desktop's daemon is ready after {}, and empty",
        millis(ready)
    ));
    let desktop = stage.at_desktop();
    desktop.types_with(&["login", NAME, "--password-stdin"], PASSWORD)?;
    wait(&desktop, teller)?;
    let len = same_export(&laptop, &desktop)?;
    teller.say(&format!(
        "both machines export the same, byte for byte: {}",
        bytes(len)
    ));
    stage.check_direction(teller)
}

/// The hub is back; all come together, provably.
pub(super) fn converge(stage: &mut Stage, teller: &Teller) -> Told {
    teller.open("The hub comes back, and all come together");
    stage.hub.start()?;
    let (laptop, desktop) = (stage.at_laptop(), stage.at_desktop());
    laptop.types(&["sync", "now"])?;
    desktop.types(&["sync", "now"])?;
    wait(&laptop, teller)?;
    wait(&desktop, teller)?;
    // What the desktop brought only now has to reach the laptop too.
    wait(&laptop, teller)?;
    let len = same_export(&laptop, &desktop)?;
    teller.say(&format!(
        "both machines export the same, byte for byte: {}",
        bytes(len)
    ));
    let digest = same_digest(&laptop, &desktop)?;
    teller.say(&format!(
        "laptop, desktop and hub have one digest: {digest}"
    ));

    teller.open("What differs from the sample is what was changed, and nothing else");
    let sample = binaries::sample();
    let verified = laptop.types_expecting(
        &[
            "verify",
            "--strict",
            &sample.to_string_lossy(),
            "-o",
            "jsonl",
        ],
        1,
    )?;
    let found = changed(&verified)?;
    let expected: BTreeSet<String> = CHANGED
        .iter()
        .map(|(country, field)| format!("{country} {field}"))
        .collect();
    if found != expected {
        let missed: Vec<_> = expected.difference(&found).collect();
        let more: Vec<_> = found.difference(&expected).collect();
        return differs(format!(
            "`verify` did not name {missed:?}, and named {more:?}"
        ));
    }
    let found: Vec<String> = found.into_iter().collect();
    teller.say(&format!(
        "{} differences: {}",
        found.len(),
        found.join(", ")
    ));
    outcome(&laptop, teller)
}

/// Who won what.
fn outcome(person: &Person, teller: &Teller) -> Told {
    let particle = |country: &str, key: &str| -> Told<serde_json::Value> {
        let id = format!("key:geonames/country/{country}");
        let atome: serde_json::Value = person.asks(&["get", &id, "-o", "json"])?.json()?;
        let value = atome.pointer(&format!("/properties/{key}"));
        Ok(value.cloned().unwrap_or_default())
    };
    // Written within milliseconds on two machines: whose clock was ahead decides, and all agree on it.
    for (country, key, possible) in [
        ("CH", "capital", &["\"Geneva\"", "\"Zurich\""][..]),
        ("IT", "visits", &["6"]),
        ("NO", "currency", &["\"krone\"", "null"]),
    ] {
        let value = particle(country, key)?.to_string();
        if !possible.contains(&value.as_str()) {
            return differs(format!(
                "{key} of {country} is {value}, none of {possible:?}"
            ));
        }
        teller.say(&format!("{country} {key} = {value}, on both"));
    }
    let history = person.types(&[
        "history",
        "key:geonames/country/CH",
        "capital",
        "-o",
        "jsonl",
    ])?;
    for value in ["Bern", "Zurich", "Geneva"] {
        if !history.stdout.contains(value) {
            return differs(format!("'{value}' is not in the timeline"));
        }
    }
    teller.say("the timeline has all three capitals: nothing that was written is lost");
    Ok(())
}

fn wait(person: &Person, teller: &Teller) -> Told<Proof> {
    let reply = person.types(&["sync", "wait", "-o", "json"])?;
    let proof: Proof = reply.json()?;
    teller.say(&format!(
        "proof: commits up to {} are durable at the hub, the feed up to {} is applied here, digest {}…",
        proof.number,
        proof.cursor,
        proof.digest.get(..16).unwrap_or_default()
    ));
    Ok(proof)
}

fn same_export(laptop: &Person, desktop: &Person) -> Told<u64> {
    let (here, there) = (laptop.types(&["export"])?, desktop.types(&["export"])?);
    if here.stdout == there.stdout {
        return Ok(u64::try_from(here.stdout.len()).unwrap_or(u64::MAX));
    }
    let mut lines = here.stdout.lines().zip(there.stdout.lines());
    let first = lines.find(|(a, b)| a != b);
    differs(match first {
        Some((a, b)) => format!("the exports differ:\n  laptop:  {a}\n  desktop: {b}"),
        None => "one export is longer than the other".to_owned(),
    })
}

fn same_digest(laptop: &Person, desktop: &Person) -> Told<String> {
    let mut digests = BTreeSet::new();
    for person in [laptop, desktop] {
        let compared: Compared = person.types(&["sync", "verify", "-o", "json"])?.json()?;
        if !compared.equal {
            return differs(format!("the {} and the hub differ", person.machine));
        }
        digests.insert(compared.local);
        digests.insert(compared.hub);
    }
    match digests.pop_first() {
        Some(digest) if digests.is_empty() => Ok(digest),
        _ => differs("laptop, desktop and hub have different digests"),
    }
}

fn changed(verified: &Reply) -> Told<BTreeSet<String>> {
    let differences: Vec<Difference> = verified.lines()?;
    let name = |difference: &Difference| {
        let country = difference.record.rsplit('/').next().unwrap_or_default();
        format!("{country} {}", difference.field.as_deref().unwrap_or("-"))
    };
    Ok(differences.iter().map(name).collect())
}
