//! Rows of text under each other, for a terminal.

/// Longest cell that is shown whole.
const CELL_CHARS_MAX: usize = 60;

/// Writes rows with their columns aligned. Names come from strangers: what a terminal could take
/// for a command is shown as `?`.
pub(super) fn write<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| shown(cell)))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut page = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page
}

fn shown(cell: &str) -> String {
    let safe = cell.chars().map(|c| if c.is_control() { '?' } else { c });
    if cell.chars().count() <= CELL_CHARS_MAX {
        return safe.collect();
    }
    safe.take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}
