//! Golden files.

use std::path::Path;

/// Compares a text with `tests/golden/NAME`, or writes it there where `ATOME_BLESS` is set.
pub(crate) fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("ATOME_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (i, (found, expected)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(
            found,
            expected,
            "{name}:{}: scripts depend on this; if the change is meant, run with ATOME_BLESS=1",
            i + 1
        );
    }
    assert_eq!(
        text.lines().count(),
        golden.lines().count(),
        "{name}: the number of lines; if the change is meant, run with ATOME_BLESS=1"
    );
}
