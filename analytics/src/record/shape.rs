//! Whether bytes are one row of the table: RowBinary has no marks between rows, so that one row
//! too short or too long makes ClickHouse read every row after it wrongly, and perhaps take it.

/// A column's form in RowBinary.
#[derive(Clone, Copy)]
enum Form {
    Fixed(usize),
    Text,
    /// A count, then that many of these.
    List(&'static [Form]),
}

use Form::{Fixed, List, Text};

/// The columns after (gateway, epoch, seq), in the table's order.
const FORMS: [Form; 46] = [
    Fixed(8),
    Text,
    Text,
    Text,
    Fixed(8),
    Fixed(1),
    Text,
    Text,
    Fixed(16),
    // What was asked.
    Text,
    Text,
    Text,
    Text,
    Fixed(1),
    Text,
    Text,
    Fixed(8),
    Text,
    Fixed(1),
    Text,
    Text,
    Fixed(16),
    Fixed(8),
    // How it ended, and the time that it took.
    Fixed(1),
    Fixed(2),
    Fixed(4),
    Text,
    Fixed(1),
    Fixed(4),
    Fixed(8),
    Fixed(8),
    Fixed(4),
    Fixed(4),
    Fixed(8),
    // Volume and cost.
    Fixed(4),
    Fixed(8),
    Fixed(4),
    Fixed(4),
    Fixed(8),
    Text,
    // Rules and findings.
    Text,
    Fixed(1),
    List(&[Text]),
    List(&[Text, Fixed(2)]),
    List(&[Text, Fixed(2)]),
    List(&[Text, Text]),
];

/// Whether `row`, without its identity columns, is exactly one row.
pub(crate) fn is_row(row: &[u8]) -> bool {
    skip(row, &FORMS).is_some_and(<[u8]>::is_empty)
}

/// What follows columns of these forms.
fn skip<'a>(mut rest: &'a [u8], forms: &[Form]) -> Option<&'a [u8]> {
    for form in forms {
        rest = match form {
            Fixed(bytes) => rest.get(*bytes..)?,
            Text => {
                let (bytes, rest) = number(rest)?;
                rest.get(bytes..)?
            }
            List(forms) => {
                let (count, mut rest) = number(rest)?;
                for _ in 0..count {
                    rest = skip(rest, forms)?;
                }
                rest
            }
        };
    }
    Some(rest)
}

/// An unsigned LEB128 number of at most 32 bits.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::COLUMNS;

    #[test]
    fn every_column_has_its_form() {
        // The table's identity columns are the log's.
        assert_eq!(FORMS.len() + 3, COLUMNS.len());
    }

    #[test]
    fn no_row_is_longer_than_its_bytes() {
        assert!(!is_row(b""));
        assert!(!is_row(b"no row at all"));
        assert!(!is_row(&[0xff; 4_096]));
        let empty: usize = FORMS
            .iter()
            .map(|form| match form {
                Fixed(bytes) => *bytes,
                Text | List(_) => 1,
            })
            .sum();
        for bytes in [empty - 1, empty, empty + 1] {
            assert_eq!(is_row(&vec![0; bytes]), bytes == empty);
        }
    }
}
