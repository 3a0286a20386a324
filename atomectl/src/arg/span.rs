//! Spans of time: `500ms`, `30s`, `5m`, `1h`, several in a row (`1h30m`), or `0`.

use std::str::FromStr;
use std::time::Duration;

/// A span of time as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(Duration);

/// A text that is no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a whole number and a unit, such as 500ms, 30s, 5m or 1h30m")]
pub(crate) struct BadSpan;

impl Span {
    /// The span.
    pub(crate) fn duration(self) -> Duration {
        self.0
    }

    /// The span in minutes, where it is a whole number of them, one at least.
    pub(crate) fn whole_minutes(self) -> Option<u32> {
        let minutes = u32::try_from(self.0.as_secs() / 60).ok()?;
        let whole = self.0 == Duration::from_secs(u64::from(minutes) * 60);
        (whole && minutes > 0).then_some(minutes)
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut rest = text;
        let mut sum = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, unit_on) = rest.split_at_checked(digits).ok_or(BadSpan)?;
            let letters = unit_on.bytes().take_while(u8::is_ascii_lowercase).count();
            let (unit, next) = unit_on.split_at_checked(letters).ok_or(BadSpan)?;
            let number: u64 = number.parse().map_err(|_| BadSpan)?;
            let ms = number.checked_mul(unit_ms(unit)?).ok_or(BadSpan)?;
            sum = sum.checked_add(Duration::from_millis(ms)).ok_or(BadSpan)?;
            rest = next;
        }
        if text.is_empty() {
            return Err(BadSpan);
        }
        Ok(Self(sum))
    }
}

fn unit_ms(unit: &str) -> Result<u64, BadSpan> {
    match unit {
        "ms" => Ok(1),
        "s" => Ok(1_000),
        "m" | "min" => Ok(60_000),
        "h" => Ok(3_600_000),
        "d" => Ok(86_400_000),
        _ => Err(BadSpan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let ms = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("30s"), Ok(30_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("2d"), Ok(172_800_000));
        assert_eq!(ms("0"), Ok(0));
        for wrong in [
            "",
            "5",
            "m",
            "1.5s",
            "-1s",
            "5 m",
            "5M",
            "99999999999999999999s",
            "18446744073709551615d",
            "5é",
        ] {
            assert_eq!(ms(wrong), Err(BadSpan), "{wrong}");
        }
    }

    #[test]
    fn minutes_are_whole() {
        let minutes = |text: &str| text.parse::<Span>().unwrap().whole_minutes();
        assert_eq!(minutes("15m"), Some(15));
        assert_eq!(minutes("1h"), Some(60));
        assert_eq!(minutes("90s"), None);
        assert_eq!(minutes("0"), None);
    }
}
