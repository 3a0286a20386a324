//! What stands in requests to the daemon's local API and to the hub's HTTP API.

use atome_engine::merge;
use atome_proto::AccountId;
use atome_proto::account::{ChangePassword, DeleteAccount, Login, Register};
use atome_proto::commit::RawCommit;
use atome_proto::local::v1 as local;
use atome_proto::sharing::Act;
use atome_proto::state::AtomeState;
use atome_server::api::ROUTES;
use atome_server::auth::{cookie, shown, token};
use atome_server::hashing::check_phc;
use atome_server::http::query::Query;
use atome_server::http::route::Kind;
use atome_server::http::{origin, route};
use atomed::api::door;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use uuid::Uuid;

use crate::text::json;

/// Bodies of requests to the daemon.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn local_body(bytes: &[u8]) {
    json::<local::CreateAccount>(bytes);
    json::<local::Login>(bytes);
    json::<local::Logout>(bytes);
    json::<local::NewPassword>(bytes);
    json::<local::RemoveAccount>(bytes);
    json::<local::Resolve>(bytes);
    json::<local::SetMode>(bytes);
    json::<local::Write>(bytes);
    json::<local::DoAct>(bytes);
}

/// Bodies of requests to the hub.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn hub_body(bytes: &[u8]) {
    json::<Login>(bytes);
    json::<ChangePassword>(bytes);
    json::<DeleteAccount>(bytes);
    json::<Act>(bytes);
    if let Some(register) = json::<Register>(bytes)
        && let Some(hash) = register.password_hash
    {
        // A hash that is taken is computed again at each login: it must cost no more than the ceiling.
        let _ = check_phc(&hash.0);
    }
}

/// Query strings of both programs, conditions of `where`, words to find, and references to atomes.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = door::gives_id(AccountId(Uuid::from_u128(1)), text);
    let state = sample();
    if let Ok(once) = door::list(text, &state) {
        assert_eq!(door::list(text, &state).as_ref(), Ok(&once));
    }
    if let Ok(wanted) = door::find(text) {
        assert_eq!(door::find(text).as_ref(), Ok(&wanted));
    }
    for route in ROUTES {
        let Ok(read) = Query::read(text, route.query) else {
            continue;
        };
        for parameter in route.query {
            held(&read, parameter);
        }
    }
}

fn held(read: &Query, parameter: &route::Parameter) {
    match parameter.kind {
        Kind::Text { max, .. } => {
            let text = read.text(parameter.name).unwrap_or_default();
            assert!(text.chars().count() <= max);
        }
        Kind::Whole { min, max, .. } => {
            assert!((min..=max).contains(&read.whole(parameter.name)));
        }
    }
}

/// An atome with a value of each kind.
fn sample() -> AtomeState {
    let text = concat!(
        r#"{"number":1,"author":"01935a2b-7c00-7000-8000-000000000001","#,
        r#""stamp":"0000000000010000-0000000000000001","#,
        r#""changes":[{"atome":"01935a2b-7c00-7000-8000-000000000002","create":{},"#,
        r#""set":{"$type":"city","a":1,"b":"x","c":true,"d":[1],"e":null,"f":0.5}}]}"#
    );
    let raw = RawCommit::from_text(text.to_owned()).expect("it is JSON");
    let commit = raw.decode().expect("it is a commit");
    let change = commit.changes.first().expect("it has a change");
    merge::apply(None, change, merge::Origin::of(&commit))
}

/// The headers by which the hub knows a session: a line each of `Authorization`, `Cookie`, `Origin` and
/// `Host`; a line more adds a cookie.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn session_headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let names: [HeaderName; 5] = [AUTHORIZATION, COOKIE, ORIGIN, HOST, COOKIE];
    for (name, line) in names.into_iter().zip(bytes.split(|byte| *byte == b'\n')) {
        if line.is_empty() {
            continue;
        }
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    for is_tls in [false, true] {
        let _ = origin::check(&headers, is_tls);
        let name = cookie::name(is_tls);
        let Ok(Some((text, by_cookie))) = shown(&headers, name) else {
            continue;
        };
        assert_eq!(by_cookie, !headers.contains_key(AUTHORIZATION));
        let hash = token::hash(text);
        assert_eq!(
            hash.is_some(),
            text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        );
        if hash.is_some() && by_cookie {
            assert!(cookie::set(name, text, 1).is_some());
        }
    }
}
