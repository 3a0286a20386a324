//! Error codes are contract: each stands in the table that people read.

use atome_proto::Code;

use super::Violation;

/// The table.
pub(super) const TABLE: &str = "docs/errors.md";

/// Every code that a program may send has a row, with the status that it goes with.
pub(super) fn documented(table: &str) -> Vec<Violation> {
    let row = |code: &Code| {
        let name = format!("| `{code}` |");
        let status = format!("| {} |", code.status());
        table
            .lines()
            .any(|line| line.starts_with(&name) && line.contains(&status))
    };
    let missing = Code::ALL.iter().filter(|code| !row(code));
    missing
        .map(|code| {
            let what = format!("no row for `{code}` with status {}", code.status());
            Violation::new(TABLE, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_without_a_row_is_found() {
        let rows: String = Code::ALL
            .iter()
            .map(|code| format!("| `{code}` | {} | 1 | what | do |\n", code.status()))
            .collect();
        assert_eq!(documented(&rows), []);
        let but_one = rows.replacen("| `bad_data` | 422 |", "| `bad_data` | 400 |", 1);
        assert_eq!(documented(&but_one).len(), 1);
        assert_eq!(documented("").len(), Code::ALL.len());
    }
}
