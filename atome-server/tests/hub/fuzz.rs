//! The whole HTTP interface, asked at random as its own description says, and as it does not.
//!
//! Requests are made from the OpenAPI document that the hub serves. Whatever is asked, the hub does not
//! fail, and answers with a status, a type of content and a code that the document has. Every run asks
//! the same; `ATOME_FUZZ_CASES=N` asks N others of each operation.

mod requests;
mod schema;

use atome_proto::Code;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::requests::{Asker, Asking};
use crate::world::{PASSWORD, Reply, World};

/// Requests to each operation: some 20 s of them all.
const CASES: u32 = 80;
/// Limits that do not end the game early.
const LINES: &str = "[accounts]\nregistrations_per_hour = 1000000\n\
    [limits]\ndirectory_per_minute = 60000\n";

/// An operation of the document.
pub(crate) struct Operation<'a> {
    pub(crate) document: &'a Value,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) description: &'a Value,
}

#[test]
fn every_answer_is_one_that_is_described() {
    let runtime = Runtime::new().unwrap();
    let document = runtime.block_on(async {
        let world = World::start().await;
        let document = world.get("/api/v1/openapi.json", "").await.json();
        world.stop().await;
        document
    });
    let mut without_success = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, description) in methods.as_object().unwrap() {
            let operation = Operation {
                document: &document,
                method: method.to_uppercase(),
                path: path.clone(),
                description,
            };
            if !try_out(&runtime, &operation) {
                without_success.push(description["operationId"].clone());
            }
        }
    }
    // A request of this test asks for no upgrade, and there is no tree to ask about (`sharing` has one);
    // anything else is granted at least once.
    assert_eq!(
        without_success,
        [json!("grant"), json!("why"), json!("sync")]
    );
}

/// Asks an operation many times; whether it was granted once.
fn try_out(runtime: &Runtime, operation: &Operation<'_>) -> bool {
    let cases = std::env::var("ATOME_FUZZ_CASES").ok();
    let config = Config {
        cases: cases.as_ref().map_or(CASES, |text| text.parse().unwrap()),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let mut runner = if cases.is_some() {
        TestRunner::new(config)
    } else {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(config, rng)
    };
    let (world, token) = runtime.block_on(async {
        let world = World::start_with(LINES).await;
        let (_, token) = world.register("alice").await;
        world.register("other").await;
        (world, token)
    });
    let state = std::cell::RefCell::new((token, false));
    let asked = runner.run(&requests::of(operation), |asking| {
        let mut state = state.borrow_mut();
        runtime.block_on(async {
            if asking.asker.is_known() {
                state.0 = standing(&world, &state.0).await;
            }
            let reply = ask(&world, operation, &asking, &state.0).await;
            state.1 |= (200..300).contains(&reply.status);
            check(operation, &reply).map_err(TestCaseError::fail)
        })
    });
    if let Err(failure) = asked {
        panic!("{} {}: {failure}", operation.method, operation.path);
    }
    runtime.block_on(world.stop());
    state.into_inner().1
}

/// The token, or another one where an earlier request has ended its session or its account.
async fn standing(world: &World, token: &str) -> String {
    let me = world.get("/api/v1/auth/me", token).await;
    if me.status == 200 {
        return token.to_owned();
    }
    world.register(token.get(..10).unwrap()).await.1
}

async fn ask(world: &World, operation: &Operation<'_>, asking: &Asking, token: &str) -> Reply {
    let mut path = operation.path.clone();
    let (mut body, mut query) = (asking.body.clone(), asking.query.clone());
    if asking.is_real {
        let me = world.get("/api/v1/auth/me", token).await.json();
        let sessions = world.get("/api/v1/auth/sessions", token).await.json();
        path = path.replace("{id}", sessions["sessions"][0]["id"].as_str().unwrap());
        body = requests::with_real(&body, &me["entry"], PASSWORD);
        if operation.description["operationId"] == "act" {
            let found = world
                .get("/api/v1/directory/lookup?name=other", token)
                .await;
            let sender = found.json()["user_id"].clone();
            let act = json!({"policy": {"sender": sender, "rule": "never"}});
            body = act.to_string().into_bytes();
        }
        query = query.map(|query| requests::with_real_name(&query, &me["entry"]));
    }
    path = path.replace("{id}", &asking.id);
    if let Some(query) = query {
        path = format!("{path}?{query}");
    }
    let headers = match &asking.asker {
        Asker::Nobody => vec![],
        Asker::Bearer => vec![("Authorization", format!("Bearer {token}"))],
        Asker::Cookie => vec![("Cookie", format!("atome_session={token}"))],
        Asker::Stranger(text) => vec![("Authorization", text.clone())],
        Asker::Both(other) => vec![
            ("Authorization", format!("Bearer {token}")),
            ("Cookie", format!("atome_session={other}")),
        ],
        Asker::Forged => vec![
            ("Cookie", format!("atome_session={token}")),
            ("Origin", "https://evil.example".to_owned()),
        ],
    };
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let stream = tokio::net::TcpStream::connect(world.listen).await.unwrap();
    crate::world::send(stream, &operation.method, &path, &headers, &body).await
}

/// What is wrong with an answer, if anything is.
pub(crate) fn check(operation: &Operation<'_>, reply: &Reply) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {reply:?}"));
    if reply.status >= 500 {
        return wrong("the hub failed");
    }
    let described = &operation.description["responses"][reply.status.to_string()];
    if described.is_null() {
        return wrong("the status is not described");
    }
    let content_type = reply.header("content-type");
    let Some(content) = described["content"].as_object() else {
        return match (content_type, reply.body.as_str()) {
            (None, "") => Ok(()),
            _ => wrong("nothing was described, and something came"),
        };
    };
    let base = content_type.and_then(|text| text.split(';').next());
    if base.is_none_or(|base| !content.contains_key(base)) {
        return wrong("the type of the content is not described");
    }
    if base == Some("text/plain") {
        return Ok(());
    }
    let Ok(body) = serde_json::from_str::<Value>(&reply.body) else {
        return wrong("the body is not JSON");
    };
    if reply.status < 400 {
        let schema = &content["application/json"]["schema"];
        return match schema::fits(schema, operation.document, &body) {
            true => Ok(()),
            false => wrong("the body is not of the schema"),
        };
    }
    let code: Code = serde_json::from_value(body["code"].clone()).unwrap_or(Code::Unknown);
    let is_described = described["description"]
        .as_str()
        .is_some_and(|text| text.contains(&format!("`{code}`")));
    if code.status() != reply.status || body["status"] != reply.status || !is_described {
        return wrong("the code does not go with the status");
    }
    Ok(())
}
