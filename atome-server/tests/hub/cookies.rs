//! Sessions in cookies, as browsers have them, and requests that another site forges.

use serde_json::{Value, json};

use crate::world::{
    HOST, PASSWORD, PROTOCOL, Reply, World, account_id, hello, login, registration,
};

const LOGIN: &str = "/api/v1/auth/login";
const LOGOUT: &str = "/api/v1/auth/logout";
const ME: &str = "/api/v1/auth/me";
const SESSIONS: &str = "/api/v1/auth/sessions";

fn with_cookie(mut body: Value) -> Value {
    body["cookie"] = json!(true);
    body
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").unwrap();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert!(pair.starts_with("atome_session="), "{set}");
    let life_s = attributes
        .strip_prefix("HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=")
        .unwrap();
    assert!(life_s.parse::<u64>().unwrap() <= 90 * 86_400);
    pair.to_owned()
}

#[tokio::test]
async fn a_browser_keeps_its_session_in_a_cookie() {
    let world = World::start().await;
    let reply = world
        .post("/api/v1/auth/register", &with_cookie(registration("alice")))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let me = reply.json();
    assert!(me.get("token").is_none(), "{me}");
    assert_eq!(me["entry"]["user_id"], json!(account_id("alice")));
    let first = cookie(&reply);

    let reply = world
        .post(LOGIN, &with_cookie(login("alice", PASSWORD)))
        .await;
    assert!(reply.json().get("token").is_none());
    let second = cookie(&reply);
    let by = |cookie: &str| [("Cookie", format!("theme=dark; {cookie}"))];
    let send = async |method: &str, path: &str, cookie: &str| {
        let [(name, value)] = by(cookie);
        world
            .send(method, path, &[(name, &value)], &Value::Null)
            .await
    };
    let me = send("GET", ME, &second).await;
    assert_eq!(me.status, 200);
    assert_eq!(cookie(&me), second, "the cookie lives on with the session");
    assert_eq!(
        send("GET", SESSIONS, &second).await.json()["sessions"][1]["current"],
        false
    );

    let out = send("POST", LOGOUT, &second).await;
    assert_eq!(out.status, 204);
    assert_eq!(
        out.header("set-cookie").unwrap(),
        "atome_session=; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=0"
    );
    assert_eq!(send("GET", ME, &second).await.code(), "auth_required");
    assert_eq!(send("GET", ME, &first).await.status, 200);
    assert_eq!(
        send("GET", ME, "atome_session=").await.code(),
        "auth_required"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_token_and_a_cookie_must_be_one_session() {
    let world = World::start().await;
    let (_, alice) = world.register("alice").await;
    let other = world.log_in("alice", PASSWORD).await;
    let ask = async |bearer: &str, cookie: &str| {
        let (bearer, cookie) = (
            format!("Bearer {bearer}"),
            format!("atome_session={cookie}"),
        );
        let headers = [("Authorization", bearer.as_str()), ("Cookie", &cookie)];
        world.send("GET", ME, &headers, &Value::Null).await
    };
    assert_eq!(ask(&alice, &alice).await.status, 200);
    assert_eq!(ask(&alice, &other).await.code(), "bad_request");
    let two = format!("atome_session={alice}; atome_session={other}");
    let reply = world
        .send("GET", ME, &[("Cookie", &two)], &Value::Null)
        .await;
    assert_eq!(reply.code(), "bad_request");
    let bearer = format!("Bearer {alice}");
    let two = [("Authorization", bearer.as_str()); 2];
    assert_eq!(
        world.send("GET", ME, &two, &Value::Null).await.code(),
        "bad_request"
    );
    let basic = [("Authorization", "Basic YTpi")];
    assert_eq!(
        world.send("GET", ME, &basic, &Value::Null).await.code(),
        "auth_required"
    );
    world.stop().await;
}

#[tokio::test]
async fn another_site_cannot_forge_a_request() {
    let world = World::start().await;
    let (_, alice) = world.register("alice").await;
    let cookie = format!("atome_session={alice}");
    let bearer = format!("Bearer {alice}");
    let ours = format!("http://{HOST}");
    let evil = ("Origin", "https://evil.example");
    for forged in [evil, ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        for (method, path) in [("POST", LOGOUT), ("DELETE", SESSIONS)] {
            let headers = [("Cookie", cookie.as_str()), forged];
            let reply = world.send(method, path, &headers, &Value::Null).await;
            assert_eq!((reply.status, reply.code().as_str()), (403, "not_allowed"));
        }
        // To log its visitor in as somebody else.
        let body = with_cookie(login("alice", PASSWORD));
        assert_eq!(
            world.send("POST", LOGIN, &[forged], &body).await.code(),
            "not_allowed"
        );
        // What changes nothing may be asked for; the answer cannot be read over there.
        let read = [("Cookie", cookie.as_str()), forged];
        assert_eq!(world.send("GET", ME, &read, &Value::Null).await.status, 200);

        let headers = [PROTOCOL, ("Cookie", cookie.as_str()), forged];
        let refused = world
            .dial(&headers)
            .await
            .err()
            .map(|error| error.to_string());
        assert!(
            refused.as_ref().is_some_and(|text| text.contains("403")),
            "{refused:?}"
        );
    }
    // A token is sent by a program that has it, never by a browser of itself.
    let by_token = [("Authorization", bearer.as_str()), evil];
    assert_eq!(
        world
            .send("DELETE", SESSIONS, &by_token, &Value::Null)
            .await
            .status,
        200
    );

    let own = [
        ("Cookie", cookie.as_str()),
        ("Origin", ours.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    assert_eq!(
        world
            .send("DELETE", SESSIONS, &own, &Value::Null)
            .await
            .status,
        200
    );
    let listen = format!("http://{}", world.listen);
    let headers = [
        PROTOCOL,
        ("Cookie", cookie.as_str()),
        ("Origin", listen.as_str()),
    ];
    let mut socket = world.dial(&headers).await.unwrap();
    socket.say(&hello(1, &[])).await;
    socket.hear_a("welcome").await;
    drop(socket);
    assert_eq!(
        world.send("POST", LOGOUT, &own, &Value::Null).await.status,
        204
    );
    world.stop().await;
}
