//! How files look: what they open with, what they are called, how long they are.

use super::{SourceFile, Violation};

/// Above this a file is no longer one thing that can be read.
const LINES_MAX: usize = 600;
/// Above this it is worth asking whether it still is one thing.
const LINES_NOTED: usize = 400;

/// Every Rust file opens with what it owns.
pub(super) fn opening(files: &[SourceFile]) -> Vec<Violation> {
    let silent = |file: &&SourceFile| file.is("rs") && !file.text.starts_with("//!");
    let say =
        |file: &SourceFile| Violation::new(&file.path, "does not open with `//!` and what it owns");
    files.iter().filter(silent).map(say).collect()
}

/// A module is `name.rs`, its parts `name/….rs`.
pub(super) fn module_files(files: &[SourceFile]) -> Vec<Violation> {
    let nameless = |file: &&SourceFile| file.path.ends_with("/mod.rs");
    let say = |file: &SourceFile| Violation::new(&file.path, "name the file after its module");
    files.iter().filter(nameless).map(say).collect()
}

/// Files that are too long, and files that are long; inline tests are not counted.
pub(super) fn length(files: &[SourceFile]) -> (Vec<Violation>, Vec<Violation>) {
    let (mut too_long, mut long) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.is("rs")) {
        let tests = |line: &&str| !line.starts_with("#[cfg(test)]");
        let lines = file.text.lines().take_while(tests).count();
        let say = |max| Violation::new(&file.path, format!("{lines} lines; {max} is the mark"));
        if lines > LINES_MAX {
            too_long.push(say(LINES_MAX));
        } else if lines > LINES_NOTED {
            long.push(say(LINES_NOTED));
        }
    }
    (too_long, long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_file_is_found() {
        let files = [
            SourceFile::new("a/src/a.rs", "use std::fs;\n"),
            SourceFile::new("a/src/b.rs", "//! Owns b.\n"),
        ];
        assert_eq!(opening(&files).first().unwrap().at, "a/src/a.rs");
        assert_eq!(opening(&files).len(), 1);
    }

    #[test]
    fn a_nameless_module_is_found() {
        let files = [
            SourceFile::new("a/src/b/mod.rs", "//! b"),
            SourceFile::new("a/src/b.rs", "//! b"),
        ];
        assert_eq!(module_files(&files).len(), 1);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let file = |lines| SourceFile::new("a.rs", &"x\n".repeat(lines));
        let (too_long, long) = length(&[
            file(LINES_MAX + 1),
            file(LINES_NOTED + 1),
            file(LINES_NOTED),
        ]);
        assert_eq!((too_long.len(), long.len()), (1, 1));
        let text = format!("x\n#[cfg(test)]\n{}", "x\n".repeat(LINES_MAX));
        let (too_long, long) = length(&[SourceFile::new("a.rs", &text)]);
        assert_eq!((too_long.len(), long.len()), (0, 0));
    }
}
