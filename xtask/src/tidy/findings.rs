//! Findings are contract: the table that people read is the one that the programs have.

use atome_proto::local::v1::FindingCode;

use super::Violation;

/// The table.
pub(super) const TABLE: &str = "docs/findings.md";

/// Every finding has its row, word by word, and there is no other.
pub(super) fn documented(table: &str) -> Vec<Violation> {
    let rows: Vec<String> = FindingCode::ALL.iter().map(|code| row(*code)).collect();
    let there: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let missing = rows.iter().filter(|row| !there.contains(&row.as_str()));
    let missing = missing.map(|row| Violation::new(TABLE, format!("this row is missing: {row}")));
    let strange = there
        .iter()
        .filter(|line| !rows.iter().any(|row| row == *line));
    let strange = strange.map(|row| Violation::new(TABLE, format!("no program has this: {row}")));
    missing.chain(strange).collect()
}

fn row(code: FindingCode) -> String {
    let severity = code.severity().as_str();
    format!(
        "| `{code}` | {severity} | {} | {} |",
        code.meaning(),
        code.remedy()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_without_its_row_is_found_and_a_row_without_its_finding() {
        let rows: Vec<String> = FindingCode::ALL.iter().map(|code| row(*code)).collect();
        let table = rows.join("\n");
        assert_eq!(documented(&table), []);
        let other = table.replacen("| error |", "| warning |", 1);
        assert_eq!(
            documented(&other).len(),
            2,
            "one is missing, one is strange"
        );
        assert_eq!(documented("").len(), FindingCode::ALL.len());
    }
}
