//! Account names: the form in which two of them are the same name.
//!
//! Daemon and hub fold names by this one rule, so that a name which is free here and taken there is
//! seen as the same on both.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Longest name, in characters, as it is written and as it is folded.
pub const NAME_CHARS_MAX: usize = 64;

/// Why a text is no account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Empty, or longer than [`NAME_CHARS_MAX`].
    #[error("an account name has 1 to {NAME_CHARS_MAX} characters")]
    Length,
    /// A control character, a line break, or a character that cannot be seen.
    #[error("an account name holds no control or invisible characters")]
    Unseen,
    /// White space at an end.
    #[error("an account name neither begins nor ends with white space")]
    Space,
    /// It reads as an account's id.
    #[error("an account name must not look like an id")]
    Id,
}

/// Folds a name to the form by which names are compared: NFKC with case folding.
///
/// Folding what is folded changes nothing. Source: The Unicode Standard, section 3.13, D146
/// (compatibility caseless matching), composed again.
///
/// # Errors
///
/// [`BadName`], the first thing found wrong.
pub fn fold(name: &str) -> Result<String, BadName> {
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(BadName::Length);
    }
    if name.chars().any(is_unseen) {
        return Err(BadName::Unseen);
    }
    let folded = fold_text(name);
    if folded.is_empty() || folded.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(BadName::Length);
    }
    if folded.chars().any(is_unseen) {
        return Err(BadName::Unseen);
    }
    if folded.trim() != folded {
        return Err(BadName::Space);
    }
    if uuid::Uuid::try_parse(&folded).is_ok() {
        return Err(BadName::Id);
    }
    Ok(folded)
}

/// Whether a text is a phone number in the one form that counts: a plus sign, then 7 to 15 digits, the
/// country code first. Source: ITU-T E.164 (at most 15 digits; no country code begins with 0).
#[must_use]
pub fn is_e164(phone: &str) -> bool {
    phone.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// Folds the beginning of a name, by which names are found; empty, it is that of every name.
///
/// # Errors
///
/// [`BadName`], where no name can begin so.
pub fn fold_prefix(prefix: &str) -> Result<String, BadName> {
    if prefix.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(BadName::Length);
    }
    let folded = fold_text(prefix);
    if prefix.chars().chain(folded.chars()).any(is_unseen) {
        return Err(BadName::Unseen);
    }
    Ok(folded)
}

fn fold_text(text: &str) -> String {
    text.nfd()
        .default_case_fold()
        .nfkd()
        .default_case_fold()
        .nfkc()
        .collect()
}

/// Characters that a person cannot see, by which one name could pass for another: controls, line and
/// paragraph separators, joiners, direction marks, fillers, variation selectors and tags.
///
/// Source: Unicode Character Database, `Default_Ignorable_Code_Point`.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn phone_numbers_have_one_form() {
        assert!(is_e164("+33123456789") && is_e164("+1234567"));
        for wrong in [
            "",
            "+",
            "33123456789",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+33 123456",
        ] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }

    #[test]
    fn one_name_has_one_folding() {
        for (name, folded) in [
            ("Alice", "alice"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("Ａｌｉｃｅ", "alice"),
            ("e\u{301}ve", "éve"),
            ("Éve", "éve"),
            ("ﬁona", "fiona"),
            ("kiosk-12", "kiosk-12"),
            ("Mary Ann", "mary ann"),
            ("Mary\u{a0}Ann", "mary ann"),
            ("Σίσυφος", "σίσυφοσ"),
            ("李", "李"),
        ] {
            assert_eq!(fold(name).as_deref(), Ok(folded), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (name, bad) in [
            ("", BadName::Length),
            (" ", BadName::Space),
            ("alice ", BadName::Space),
            ("\u{3000}alice", BadName::Space),
            ("al\nice", BadName::Unseen),
            ("al\u{200b}ice", BadName::Unseen),
            ("\u{202e}ecila", BadName::Unseen),
            ("0190a5d0-0000-7000-8000-000000000001", BadName::Id),
            ("0190A5D0000070008000000000000001", BadName::Id),
        ] {
            assert_eq!(fold(name), Err(bad), "{name:?}");
        }
        assert!(fold(&"é".repeat(NAME_CHARS_MAX)).is_ok());
        assert_eq!(fold(&"a".repeat(NAME_CHARS_MAX + 1)), Err(BadName::Length));
        assert_eq!(
            fold(&"ﷺ".repeat(NAME_CHARS_MAX)),
            Err(BadName::Length),
            "one character that folds to many"
        );
    }

    #[test]
    fn a_beginning_is_folded_as_names_are() {
        assert_eq!(fold_prefix("").as_deref(), Ok(""));
        assert_eq!(fold_prefix("Mary ").as_deref(), Ok("mary "));
        assert_eq!(fold_prefix("STRAß").as_deref(), Ok("strass"));
        assert_eq!(fold_prefix("al\u{200b}"), Err(BadName::Unseen));
        assert_eq!(
            fold_prefix(&"a".repeat(NAME_CHARS_MAX + 1)),
            Err(BadName::Length)
        );
    }

    proptest! {
        #[test]
        fn folding_is_a_fixed_point(name in "\\PC{1,20}") {
            if let Ok(folded) = fold(&name) {
                let twice = fold(&folded);
                prop_assert_eq!(twice, Ok(folded));
            }
        }
    }
}
