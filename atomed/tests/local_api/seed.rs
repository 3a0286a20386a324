//! Seeding, verifying, exporting.

use crate::machine::Machine;

const SAMPLE: &str = include_str!("../../../tests/data/countries.jsonl");

#[tokio::test(flavor = "multi_thread")]
async fn seeding_twice_writes_once_and_export_is_its_mirror() {
    let machine = Machine::with_alice().await;
    let records = SAMPLE.lines().count();
    let dry = machine
        .ask("POST", "/v1/seed?dry_run=true", SAMPLE)
        .await
        .good()
        .json();
    assert_eq!(dry["created"], records);
    assert_eq!(machine.export().await, "");
    let first = machine.ask("POST", "/v1/seed", SAMPLE).await.good().json();
    assert_eq!(first["created"], records);
    let second = machine.ask("POST", "/v1/seed", SAMPLE).await.good().json();
    assert_eq!(
        (&second["unchanged"], &second["commits"]),
        (&records.into(), &0.into())
    );

    let verified = machine
        .ask("POST", "/v1/verify?strict=true", SAMPLE)
        .await
        .good()
        .json();
    assert_eq!(verified["equal"], records);
    assert_eq!(verified["differences"].as_array().unwrap().len(), 0);

    let exported = machine.export().await;
    let other = Machine::with_alice().await;
    other.ask("POST", "/v1/seed", exported.clone()).await.good();
    let mirrored: std::collections::BTreeSet<String> =
        other.export().await.lines().map(str::to_owned).collect();
    assert_eq!(mirrored, exported.lines().map(str::to_owned).collect());
    other.stop().await;
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_named() {
    let machine = Machine::with_alice().await;
    machine.ask("POST", "/v1/seed", SAMPLE).await.good();
    let changed = SAMPLE.replacen("\"name\":\"Andorra\"", "\"name\":\"Elsewhere\"", 1)
        + "{\"key\":\"nowhere\",\"type\":\"t\"}\n{\"type\":\"t\"}\n";
    let verified = machine
        .ask("POST", "/v1/verify", changed)
        .await
        .good()
        .json();
    let differences = verified["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 3, "{differences:?}");
    assert_eq!(differences[0]["record"], "geonames/country/AD");
    assert_eq!(differences[0]["field"], "name");
    assert_eq!(differences[0]["difference"], "different");
    assert_eq!(differences[0]["found"], "Andorra");
    assert_eq!(differences[1]["record"], "nowhere");
    assert_eq!(
        differences[2]["record"],
        format!("line {}", SAMPLE.lines().count() + 2)
    );
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_writes_nothing_and_is_named() {
    let machine = Machine::with_alice().await;
    let good = "{\"key\":\"a\",\"type\":\"t\"}";
    let key = "k".repeat(300);
    let value = "v".repeat(2 << 20);
    for bad in [
        "{".to_owned(),
        "{\"key\":\"b\"}".to_owned(),
        "{\"key\":\"b\",\"type\":\"t\",\"propertys\":{}}".to_owned(),
        format!("{{\"key\":\"b\",\"type\":\"t\",\"properties\":{{\"{key}\":1}}}}"),
        format!("{{\"key\":\"b\",\"type\":\"t\",\"properties\":{{\"a\":\"{value}\"}}}}"),
        good.to_owned(),
    ] {
        let answer = machine
            .ask("POST", "/v1/seed", format!("{good}\n{bad}\n"))
            .await;
        assert_eq!(answer.problem(), "bad_data");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("line 2") || detail.contains("'a'"),
            "{detail}"
        );
    }
    let many = format!("{good}\n").repeat(1001);
    assert_eq!(
        machine.ask("POST", "/v1/seed", many).await.problem(),
        "too_large"
    );
    assert_eq!(machine.export().await, "");
    machine.stop().await;
}
