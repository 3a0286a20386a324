//! A part of the day: `22:00-06:00`, in UTC.

use std::str::FromStr;

/// From one minute of the day to another; past midnight where the second is the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(pub(crate) u16, pub(crate) u16);

/// A text that is no part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write two different times of the day in UTC, such as 22:00-06:00")]
pub(crate) struct BadWindow;

impl FromStr for Window {
    type Err = BadWindow;

    fn from_str(text: &str) -> Result<Self, BadWindow> {
        let (from, to) = text.split_once('-').ok_or(BadWindow)?;
        let window = Self(minute(from)?, minute(to)?);
        if window.0 == window.1 {
            return Err(BadWindow);
        }
        Ok(window)
    }
}

fn minute(text: &str) -> Result<u16, BadWindow> {
    let (hour, minute) = text.split_once(':').ok_or(BadWindow)?;
    let number = |text: &str, below: u16| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<u16>().map_err(|_| BadWindow)?;
        if plain && number < below {
            Ok(number)
        } else {
            Err(BadWindow)
        }
    };
    Ok(number(hour, 24)? * 60 + number(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_day_are_read() {
        assert_eq!("22:00-06:00".parse(), Ok(Window(1320, 360)));
        assert_eq!("00:00-23:59".parse(), Ok(Window(0, 1439)));
        for wrong in [
            "",
            "22-06",
            "24:00-06:00",
            "1:00-2:00",
            "10:60-11:00",
            "+1:00-02:00",
            "10:00-10:00",
        ] {
            assert_eq!(wrong.parse::<Window>(), Err(BadWindow), "{wrong}");
        }
    }
}
