//! Trees with box characters.

use atome_proto::local::v1::TreeLine;

use crate::out::plain;

/// Draws lines that come depth first. Whether a branch goes on below is seen only from its end, so the lines
/// are gone through backwards.
pub(crate) fn draw_tree(lines: &[TreeLine]) -> Vec<String> {
    // Whether, further down, another line follows at each depth before the tree comes back above it.
    let mut follows: Vec<bool> = Vec::new();
    let mut drawn: Vec<String> = lines
        .iter()
        .rev()
        .map(|line| {
            let depth = usize::try_from(line.depth).unwrap_or_default();
            follows.resize(follows.len().max(depth + 1), false);
            follows.truncate(depth + 1);
            let text = format!("{}{}", branches(&follows), label(line));
            if let Some(here) = follows.last_mut() {
                *here = true;
            }
            text
        })
        .collect();
    drawn.reverse();
    drawn
}

fn branches(follows: &[bool]) -> String {
    // The topmost level has no branch.
    let Some(([_, above @ ..], goes_on)) = follows.split_last().map(|(last, rest)| (rest, last))
    else {
        return String::new();
    };
    let mut text = String::new();
    for level in above {
        text.push_str(if *level { "│  " } else { "   " });
    }
    text.push_str(if *goes_on { "├─ " } else { "└─ " });
    text
}

fn label(line: &TreeLine) -> String {
    let name = line.name.as_deref().or(line.key.as_deref());
    let name = name.map_or_else(|| line.id.to_string(), plain);
    format!("{name}  ({} {})", plain(&line.type_name), line.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome_proto::AtomeId;

    #[test]
    fn branches_end_where_they_end() {
        let lines: Vec<TreeLine> = [
            (0, "a"),
            (1, "b"),
            (2, "c"),
            (2, "d"),
            (1, "e"),
            (2, "f"),
            (0, "g"),
        ]
        .iter()
        .map(|(depth, name)| TreeLine {
            depth: *depth,
            id: AtomeId::from_bytes([0; 16]),
            key: None,
            type_name: "t".into(),
            name: Some((*name).into()),
        })
        .collect();
        let drawn: Vec<String> = draw_tree(&lines)
            .iter()
            .map(|line| line.split("  (").next().unwrap().to_owned())
            .collect();
        assert_eq!(
            drawn,
            ["a", "├─ b", "│  ├─ c", "│  └─ d", "└─ e", "   └─ f", "g"]
        );
    }
}
