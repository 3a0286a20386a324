//! The directory: pages, exact look-ups, changes, and frames to those who are connected.

use serde_json::{Value, json};

use crate::world::{World, account_id, registration};

const DIRECTORY: &str = "/api/v1/directory";

fn names(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["username"].as_str().unwrap())
        .collect()
}

async fn register(world: &World, name: &str, visibility: &str, phone: Option<&str>) {
    let mut body = registration(name);
    body["entry"]["visibility"] = json!(visibility);
    if let Some(phone) = phone {
        body["entry"]["phone"] = json!(phone);
    }
    let reply = world.post("/api/v1/auth/register", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn listed_accounts_are_paged_and_found() {
    let world = World::start().await;
    let (_, token) = world.register("zoe").await;
    for name in ["Anna", "bob", "Änne", "ANTON", "Mary Ann"] {
        register(&world, name, "public", None).await;
    }
    register(&world, "andrea", "private", Some("+33123456789")).await;
    let get = async |query: &str| world.get(&format!("{DIRECTORY}{query}"), &token).await;

    let all = get("").await.json();
    assert_eq!(
        names(&all),
        ["Anna", "ANTON", "bob", "Mary Ann", "zoe", "Änne"]
    );
    assert_eq!(all.get("next"), None);
    let first = get("?limit=2").await.json();
    assert_eq!(
        (names(&first), &first["next"]),
        (vec!["Anna", "ANTON"], &json!("anton"))
    );
    let second = get("?limit=2&after=anton").await.json();
    assert_eq!(names(&second), ["bob", "Mary Ann"]);
    let last = get("?limit=2&after=mary%20ann").await.json();
    assert_eq!(
        (names(&last), last.get("next")),
        (vec!["zoe", "Änne"], None)
    );
    assert_eq!(names(&get("?find=AN").await.json()), ["Anna", "ANTON"]);
    assert_eq!(names(&get("?find=%C3%84").await.json()), ["Änne"]);
    assert_eq!(names(&get("?find=mary+").await.json()), ["Mary Ann"]);

    let lookup = async |query: &str| get(&format!("/lookup{query}")).await;
    let found = lookup("?name=anna").await.json();
    assert_eq!(found["user_id"], json!(account_id("Anna")));
    assert_eq!(
        lookup("?name=andrea").await.code(),
        "not_found",
        "it is private"
    );
    let by_phone = lookup("?phone=%2B33123456789").await.json();
    assert_eq!(by_phone["username"], "andrea");
    assert_eq!(lookup("?phone=%2B33123456780").await.code(), "not_found");

    for wrong in [
        "?limit=0",
        "?limit=201",
        "?limit=a",
        "?limit=1&limit=1",
        "?colour=red",
        "?find=%00",
        "/lookup",
        "/lookup?name=a&phone=%2B33123456789",
        "/lookup?name=",
        "/lookup?phone=12",
        "/changes?after=-1",
        "/changes?limit=1001",
    ] {
        assert_eq!(get(wrong).await.code(), "bad_request", "{wrong}");
    }
    for path in [
        DIRECTORY,
        "/api/v1/directory/lookup?name=anna",
        "/api/v1/directory/changes",
    ] {
        assert_eq!(world.get(path, "").await.code(), "auth_required");
    }
    world.stop().await;
}

#[tokio::test]
async fn changes_are_read_from_a_number_and_told_to_the_connected() {
    let world = World::start().await;
    let (zoe, token) = world.register("zoe").await;
    let mut connected = world.hello(&token, 1, &["directory"]).await;
    connected.hear_a("welcome").await;
    let changes = async |query: &str| {
        world
            .get(&format!("{DIRECTORY}/changes{query}"), &token)
            .await
            .json()
    };
    let before = changes("").await;
    assert_eq!(
        before["changes"][0]["change"]["created"]["user_id"],
        json!(zoe)
    );
    assert!(before["hub"].is_string() && before["epoch"].is_string());
    let head = before["head"].as_u64().unwrap();

    register(&world, "anna", "public", None).await;
    register(&world, "andrea", "private", None).await;
    let told = connected.hear_a("sync:account-created").await;
    assert!(told.to_string().contains("anna"), "{told}");
    let after = changes(&format!("?after={head}")).await;
    assert_eq!(after["changes"].as_array().unwrap().len(), 1, "{after}");
    assert_eq!(after["changes"][0]["change"]["created"]["username"], "anna");
    assert_eq!(
        changes("?limit=1").await["changes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let nothing = changes(&format!("?after={}", after["head"])).await;
    assert_eq!(nothing["changes"], json!([]));
    drop(connected);
    world.stop().await;
}

#[tokio::test]
async fn who_asks_often_is_told_when_to_come_again() {
    let world = World::start_with("[limits]\ndirectory_per_minute = 2\n").await;
    let (_, zoe) = world.register("zoe").await;
    let (_, anna) = world.register("anna").await;
    assert_eq!(world.get(DIRECTORY, &zoe).await.status, 200);
    let lookup = format!("{DIRECTORY}/lookup?name=nobody");
    assert_eq!(
        world.get(&lookup, &zoe).await.status,
        404,
        "not finding counts too"
    );
    let changes = format!("{DIRECTORY}/changes");
    for path in [DIRECTORY, &lookup, &changes] {
        let reply = world.get(path, &zoe).await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "busy"));
        let wait_ms = reply.json()["retryAfterMs"].as_u64().unwrap();
        assert!((1..=30_000).contains(&wait_ms), "{wait_ms}");
    }
    assert_eq!(
        world.get(DIRECTORY, &anna).await.status,
        200,
        "each for itself"
    );
    world.stop().await;
}
