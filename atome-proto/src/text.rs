//! What is written and read as a text of its own: without a copy of the text on the heap.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserializer, Serializer};

/// Reads a text, and makes of it what `parse` does.
///
/// # Errors
///
/// Where there is no text, or `parse` says no.
pub(crate) fn read<'de, D, T, E>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: Display,
{
    struct Text<P, T, E>(P, PhantomData<(T, E)>);

    impl<P: FnOnce(&str) -> Result<T, E>, T, E: Display> Visitor<'_> for Text<P, T, E> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<F: de::Error>(self, text: &str) -> Result<T, F> {
            (self.0)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(Text(parse, PhantomData))
}

/// The sixteen lower-case hexadecimal digits of a number.
pub(crate) fn hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 16];
    let mut rest = number;
    for place in text.iter_mut().rev() {
        let [.., low] = rest.to_be_bytes();
        if let Some(digit) = DIGITS.get(usize::from(low & 0xf)) {
            *place = *digit;
        }
        rest >>= 4;
    }
    text
}

/// Writes bytes that are ASCII as a text.
///
/// # Errors
///
/// Those of the serializer.
pub(crate) fn write<S: Serializer>(ascii: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let text = std::str::from_utf8(ascii).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(text)
}
