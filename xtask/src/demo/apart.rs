//! The third part: both machines write while the hub is away, and contradict each other.

use super::stage::Stage;
use super::teller::Teller;
use super::{Told, differs};

/// Plays it.
pub(super) fn play(stage: &mut Stage, teller: &Teller) -> Told {
    teller.open("The hub goes away; both machines go on");
    stage.hub.stop()?;
    let (laptop, desktop) = (stage.at_laptop(), stage.at_desktop());

    teller
        .say("the same particle on both: the later one will win everywhere, the other stays in the timeline");
    laptop.types(&["set", "key:geonames/country/CH", "capital=Zurich"])?;
    desktop.types(&["set", "key:geonames/country/CH", "capital=Geneva"])?;
    teller.say("deleted here, edited there");
    laptop.types(&["delete", "key:geonames/country/SE"])?;
    desktop.types(&["set", "key:geonames/country/SE", "population=10600000"])?;
    teller.say("what the laptop deleted before, the desktop takes back");
    desktop.types(&["undelete", "key:geonames/country/BV"])?;
    teller.say("counted on both: both count");
    laptop.types(&["add", "key:geonames/country/IT", "visits=2"])?;
    desktop.types(&["add", "key:geonames/country/IT", "visits=3"])?;
    teller.say("unset here, set there");
    laptop.types(&["unset", "key:geonames/country/NO", "currency"])?;
    desktop.types(&["set", "key:geonames/country/NO", "currency=krone"])?;
    teller.say("moved to two places");
    laptop.types(&[
        "move",
        "key:geonames/country/ES",
        "--parent",
        "key:demo/tour",
    ])?;
    desktop.types(&["create", "trip", "name=Some day", "--key", "demo/some-day"])?;
    desktop.types(&[
        "move",
        "key:geonames/country/ES",
        "--parent",
        "key:demo/some-day",
    ])?;
    teller.say("and each below the other: together that would be a ring");
    laptop.types(&[
        "move",
        "key:geonames/country/GR",
        "--parent",
        "key:geonames/country/CY",
    ])?;
    desktop.types(&[
        "move",
        "key:geonames/country/CY",
        "--parent",
        "key:geonames/country/GR",
    ])?;

    let waited = laptop.types_expecting(&["sync", "wait", "--timeout", "1s"], 8)?;
    if waited.stderr.trim().is_empty() {
        return differs("`sync wait` timed out without saying why");
    }
    teller.say("`sync wait` does not claim what is not so: exit code 8, and why:");
    for line in waited.stderr.lines() {
        teller.say(&format!("  {line}"));
    }
    if laptop.asks(&["export"])?.stdout == desktop.asks(&["export"])?.stdout {
        return differs("the machines are apart, and hold the same");
    }
    Ok(())
}
