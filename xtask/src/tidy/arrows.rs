//! Who may depend on whom, and which outside crates may stand where.
//!
//! Source: design of the architecture, "Arrows, and no others".

use serde::Deserialize;

use super::Violation;

/// Our crates, and what each may depend on of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("atome-proto", &[]),
    ("atome-engine", &["atome-proto"]),
    ("atome-store", &["atome-proto", "atome-engine"]),
    ("atome-client", &["atome-proto"]),
    ("atome-sandbox", &[]),
    ("atome-service", &[]),
    (
        "atomed",
        &[
            "atome-proto",
            "atome-engine",
            "atome-store",
            "atome-sandbox",
            "atome-service",
            "atome-wrong",
        ],
    ),
    (
        "atome-server",
        &[
            "atome-proto",
            "atome-engine",
            "atome-store",
            "atome-sandbox",
            "atome-service",
            "atome-wrong",
        ],
    ),
    ("atomectl", &["atome-proto", "atome-client"]),
    (
        "atome-sim-disk",
        &["atome-proto", "atome-engine", "atome-store"],
    ),
    (
        "atome-tests",
        &[
            "atome-proto",
            "atome-engine",
            "atome-store",
            "atome-client",
            "atome-sim-disk",
        ],
    ),
    ("atome-wrong", &[]),
    (
        "atome-doors",
        &[
            "atome-proto",
            "atome-engine",
            "atome-server",
            "atomectl",
            "atomed",
            "atome-wrong",
        ],
    ),
    (
        "xtask",
        &[
            "atome-proto",
            "atomectl",
            "atomed",
            "atome-server",
            "atome-tests",
        ],
    ),
];

/// Outside crates that are the business of a few rooms.
const KEPT: &[(&[&str], &[&str])] = &[
    (
        &[
            "rusqlite",
            "libsqlite3-sys",
            "postgres",
            "tokio-postgres",
            "sqlx",
        ],
        // The simulated disk stands below SQLite, and is for tests.
        &["atome-store", "atome-sim-disk"],
    ),
    (
        &["tokio-tungstenite", "tungstenite"],
        &["atomed", "atome-server", "atome-tests"],
    ),
    (
        &[
            "rustls",
            "tokio-rustls",
            "rustls-native-certs",
            "rustls-pemfile",
        ],
        &["atomed", "atome-server", "atome-tests"],
    ),
    (&["landlock", "seccompiler"], &["atome-sandbox"]),
    (&["indicatif"], &["atomectl"]),
    (&["argon2"], &["atomed", "atome-server"]),
];

/// Rooms that never do IO, wait, or make randomness of their own, and crates that would let them.
const PURE: &[&str] = &["atome-proto", "atome-engine"];
const IMPURE: &[&str] = &[
    "async-trait",
    "fastrand",
    "futures-util",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rustix",
    "socket2",
    "tempfile",
    "tokio",
    "tracing-subscriber",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

/// Checks what `cargo metadata --no-deps` printed.
pub(super) fn check(metadata: &str) -> Result<Vec<Violation>, String> {
    let metadata: Metadata = serde_json::from_str(metadata)
        .map_err(|error| format!("`cargo metadata` printed something unexpected: {error}"))?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let Some((_, ours)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let what =
                "a room that the architecture does not know; name it in xtask/src/tidy/arrows.rs";
            found.push(Violation::new(&package.name, what));
            continue;
        };
        for dependency in &package.dependencies {
            found.extend(wrong(&package.name, ours, &dependency.name));
        }
    }
    Ok(found)
}

fn wrong(package: &str, ours: &[&str], dependency: &str) -> Option<Violation> {
    let is_ours = ARROWS.iter().any(|(name, _)| *name == dependency);
    if is_ours && !ours.contains(&dependency) {
        let what = format!("may not depend on {dependency}: there is no such arrow");
        return Some(Violation::new(package, what));
    }
    if PURE.contains(&package) && IMPURE.contains(&dependency) {
        let what = format!("may not depend on {dependency}: it is pure");
        return Some(Violation::new(package, what));
    }
    let (_, rooms) = KEPT
        .iter()
        .find(|(crates, _)| crates.contains(&dependency))?;
    if rooms.contains(&package) {
        return None;
    }
    let what = format!(
        "may not depend on {dependency}: it belongs to {}",
        rooms.join(", ")
    );
    Some(Violation::new(package, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, dependency: &str) -> Vec<Violation> {
        let metadata = serde_json::json!({
            "packages": [{"name": package, "dependencies": [{"name": dependency}]}]
        });
        check(&metadata.to_string()).unwrap()
    }

    #[test]
    fn an_arrow_the_wrong_way_is_found() {
        assert!(
            found("atomectl", "atome-store")
                .first()
                .unwrap()
                .what
                .contains("no such arrow")
        );
        assert_eq!(found("atome-engine", "atome-store").len(), 1);
        assert_eq!(found("atome-store", "atome-engine"), []);
    }

    #[test]
    fn an_outside_crate_in_the_wrong_room_is_found() {
        assert!(
            found("atomed", "rusqlite")
                .first()
                .unwrap()
                .what
                .contains("atome-store")
        );
        assert_eq!(found("atome-client", "rustls").len(), 1);
        assert_eq!(found("atomed", "indicatif").len(), 1);
        assert_eq!(found("atome-engine", "tokio").len(), 1);
        assert_eq!(found("atome-store", "rusqlite"), []);
        assert_eq!(found("atome-store", "atome-sim-disk").len(), 1);
    }

    #[test]
    fn an_unknown_room_is_found() {
        assert_eq!(found("atome-extra", "serde").len(), 1);
    }
}
