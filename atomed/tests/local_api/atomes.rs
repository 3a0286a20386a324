//! Writing, reading, listing, the tree and the past.

use serde_json::{Value, json};

use crate::machine::Machine;

fn city(key: &str, name: &str, population: u64, parent: &str) -> Value {
    json!({
        "create": { "type": "place.city", "kind": "place", "key": key },
        "set": { "name": name, "population": population },
        "parent": parent,
    })
}

async fn switzerland(machine: &Machine) -> Vec<String> {
    let country = json!({
        "create": { "type": "place.country", "key": "CH" },
        "set": { "name": "Switzerland" },
    });
    let cities = json!([
        city("c/zrh", "Zürich", 421_878, "key:CH"),
        city("c/brn", "Bern", 134_794, "key:CH"),
        city("c/gva", "Geneva", 203_856, "key:CH"),
        country,
    ]);
    machine.write(cities).await
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|l| l["properties"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atome_lives() {
    let machine = Machine::with_alice().await;
    let ids = switzerland(&machine).await;
    let get = |reference: String| {
        let machine = &machine;
        async move { machine.get(&format!("/v1/atomes/{reference}")).await }
    };
    let zurich = get("key%3Ac%2Fzrh".to_owned()).await.good().json();
    assert_eq!(zurich["id"], ids[0].as_str());
    assert_eq!(zurich["parent"], ids[3].as_str());
    assert_eq!(zurich["kind"], "place");
    assert_eq!(zurich["owner"], zurich["creator"]);
    assert!(zurich.get("deleted").is_none());
    assert_eq!(
        get(ids[1][..13].to_owned()).await.good().json()["key"],
        "c/brn"
    );

    let change = json!([
        { "atome": ids[0], "set": { "river": "Limmat", "name": null }, "add": { "population": 2 } },
        { "atome": ids[1], "unset": ["population"], "deleted": true },
        { "atome": "key:c/gva", "parent": "" },
    ]);
    machine.write(change).await;
    let zurich = get(ids[0].clone()).await.good().json();
    let expected = json!({ "name": null, "population": 421_880, "river": "Limmat" });
    assert_eq!(zurich["properties"], expected);
    let bern = get(ids[1].clone()).await.good().json();
    assert_eq!(
        (&bern["deleted"], &bern["properties"]),
        (&json!(true), &json!({ "name": "Bern" }))
    );
    assert!(
        get("key:c%2Fgva".to_owned())
            .await
            .good()
            .json()
            .get("parent")
            .is_none()
    );
    machine
        .write(json!([{ "atome": ids[1], "deleted": false }]))
        .await;
    assert!(
        get(ids[1].clone())
            .await
            .good()
            .json()
            .get("deleted")
            .is_none()
    );

    let history = machine
        .get(&format!("/v1/atomes/{}/history?key=population", ids[0]))
        .await;
    let history = history.good().json();
    assert_eq!(history["complete"], true);
    let versions = history["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(
        (&versions[0]["value"], &versions[1]["added"]),
        (&json!(421_878), &json!(2))
    );
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_narrowed_sorted_and_cut() {
    let machine = Machine::with_alice().await;
    let ids = switzerland(&machine).await;
    let list = |query: &str| {
        let (machine, path) = (&machine, format!("/v1/atomes?{query}"));
        async move { machine.get(&path).await.good().lines() }
    };
    assert_eq!(list("").await.len(), 4);
    assert_eq!(list("type=place.city").await.len(), 3);
    assert_eq!(list("parent=key:CH").await.len(), 3);
    let big = list("where=population%3E200000&order=population").await;
    assert_eq!(names(&big), ["Geneva", "Zürich"]);
    let big = list("where=population%3E200000&order=-name&limit=1").await;
    assert_eq!(names(&big), ["Zürich"]);
    let both = list("where=name~E&where=population%21%3D203856&type=place.city").await;
    assert_eq!(names(&both), ["Bern"]);
    assert_eq!(list("limit=0").await.len(), 0);
    machine
        .write(json!([{ "atome": ids[1], "deleted": true }]))
        .await;
    assert_eq!(list("type=place.city").await.len(), 2);
    assert_eq!(list("type=place.city&deleted=true").await.len(), 3);
    assert_eq!(
        machine.get("/v1/atomes?where=x").await.problem(),
        "bad_request"
    );
    assert_eq!(
        machine.get("/v1/atomes?limit=many").await.problem(),
        "bad_request"
    );
    assert_eq!(
        machine.get("/v1/atomes?tpye=x").await.problem(),
        "bad_request"
    );

    let tree = machine.get("/v1/tree").await.good().lines();
    let shape: Vec<_> = tree
        .iter()
        .map(|l| (l["depth"].as_u64().unwrap(), l["name"].as_str().unwrap()))
        .collect();
    assert_eq!(shape, [(0, "Switzerland"), (1, "Geneva"), (1, "Zürich")]);
    let tree = machine
        .get("/v1/tree?root=key:c%2Fgva")
        .await
        .good()
        .lines();
    assert_eq!((tree.len(), &tree[0]["depth"]), (1, &json!(0)));
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_in_texts() {
    let machine = Machine::with_alice().await;
    let ids = switzerland(&machine).await;
    let find = |query: &str| {
        let (machine, path) = (&machine, format!("/v1/find?{query}"));
        async move { machine.get(&path).await.good().lines() }
    };
    let zurich = find("text=ZURICH").await;
    assert_eq!(names(&zurich), ["Zürich"]);
    assert_eq!(zurich[0]["parent"], ids[3].as_str(), "as a list shows it");
    assert_eq!(find("text=zur").await.len(), 0);
    assert_eq!(names(&find("text=zur*").await), ["Zürich"]);
    machine
        .write(json!([
            { "atome": ids[3], "set": { "notes": ["Bern is the capital", 7] } },
            { "atome": ids[2], "deleted": true },
        ]))
        .await;
    assert_eq!(
        names(&find("text=bern").await),
        ["Bern", "Switzerland"],
        "the shorter first"
    );
    assert_eq!(names(&find("text=bern&limit=1").await), ["Bern"]);
    assert_eq!(
        names(&find("text=bern&type=place.country").await),
        ["Switzerland"]
    );
    assert_eq!(
        names(&find("text=%22the%20capital%22").await),
        ["Switzerland"]
    );
    assert_eq!(find("text=geneva").await.len(), 0, "it is deleted");
    for bad in [
        "",
        "text=",
        "text=%26%20-",
        "text=a&limit=x",
        "text=a&colour=red",
        "text=a&text=b",
    ] {
        let answer = machine.get(&format!("/v1/find?{bad}")).await;
        assert_eq!(answer.problem(), "bad_request", "{bad}");
    }
    let long = "w%20".repeat(100);
    let answer = machine.get(&format!("/v1/find?text={long}")).await;
    assert_eq!(answer.problem(), "bad_request");
    assert_eq!(machine.get("/v1/index").await.problem(), "bad_request");
    let progress = machine.post("/v1/index", &json!({})).await.good().lines();
    assert_eq!(progress, [json!({ "left": 0 })]);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_behind_what_does_not_fit() {
    let machine = Machine::with_alice().await;
    // More than are looked at together, and more than a page.
    let count = 10_000;
    let mut records = String::new();
    for n in 0..count {
        let body = "x".repeat(if n % 100 == 0 { 4_000 } else { 10 });
        records.push_str(&format!(
            "{{\"key\":\"k/{n}\",\"type\":\"t\",\"properties\":{{\"rank\":{n},\"body\":\"{body}\"}}}}\n"
        ));
    }
    let lines: Vec<&str> = records.lines().collect();
    for chunk in lines.chunks(1_000) {
        machine
            .ask("POST", "/v1/seed", chunk.join("\n"))
            .await
            .good();
    }
    let ranks = |query: &'static str| {
        let machine = &machine;
        async move {
            let lines = machine
                .get(&format!("/v1/atomes?{query}"))
                .await
                .good()
                .lines();
            let rank = |line: &Value| line["properties"]["rank"].as_u64().unwrap();
            lines.iter().map(rank).collect::<Vec<u64>>()
        }
    };
    let mut fitting = ranks("where=rank%3E%3D9990").await;
    fitting.sort_unstable();
    assert_eq!(fitting, (9_990..count).collect::<Vec<_>>());
    assert_eq!(ranks("where=body~xxxxxxxxxxx").await.len(), 100);
    assert_eq!(ranks("where=body~xxxxxxxxxxx&limit=70").await.len(), 70);
    assert_eq!(ranks("order=-rank&limit=3").await, [9_999, 9_998, 9_997]);
    assert_eq!(ranks("order=rank").await, (0..count).collect::<Vec<_>>());
    assert_eq!(ranks("").await.len(), 10_000);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_refused_whole() {
    let machine = Machine::with_alice().await;
    let id = machine
        .write(json!([{ "create": { "type": "task" } }]))
        .await
        .remove(0);
    let before = machine.export().await;
    let long_key = "k".repeat(300);
    let table = [
        (
            "not_found",
            json!([{ "atome": "0190a5d0-0000-7000-8000-000000000001", "set": { "a": 1 } }]),
        ),
        (
            "not_found",
            json!([{ "atome": id, "parent": "key:nowhere" }]),
        ),
        ("bad_request", json!([{ "atome": "x", "set": { "a": 1 } }])),
        ("bad_request", json!([])),
        ("bad_request", json!([{ "set": { "a": 1 } }])),
        ("bad_request", json!([{ "atome": id }])),
        (
            "conflict",
            json!([{ "create": { "type": "task", "id": id } }]),
        ),
        (
            "bad_data",
            json!([{ "atome": id, "set": { (long_key): 1 } }]),
        ),
        (
            "bad_data",
            json!([{ "atome": id, "set": { "$type": "x" } }]),
        ),
        (
            "bad_data",
            json!([{ "atome": id, "set": { "big": "v".repeat(2 << 20) } }]),
        ),
        ("bad_data", json!([{ "create": { "type": "" } }])),
        (
            "bad_data",
            json!([{ "atome": id, "set": { "a": 1 }, "unset": ["a"] }]),
        ),
        ("bad_data", json!([{ "atome": id, "parent": id }])),
        ("bad_data", json!([{ "atome": id, "colour": 1 }])),
        // The good half of a write is not kept where the other half is bad.
        (
            "not_found",
            json!([
                { "atome": id, "set": { "good": 1 } },
                { "atome": "0190a5d0-0000-7000-8000-000000000001", "set": { "a": 1 } },
            ]),
        ),
    ];
    for (code, operations) in table {
        let answer = machine
            .post("/v1/commits", &json!({ "operations": operations }))
            .await;
        assert_eq!(answer.problem(), code, "{:.200}", operations.to_string());
    }
    assert_eq!(machine.export().await, before);
    let missing = machine
        .get("/v1/atomes/0190a5d0-0000-7000-8000-000000000001")
        .await;
    assert_eq!(missing.problem(), "not_found");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_may_be_cut_short_where_that_is_clear() {
    let machine = Machine::with_alice().await;
    let made = json!([
        { "create": { "type": "t", "id": "0190a5d0-0000-7000-8000-000000000001" } },
        { "create": { "type": "t", "id": "0190a5d0-0000-7000-8000-000000000002" } },
    ]);
    machine.write(made).await;
    let several = machine.get("/v1/atomes/0190a5d0").await;
    assert_eq!(several.problem(), "ambiguous");
    assert!(
        several.json()["detail"]
            .as_str()
            .unwrap()
            .contains("8000-000000000002")
    );
    assert_eq!(machine.get("/v1/atomes/0190b").await.problem(), "not_found");
    assert_eq!(machine.get("/v1/atomes/019").await.problem(), "bad_request");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_parents_is_cut() {
    let machine = Machine::with_alice().await;
    let ids = machine
        .write(json!([
            { "create": { "type": "t" }, "set": { "name": "a" } },
            { "create": { "type": "t" }, "set": { "name": "b" } },
        ]))
        .await;
    machine
        .write(json!([{ "atome": ids[0], "parent": ids[1] }]))
        .await;
    machine
        .write(json!([{ "atome": ids[1], "parent": ids[0] }]))
        .await;
    let b = machine
        .get(&format!("/v1/atomes/{}", ids[1]))
        .await
        .good()
        .json();
    assert!(
        b.get("parent").is_none(),
        "the last move is the one that counts as a root"
    );
    let tree = machine.get("/v1/tree").await.good().lines();
    let shape: Vec<_> = tree
        .iter()
        .map(|l| (l["depth"].as_u64(), l["name"].as_str()))
        .collect();
    assert_eq!(shape, [(Some(0), Some("b")), (Some(1), Some("a"))]);
    machine.stop().await;
}
