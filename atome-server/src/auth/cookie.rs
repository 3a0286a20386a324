//! The cookie in which a browser keeps its session, where no script can read it.

use atome_proto::Problem;
use hyper::header::{COOKIE, HeaderMap, HeaderValue};

use crate::http::route::bad_request;

/// The cookie's name: over TLS with the prefix by which browsers see to it that no other host and no
/// plain connection has set it. Source: RFC 6265bis, section 4.1.3.2.
#[must_use]
pub fn name(is_tls: bool) -> &'static str {
    if is_tls {
        "__Host-atome_session"
    } else {
        "atome_session"
    }
}

/// The token in the cookie, if there is one.
///
/// # Errors
///
/// `bad_request` where there are several that differ.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let lines = headers.get_all(COOKIE).iter();
    let mut tokens = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, token)| *known == name && !token.is_empty())
        .map(|(_, token)| token);
    let token = tokens.next();
    if tokens.any(|other| Some(other) != token) {
        return Err(bad_request(
            "there are two different cookies with a session",
        ));
    }
    Ok(token)
}

/// `Set-Cookie` with a token that lives for so many seconds.
#[must_use]
pub fn set(name: &str, token: &str, life_s: u64) -> Option<HeaderValue> {
    value(name, token, life_s)
}

/// `Set-Cookie` that takes the cookie away.
#[must_use]
pub fn clear(name: &str) -> Option<HeaderValue> {
    value(name, "", 0)
}

fn value(name: &str, token: &str, life_s: u64) -> Option<HeaderValue> {
    let text =
        format!("{name}={token}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age={life_s}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_is_found_among_cookies() {
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            let found = super::read(&headers, "atome_session");
            found.map(|token| token.map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["a=b; atome_session=12;c"]).unwrap(), some("12"));
        assert_eq!(read(&["a=b", "atome_session=12"]).unwrap(), some("12"));
        assert_eq!(
            read(&["atome_session=1; atome_session=1"]).unwrap(),
            some("1")
        );
        assert_eq!(read(&["atome_session=; x_atome_session=1"]).unwrap(), None);
        assert!(read(&["atome_session=1; atome_session=2"]).is_err());
    }
}
