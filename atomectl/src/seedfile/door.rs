//! The reader of seed files, for whoever tests it with bytes from outside.

use super::Source;

/// Reads a seed file, packed or not, as `seed` and `verify` do, and hands over each line that is text.
///
/// # Errors
///
/// Where the rest cannot be read, in words for a person.
pub fn seed_lines(bytes: &[u8], mut each: impl FnMut(&str)) -> Result<(), String> {
    let mut source = Source::spool("bytes".to_owned(), bytes).map_err(|e| e.to_string())?;
    let mut lines = source.lines().map_err(|e| e.to_string())?;
    while let Some(line) = lines.next().map_err(|e| e.to_string())? {
        if let Ok(text) = line.text {
            each(text);
        }
    }
    Ok(())
}
