//! Against guessing, hoarding of names and of connections. How long delays are is tested in the engine.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::program::run;
use crate::world::{
    PASSWORD, PROTOCOL, Reply, World, account_id, login, registration, write_config,
};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const CHANGE: &str = "/api/v1/auth/password";

/// Sends what is wrong until the hub says that it is too early for more, and how it says so.
async fn until_busy(mut wrong: impl AsyncFnMut() -> Reply) -> Reply {
    for _ in 0..30 {
        let reply = wrong().await;
        match reply.code().as_str() {
            "wrong_credentials" => {}
            "busy" => return reply,
            code => panic!("{code}: {}", reply.body),
        }
    }
    panic!("30 wrong passwords were compared")
}

#[tokio::test]
async fn wrong_passwords_are_slowed_down_whether_the_name_exists_or_not() {
    let world = World::start().await;
    let (id, token) = world.register("alice").await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody", "no\nname"] {
        for _ in 0..5 {
            let reply = world.post(LOGIN, &login(name, "swordfisch")).await;
            assert_eq!(reply.code(), "wrong_credentials", "a few are free");
        }
        let ask = login(name, "swordfisch");
        let reply = until_busy(async || world.post(LOGIN, &ask).await).await;
        assert_eq!(reply.status, 429);
        let mut problem = reply.json();
        let wait_ms = problem["retryAfterMs"].take().as_u64().unwrap();
        assert!(wait_ms > 0);
        let seconds = reply.header("retry-after").unwrap();
        assert_eq!(seconds, wait_ms.div_ceil(1_000).to_string());
        problem["hint"].take();
        answers.push(problem);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");

    // Where else the password is asked for, it is the same throttle.
    let delete = json!({ "userId": id, "username": "ALICE", "password": "swordfisch" });
    until_busy(async || world.post("/api/v1/auth/delete", &delete).await).await;
    let change = json!({ "password": "swordfisch", "newPassword": "x" }).to_string();
    until_busy(async || world.ask("POST", CHANGE, &token, &change).await).await;
    // Who is logged in already notices nothing, and other names are free.
    assert_eq!(world.get("/api/v1/auth/me", &token).await.status, 200);
    let other = world.post(LOGIN, &login("somebody", PASSWORD)).await;
    assert_eq!(other.code(), "wrong_credentials");
    world.stop().await;
}

#[tokio::test]
async fn a_right_password_makes_wrong_ones_forgotten() {
    let world = World::start().await;
    world.register("alice").await;
    for _ in 0..2 {
        for _ in 0..4 {
            let reply = world.post(LOGIN, &login("alice", "swordfisch")).await;
            assert_eq!(reply.code(), "wrong_credentials");
        }
        world.log_in("alice", PASSWORD).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn one_source_registers_so_many_in_an_hour() {
    let world = World::start_with("[accounts]\nregistrations_per_hour = 2\n").await;
    world.register("alice").await;
    let mut bad = registration("bob");
    bad["retrySecret"] = json!("short");
    assert_eq!(
        world.post(REGISTER, &bad).await.code(),
        "bad_data",
        "it counts not"
    );
    world.register("bob").await;
    let third = world.post(REGISTER, &registration("carol")).await;
    assert_eq!((third.status, third.code().as_str()), (429, "busy"));
    let wait_ms = third.json()["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_800_000).contains(&wait_ms), "{wait_ms}");
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_invited_registers_once() {
    let world = World::start_with("[accounts]\nregistration = \"invite\"\n").await;
    let config = world.folder.path().join("hub.toml");
    let (code, codes, err) = run(&config, &["invite", "--ttl", "1h", "--count", "2"]);
    assert_eq!(code, Some(0), "{err}");
    let codes: Vec<_> = codes.lines().collect();
    let [first, second] = codes.as_slice() else {
        panic!("two codes were expected: {codes:?}");
    };
    let with = |name: &str, code: &str| {
        let mut body = registration(name);
        body["invite"] = json!(code);
        body
    };
    for body in [
        registration("alice"),
        with("alice", "no code"),
        with("alice", &"0".repeat(64)),
    ] {
        assert_eq!(world.post(REGISTER, &body).await.code(), "not_allowed");
    }
    let alice = with("alice", first);
    assert_eq!(world.post(REGISTER, &alice).await.status, 200);
    assert_eq!(
        world.post(REGISTER, &alice).await.status,
        200,
        "a lost answer"
    );
    assert_eq!(
        world.post(REGISTER, &with("bob", first)).await.code(),
        "not_allowed"
    );
    assert_eq!(world.post(REGISTER, &with("bob", second)).await.status, 200);
    let server = world.get("/api/v1/server", "").await.json();
    assert_eq!(server["registration"], "invite");
    world.stop().await;
}

#[tokio::test]
async fn a_password_is_hashed_by_the_hub_for_whoever_cannot() {
    let world = World::start().await;
    let mut plain = registration("alice");
    plain.as_object_mut().unwrap().remove("passwordHash");
    assert_eq!(
        world.post(REGISTER, &plain).await.code(),
        "bad_request",
        "neither"
    );
    plain["password"] = json!(PASSWORD);
    let reply = world.post(REGISTER, &plain).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.log_in("alice", PASSWORD).await;
    let mut both = registration("bob");
    both["password"] = json!(PASSWORD);
    assert_eq!(world.post(REGISTER, &both).await.code(), "bad_request");
    for wrong in ["", &"x".repeat(1025)] {
        let mut body = plain.clone();
        body["entry"]["user_id"] = json!(account_id("carol"));
        body["password"] = json!(wrong);
        assert_eq!(world.post(REGISTER, &body).await.code(), "bad_data");
    }
    world.stop().await;
}

#[tokio::test]
async fn strangers_of_one_source_wait_for_a_place() {
    let lines = "[limits]\nunknown_per_source_max = 2\nhandshake_timeout_s = 2\n";
    let world = World::start_with(lines).await;
    let (_, token) = world.register("alice").await;
    // Three machines come in one after the other: each gives its place back.
    let mut known = Vec::new();
    for replica in 1..=3 {
        let mut client = world.hello(&token, replica, &[]).await;
        client.hear_a("welcome").await;
        known.push(client);
    }
    let one = world.dial(&[PROTOCOL]).await.unwrap();
    let mut other = world.dial(&[PROTOCOL]).await.unwrap();
    // Both places are taken: a third one waits until one of them is known, and is served then.
    let mut waiting = Box::pin(world.get("/healthz", ""));
    let answered = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(answered.is_err(), "it had no place to be answered at");
    other.say(&json!({ "type": "auth", "token": token })).await;
    assert_eq!(waiting.await.status, 200);
    // Whoever finds no place within the time for a handshake is closed without a word.
    let second = world.dial(&[PROTOCOL]).await.unwrap();
    let mut third = TcpStream::connect(world.listen).await.unwrap();
    let mut heard = Vec::new();
    third.read_to_end(&mut heard).await.unwrap();
    assert!(heard.is_empty());
    drop((known, one, other, second));
    world.stop().await;
}

#[test]
fn invitations_need_a_hub_that_was_started() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "");
    let (code, out, err) = run(&config, &["invite"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("there is no hub in"), "{err}");
    let (code, _, err) = run(&config, &["invite", "--ttl", "soon"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("such as 7d"), "{err}");
}
