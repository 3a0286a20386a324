//! The description of the HTTP interface: served as it is in `docs/openapi.json`, and true to the routes.

use std::path::Path;

use atome_server::api::ROUTES;
use atome_server::auth::cookie;
use atome_server::http::openapi::document;
use serde_json::Value;

use crate::world::World;

#[test]
fn the_copy_in_the_documentation_is_the_one_that_is_served() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = document(cookie::name(true));
    if std::env::var_os("ATOME_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(&file, format!("{text}\n")).unwrap();
    }
    let copy: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(
        copy == made,
        "docs/openapi.json differs; if the change is meant, run with ATOME_BLESS=1"
    );
}

#[tokio::test]
async fn it_is_served_and_every_route_stands_in_it() {
    let world = World::start().await;
    let reply = world.get("/api/v1/openapi.json", "").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let served = reply.json();
    assert_eq!(served, document(cookie::name(false)));
    let operations = served["paths"].as_object().unwrap().values();
    let count: usize = operations.map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(count, ROUTES.len());
    for (_, schema) in served["components"]["schemas"].as_object().unwrap() {
        assert!(schema.is_object());
    }
    world.stop().await;
}

#[tokio::test]
async fn other_methods_are_answered_sensibly() {
    let world = World::start().await;
    let head = world.ask("HEAD", "/api/v1/server", "", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_ne!(head.header("content-length"), Some("0"));
    let options = world.ask("OPTIONS", "/api/v1/auth/sessions", "", "").await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("allow"), Some("GET, HEAD, DELETE, OPTIONS"));
    for (method, path) in [
        ("HEAD", "/ws/sync"),
        ("PUT", "/healthz"),
        ("BREW", "/api/v1/server"),
    ] {
        let reply = world.ask(method, path, "", "").await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.header("allow").unwrap().starts_with("GET"));
    }
    for path in [
        "/",
        "/api/v1/",
        "/api/v1/auth/sessions/",
        "/api/v1/auth/sessions/a/b",
        "//healthz",
    ] {
        assert_eq!(world.get(path, "").await.code(), "not_found", "{path}");
    }
    assert_eq!(world.get("/healthz?x=1", "").await.code(), "bad_request");
    world.stop().await;
}
