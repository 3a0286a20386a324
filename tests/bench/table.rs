//! What is printed: a table for people, or one JSON object.

use serde_json::{Value, json};

use crate::ground::Ground;
use crate::row::{Bar, Row};

const HEAD: [&str; 7] = [
    "workload",
    "what",
    "figure",
    "limit beside it",
    "ratio",
    "bar",
    "met",
];

/// The table as Markdown, its columns aligned.
pub(crate) fn text(ground: &Ground, rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |cells: &[String; HEAD.len()]| {
        let cells = cells.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let mut lines = lines.iter();
    let mut text = format!("{ground}\n\n");
    text.extend(lines.next().map(line));
    text.push_str(&line(&widths.map(|width| "-".repeat(width))));
    text.extend(lines.map(line));
    text
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let figure = |value: f64| format!("{} {}", number(value), row.unit);
    let bar = match row.bar {
        None => String::new(),
        Some(Bar::RatioAtLeast(least)) => format!("≥ {least} ×"),
        Some(Bar::RatioAtMost(most)) => format!("≤ {most} ×"),
        Some(Bar::AtMost(most)) => format!("≤ {}", figure(most)),
    };
    let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
    [
        row.workload.clone(),
        row.what.clone(),
        figure(row.figure),
        row.limit.map(figure).unwrap_or_default(),
        row.ratio().map(number).unwrap_or_default(),
        bar,
        met.to_owned(),
    ]
}

/// Three digits that matter, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 9.995 {
        return format!("{value:.2}");
    }
    if value.abs() < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Everything, for programs.
pub(crate) fn json(ground: &Ground, rows: &[Row]) -> Value {
    json!({ "ground": ground, "rows": rows })
}
