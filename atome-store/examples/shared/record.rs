//! The record that all measurements write: a title of 20 characters, a body of 120, a number, a short text, an
//! array of three short texts.
//!
//! Its words are chosen at random, the same for the same number, so that compression finds about what it finds
//! in people's texts.

/// What titles and bodies are made of.
const WORDS: [&str; 32] = [
    "bread", "window", "green", "letter", "travel", "orange", "paper", "seven", "market", "quick",
    "violet", "bridge", "summer", "button", "kitchen", "doctor", "yellow", "planet", "garden",
    "silver", "winter", "music", "corner", "ticket", "hammer", "island", "coffee", "mirror",
    "pocket", "rocket", "saddle", "tunnel",
];
/// A word that stands in one record of [`RARE_EVERY`], for searches.
pub(crate) const RARE: &str = "heron";
/// How many records there are to one with [`RARE`].
pub(crate) const RARE_EVERY: u64 = 1_000;
const STATES: [&str; 4] = ["open", "done", "later", "never"];
const TITLE_LEN: usize = 20;
const BODY_LEN: usize = 120;

/// Record `n` as a line of a seed file, with an external key where `keyed`.
pub(crate) fn line(n: u64, keyed: bool) -> String {
    let key = if keyed {
        format!(r#""key":"k/{n}","#)
    } else {
        String::new()
    };
    let mut dice = n;
    let title = text(String::new(), TITLE_LEN, &mut dice);
    let body = if n.is_multiple_of(RARE_EVERY) {
        format!("{RARE} ")
    } else {
        String::new()
    };
    let body = text(body, BODY_LEN, &mut dice);
    let state = pick(&STATES, &mut dice);
    let [a, b, c] = [(); 3].map(|()| pick(&WORDS, &mut dice));
    format!(
        r#"{{{key}"type":"note","properties":{{"title":"{title}","body":"{body}","rank":{n},"state":"{state}","tags":["{a}","{b}","{c}"]}}}}"#
    )
}

fn text(mut text: String, len: usize, dice: &mut u64) -> String {
    while text.len() < len {
        text.push_str(pick(&WORDS, dice));
        text.push(' ');
    }
    text.truncate(len);
    text
}

/// Source: splitmix64, by Sebastiano Vigna.
fn pick(words: &[&'static str], dice: &mut u64) -> &'static str {
    *dice = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *dice;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let place = usize::try_from((mixed >> 33) % 1_024).unwrap_or_default();
    words.get(place % words.len()).copied().unwrap_or_default()
}
