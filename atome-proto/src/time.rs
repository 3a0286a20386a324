//! Times as people and scripts read them.

use jiff::Timestamp;

/// Writes milliseconds since 1970 as RFC 3339 in UTC, with milliseconds where there are some.
#[must_use]
pub fn to_rfc3339(wall_ms: u64) -> String {
    i64::try_from(wall_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

/// Reads RFC 3339 into milliseconds since 1970; `None` for anything else or before 1970.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<u64> {
    let time: Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(to_rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(to_rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(
            from_rfc3339("2023-11-14T23:13:20.123+01:00"),
            Some(1_700_000_000_123)
        );
        assert_eq!(from_rfc3339("yesterday"), None);
        assert_eq!(from_rfc3339("1969-12-31T23:59:59Z"), None);
        assert!(to_rfc3339(u64::MAX).starts_with("9999"));
    }
}
