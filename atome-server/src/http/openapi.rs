//! The description of the hub's HTTP interface, OpenAPI 3.1, made from the routes and the types that
//! cross the wire.

use std::collections::BTreeMap;

use atome_proto::account::{Me, Session};
use atome_proto::{Code, Problem};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::route::{Kind, Parameter, Route, Run, Success, Verb, of};
use crate::api::ROUTES;

const ABOUT: &str = "Accounts, sessions and the directory of an Atome hub. Sync goes over the WebSocket \
    `/ws/sync`. Every problem is RFC 9457 problem details with a stable `code` (docs/errors.md). \
    A path answers other methods with 405 and `Allow`; a head that is too long or too slow is answered \
    without problem details, or not at all.";

/// The description; `cookie` is the name of the cookie that this hub sets.
#[must_use]
pub fn document(cookie: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = of::<Problem>(&mut generator).into();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        let verb = match route.verb {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Delete => "delete",
        };
        let operation = operation(route, &problem, &mut generator);
        paths
            .entry(route.path)
            .or_default()
            .insert(verb.to_owned(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Atome hub",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a session.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookie,
                    "description": "The same in a cookie, for browsers. What changes something is \
                        then refused where Origin or Sec-Fetch-Site say that another site has sent it.",
                },
            },
        },
    })
}

fn operation(route: &Route, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "responses": responses(route, problem, generator),
    });
    let in_path = route.path.contains("{id}").then(|| {
        json!({
            "name": "id",
            "in": "path",
            "required": true,
            "schema": { "type": "string", "format": "uuid" },
        })
    });
    let in_query = route.query.iter().map(parameter);
    let parameters: Vec<_> = in_path.into_iter().chain(in_query).collect();
    let mut add = |name: &str, value: Value| {
        if let Some(members) = operation.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if !parameters.is_empty() {
        add("parameters", parameters.into());
    }
    if let Some(body) = route.body {
        let schema = body(generator);
        let content = json!({ "application/json": { "schema": schema } });
        add(
            "requestBody",
            json!({ "required": true, "content": content }),
        );
    }
    match (route.run, route.success) {
        (Run::Known(_), _) => add("security", json!([{ "bearer": [] }, { "cookie": [] }])),
        (Run::Anyone(_), Success::Upgrade) => {
            add("security", json!([{}, { "bearer": [] }, { "cookie": [] }]));
        }
        (Run::Anyone(_), _) => {}
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text { max, pattern: None } => json!({ "type": "string", "maxLength": max }),
        Kind::Text {
            max,
            pattern: Some(pattern),
        } => json!({ "type": "string", "maxLength": max, "pattern": pattern }),
        Kind::Whole { min, max, default } => json!({
            "type": "integer",
            "format": "int64",
            "minimum": min,
            "maximum": max,
            "default": default,
        }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.what,
        "schema": schema,
    })
}

fn responses(route: &Route, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in route.problems() {
        by_status.entry(code.status()).or_default().push(code);
    }
    let (status, good) = success(route.success, generator);
    let mut responses = Map::new();
    responses.insert(status.to_owned(), good);
    for (status, codes) in by_status {
        responses.insert(status.to_string(), failure(&codes, problem));
    }
    responses.into()
}

fn success(success: Success, generator: &mut SchemaGenerator) -> (&'static str, Value) {
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    match success {
        Success::Json(schema) => {
            let content = json_of(schema(generator).into());
            ("200", json!({ "description": "Done.", "content": content }))
        }
        Success::Session => {
            let (session, me) = (of::<Session>(generator), of::<Me>(generator));
            let description = "A session is open: its token is in the answer, or in the cookie where \
                `cookie` was true.";
            let set_cookie =
                json!({ "description": "With `cookie` only.", "schema": { "type": "string" } });
            let good = json!({
                "description": description,
                "headers": { "Set-Cookie": set_cookie },
                "content": json_of(json!({ "anyOf": [session, me] })),
            });
            ("200", good)
        }
        Success::Text => {
            let content = json!({ "text/plain": { "schema": { "type": "string" } } });
            ("200", json!({ "description": "Yes.", "content": content }))
        }
        Success::Nothing => ("204", json!({ "description": "Done." })),
        Success::Upgrade => ("101", json!({ "description": "A WebSocket from here on." })),
    }
}

fn failure(codes: &[Code], schema: &Value) -> Value {
    let words: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    json!({
        "description": format!("{}: see docs/errors.md.", words.join(" or ")),
        "content": { "application/problem+json": { "schema": schema } },
    })
}
