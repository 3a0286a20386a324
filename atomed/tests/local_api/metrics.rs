//! Figures: what is documented is served, and moves with what happens.

use serde_json::json;

use crate::machine::Machine;

async fn page(machine: &Machine) -> String {
    let answer = machine.get("/v1/metrics").await.good();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let machine = Machine::new().await;
    let page = page(&machine).await;
    let served = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: Vec<String> = served.map(str::to_owned).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operation.md");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `atome_") && !line.starts_with("| `atome_hub_"));
    let documented: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            format!("{} {}", cells[1].trim_matches('`'), cells[2])
        })
        .collect();
    assert_eq!(documented, served);
    machine.stop().await;
}

#[tokio::test]
async fn figures_are_of_accounts_by_their_id() {
    let machine = Machine::with_alice().await;
    let id = machine.get("/v1/accounts/alice").await.good().json()["id"].clone();
    let id = id.as_str().unwrap();
    machine
        .write(json!([{ "create": { "type": "note" }, "set": { "title": "a private matter" } }]))
        .await;
    let page = page(&machine).await;
    for line in [
        "atome_health{code=\"development-profile\",severity=\"warning\"} 1".to_owned(),
        format!("atome_pending_commits{{account=\"{id}\"}} 1"),
        format!("atome_write_seconds_count{{account=\"{id}\"}} 1"),
        format!("atome_synced{{account=\"{id}\"}} 0"),
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    let is_there = |name: &str| {
        let sample = |line: &str| {
            line.strip_prefix(name)?
                .rsplit_once(' ')?
                .1
                .parse::<u64>()
                .ok()
        };
        page.lines().find_map(sample).is_some_and(|bytes| bytes > 0)
    };
    assert!(
        is_there(&format!("atome_store_bytes{{account=\"{id}\"}}")),
        "{page}"
    );
    assert!(is_there("atome_machine_store_bytes"), "{page}");
    assert!(!page.contains("atome_connected{"), "there is no hub");
    assert!(!page.contains("alice"), "{page}");
    machine.stop().await;
}
