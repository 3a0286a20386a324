//! Against forged requests: what another site has a browser send with our cookie is refused.
//!
//! The cookie itself is `SameSite=Strict`; this is the second lock. Browsers say where a request comes
//! from in headers that no page can alter; whoever sends none is no browser, and has the cookie by right.

use atome_proto::{Code, Problem};
use hyper::Uri;
use hyper::header::{HOST, HeaderMap, ORIGIN};

/// Refuses what a browser sends on behalf of another site.
///
/// # Errors
///
/// `not_allowed`.
pub fn check(headers: &HeaderMap, is_tls: bool) -> Result<(), Problem> {
    if from_elsewhere(headers, is_tls) {
        return Err(Problem::new(
            Code::NotAllowed,
            "another site has sent this, and not the page of this hub",
        )
        .hint("without a browser, leave out Origin and Sec-Fetch-Site, or send a bearer token"));
    }
    Ok(())
}

fn from_elsewhere(headers: &HeaderMap, is_tls: bool) -> bool {
    // Source: W3C Fetch Metadata. `none` is the person's own doing, such as the address bar.
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if !sites.all(|site| site == "same-origin" || site == "none") {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let mut origins = headers.get_all(ORIGIN).iter();
    !origins.all(|origin| {
        let origin = origin.to_str().ok().and_then(|text| text.parse().ok());
        origin.is_some_and(|origin: Uri| is_ours(&origin, host, is_tls))
    })
}

/// Whether an origin is that of this hub, as the client itself names it.
fn is_ours(origin: &Uri, host: Option<&str>, is_tls: bool) -> bool {
    let scheme = origin.scheme_str();
    // Without TLS here there may be some in front.
    if scheme != Some("https") && (is_tls || scheme != Some("http")) {
        return false;
    }
    let (Some(origin), Some(host)) = (origin.authority(), host) else {
        return false;
    };
    let default = if scheme == Some("https") {
        ":443"
    } else {
        ":80"
    };
    let bare = |text: &str| {
        text.strip_suffix(default)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    bare(origin.as_str()) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(is_tls: bool, lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "hub.example:8443".parse().unwrap());
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        check(&headers, is_tls).is_ok()
    }

    #[test]
    fn only_our_own_page_may() {
        let ours = ("origin", "https://hub.example:8443");
        for (is_tls, lines, right) in [
            (true, &[][..], true),
            (true, &[ours], true),
            (true, &[("origin", "https://HUB.example:8443")], true),
            (true, &[ours, ("sec-fetch-site", "same-origin")], true),
            (true, &[("sec-fetch-site", "none")], true),
            (false, &[("origin", "http://hub.example:8443")], true),
            (false, &[ours], true),
            (true, &[("origin", "http://hub.example:8443")], false),
            (true, &[("origin", "https://hub.example")], false),
            (true, &[("origin", "https://evil.example:8443")], false),
            (
                true,
                &[("origin", "https://hub.example:8443.evil.example")],
                false,
            ),
            (true, &[("origin", "null")], false),
            (true, &[("origin", "")], false),
            (true, &[ours, ("origin", "https://evil.example")], false),
            (true, &[ours, ("sec-fetch-site", "cross-site")], false),
            (true, &[ours, ("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(allowed(is_tls, lines), right, "{is_tls} {lines:?}");
        }
    }

    #[test]
    fn the_usual_port_may_be_left_out() {
        let host = Some("hub.example");
        let ours = |origin: &str, host| is_ours(&origin.parse().unwrap(), host, true);
        assert!(ours("https://hub.example", host));
        assert!(ours("https://hub.example:443", host));
        assert!(ours("https://hub.example", Some("hub.example:443")));
        assert!(!ours("https://hub.example", None));
    }
}
