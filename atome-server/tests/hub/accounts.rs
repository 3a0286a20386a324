//! Registration, login, logout, and who is asking.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{PASSWORD, World, account_id, registration};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const LOGOUT: &str = "/api/v1/auth/logout";
const ME: &str = "/api/v1/auth/me";

fn login(name: &str, password: &str) -> Value {
    json!({ "username": name, "password": password, "device": "laptop" })
}

#[tokio::test]
async fn a_registered_account_comes_in_and_goes_out() {
    let world = World::start().await;
    let (account, first) = world.register("Zoé").await;
    assert_eq!(first.len(), 64);

    let me = world.get(ME, &first).await;
    assert_eq!(me.status, 200);
    assert_eq!(me.json()["entry"]["user_id"], json!(account));
    assert_eq!(me.json()["entry"]["username"], "Zoé");

    // By another spelling of the same name.
    let reply = world.post(LOGIN, &login("ZOE\u{301}", PASSWORD)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let second = reply.json()["token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(reply.json()["entry"]["user_id"], json!(account));

    assert_eq!(world.ask("POST", LOGOUT, &second, "").await.status, 204);
    let over = world.get(ME, &second).await;
    assert_eq!(over.code(), "auth_required");
    assert!(
        over.head.contains("www-authenticate: bearer"),
        "{}",
        over.head
    );
    assert_eq!(
        world.ask("POST", LOGOUT, &second, "").await.code(),
        "auth_required"
    );
    assert_eq!(
        world.get(ME, &first).await.status,
        200,
        "the other one stands"
    );
    for token in ["", "zz", &"0".repeat(64), &"5e".repeat(32)] {
        assert_eq!(world.get(ME, token).await.status, 401, "{token}");
    }
    world.stop().await;
}

#[tokio::test]
async fn sessions_outlive_a_restart() {
    let world = World::start().await;
    let (_, token) = world.register("alice").await;
    let world = World::start_in(world.stop().await, "").await;
    assert_eq!(world.get(ME, &token).await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_get_one_answer() {
    let world = World::start().await;
    world.register("alice").await;
    let wrong = world.post(LOGIN, &login("alice", "swordfisch")).await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (401, "wrong_credentials")
    );
    for name in ["bob", "", "no\nname", &"x".repeat(100)] {
        let unknown = world.post(LOGIN, &login(name, PASSWORD)).await;
        assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_registration_that_comes_again_is_granted_again() {
    let world = World::start().await;
    let (_, first) = world.register("alice").await;
    let (_, again) = world.register("alice").await;
    assert_eq!(world.get(ME, &first).await.status, 200);
    assert_eq!(world.get(ME, &again).await.status, 200);

    let mut stolen = registration("alice");
    stolen["retrySecret"] = json!("00".repeat(32));
    assert_eq!(world.post(REGISTER, &stolen).await.code(), "conflict");
    world.stop().await;
}

#[tokio::test]
async fn a_name_or_a_number_belongs_to_one_account() {
    let world = World::start().await;
    let mut alice = registration("alice");
    alice["entry"]["phone"] = json!("+33123456789");
    assert_eq!(world.post(REGISTER, &alice).await.status, 200);

    let mut same_name = registration("alice");
    same_name["entry"]["user_id"] = json!(account_id("other"));
    same_name["entry"]["username"] = json!("ＡLICE");
    let reply = world.post(REGISTER, &same_name).await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "conflict"));
    assert!(reply.body.contains("the name is taken"), "{}", reply.body);

    let mut same_phone = registration("bob");
    same_phone["entry"]["phone"] = json!("+33123456789");
    let reply = world.post(REGISTER, &same_phone).await;
    assert_eq!(reply.code(), "conflict");
    assert!(reply.body.contains("phone"), "{}", reply.body);
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused() {
    let world = World::start().await;
    let changed = |path: &[&str], value: Value| {
        let mut body = registration("alice");
        let mut place = &mut body;
        for name in path {
            place = &mut place[*name];
        }
        *place = value;
        body
    };
    for (body, part) in [
        (
            changed(&["entry", "username"], json!("")),
            "1 to 64 characters",
        ),
        (
            changed(&["entry", "username"], json!("a\u{200b}b")),
            "invisible",
        ),
        (changed(&["entry", "phone"], json!("12")), "phone number"),
        (
            changed(&["entry", "user_id"], json!(uuid::Uuid::nil())),
            "version 7",
        ),
        (changed(&["passwordHash"], json!(PASSWORD)), "PHC"),
        (
            changed(
                &["passwordHash"],
                json!(
                    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
                ),
            ),
            "m=8; from 19456",
        ),
        (changed(&["retrySecret"], json!("short")), "retry secret"),
    ] {
        let reply = world.post(REGISTER, &body).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (422, "bad_data"),
            "{part}"
        );
        assert!(reply.body.contains(part), "{part}: {}", reply.body);
    }
    let unknown_field = changed(&["role"], json!("admin"));
    assert_eq!(
        world.post(REGISTER, &unknown_field).await.code(),
        "bad_request"
    );
    let secret = world
        .ask("POST", LOGIN, "", "{\"password\":\"hunter2\",")
        .await;
    assert_eq!(secret.code(), "bad_request");
    assert!(!secret.body.contains("hunter2"), "{}", secret.body);
    let wrong_type = world
        .ask("POST", LOGIN, "", "{\"password\":[\"hunter2\"]}")
        .await;
    assert!(!wrong_type.body.contains("hunter2"), "{}", wrong_type.body);
    let long = format!("{{\"username\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(
        world.ask("POST", LOGIN, "", &long).await.code(),
        "too_large"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_closed_hub_takes_no_new_account() {
    let world = World::start().await;
    world.register("alice").await;
    let closed = "[accounts]\nregistration = \"closed\"\n";
    let world = World::start_in(world.stop().await, closed).await;
    let reply = world.post(REGISTER, &registration("bob")).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "not_allowed"));
    world.register("alice").await;
    assert_eq!(
        world.get("/api/v1/server", "").await.json()["registration"],
        "closed"
    );
    world.stop().await;
}

#[tokio::test]
async fn logins_beyond_the_queue_are_told_to_come_back() {
    let world = World::start_with("[accounts]\nhashes_at_once = 1\nhashes_waiting_max = 0\n").await;
    // Each by a name of its own, so that nobody is slowed down for trying.
    let asks: Vec<_> = (0..8)
        .map(|n| login(&format!("nobody-{n}"), PASSWORD))
        .collect();
    let logins = asks.iter().map(|ask| world.post(LOGIN, ask));
    let replies = futures_util::future::join_all(logins).await;
    let busy: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(!busy.is_empty() && busy.len() < replies.len());
    for reply in busy {
        assert_eq!(reply.code(), "busy");
        assert!(reply.head.contains("retry-after: 2"), "{}", reply.head);
        assert_eq!(reply.json()["retryAfterMs"], 2_000);
    }
    world.stop().await;
}

#[tokio::test]
async fn the_hub_says_what_it_is() {
    let world = World::start().await;
    let server = world.get("/api/v1/server", "").await.json();
    assert_eq!(server["name"], "atome-server");
    assert_eq!(server["protocols"], json!([1]));
    assert_eq!(server["registration"], "open");
    assert_eq!(world.get("/healthz", "").await.body, "ok\n");
    assert_eq!(world.get("/readyz", "").await.body, "ready\n");
    assert_eq!(world.get("/no/such", "").await.code(), "not_found");
    let wrong = world.get(LOGIN, "").await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.head.contains("allow: post"), "{}", wrong.head);
    let long = "x".repeat(20_000);
    assert_eq!(world.get("/healthz", &long).await.status, 431);
    world.stop().await;
}

#[tokio::test]
async fn whoever_says_nothing_is_not_waited_for() {
    let world = World::start_with("[limits]\nrequest_timeout_s = 1\n").await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\n";
    for (said, answer) in [
        ("", ""),
        ("GET /healthz HT", ""),
        ("GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n", "ok\n"),
        (head, "timed_out"),
    ] {
        let mut stream = TcpStream::connect(world.listen).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains(answer), "{said}: {heard}");
    }
    world.stop().await;
}
