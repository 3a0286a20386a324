//! Moments: a time (RFC 3339), a date (its beginning, UTC), or a span from now such as `30d`.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use atome_proto::time::from_rfc3339;

use super::span::Span;

/// A moment as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time such as 2026-12-24T18:00:00Z, a date, or a span from now such as 30d or 12h")]
pub(crate) struct BadMoment;

impl Moment {
    /// In milliseconds since 1970.
    pub(crate) fn ms(self) -> u64 {
        self.0
    }
}

impl FromStr for Moment {
    type Err = BadMoment;

    fn from_str(text: &str) -> Result<Self, BadMoment> {
        if let Ok(span) = text.parse::<Span>() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let then = now.map_err(|_| BadMoment)?.checked_add(span.duration());
            let ms = then.and_then(|then| u64::try_from(then.as_millis()).ok());
            return ms.map(Self).ok_or(BadMoment);
        }
        let time = from_rfc3339(text).or_else(|| from_rfc3339(&format!("{text}T00:00:00Z")));
        time.map(Self).ok_or(BadMoment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_date_or_a_span_from_now() {
        let ms = |text: &str| text.parse::<Moment>().map(Moment::ms);
        assert_eq!(ms("1970-01-02"), Ok(86_400_000));
        assert_eq!(ms("1970-01-01T00:00:01Z"), Ok(1_000));
        assert_eq!(ms("1970-01-01T01:00:01+01:00"), Ok(1_000));
        assert!(ms("2h").unwrap() > ms("1h").unwrap());
        for wrong in ["", "tomorrow", "2026-13-01", "-1h"] {
            assert_eq!(ms(wrong), Err(BadMoment), "{wrong}");
        }
    }
}
