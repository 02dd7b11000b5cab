//! Arrays of arrays in a text, under an array of names: `{"columns": ["a", "b"], "rows": [[1, 2], [3, 4]]}`, or of what
//! describes columns: `[{"name": "a"}, {"name": "b"}]`.

use super::{COLUMNS_MAX, Cell, LINE_BYTES_MAX};

/// The elements of the first array of nothing but strings or flat objects, where another array follows.
pub(super) fn names(text: &[u8]) -> Option<Vec<Cell>> {
    let head = text.get(..text.len().min(LINE_BYTES_MAX))?;
    let mut at = 0;
    loop {
        // Most texts have no bracket.
        let open = at + memchr::memchr(b'[', head.get(at..)?)?;
        let mut array = Array {
            text: head,
            at: open + 1,
        };
        if let Some(names) = array.names() {
            memchr::memchr(b'[', text.get(array.at..)?)?;
            return Some(names);
        }
        // What is no name may be the array.
        at = array.at;
    }
}

/// Where the reading of an array is.
struct Array<'a> {
    text: &'a [u8],
    at: usize,
}

impl Array<'_> {
    /// Two names or more and the end; otherwise it stays where there is something else.
    fn names(&mut self) -> Option<Vec<Cell>> {
        let mut names = Vec::new();
        loop {
            names.push(match self.string() {
                Some(name) => name,
                None => self.object()?,
            });
            if self.next(b',').is_none() {
                self.next(b']')?;
                return Some(names).filter(|names| names.len() > 1);
            }
            if names.len() > COLUMNS_MAX {
                return None;
            }
        }
    }

    /// What is in a string without escapes.
    fn string(&mut self) -> Option<Cell> {
        self.next(b'"')?;
        let start = self.at;
        let length = memchr::memchr2(b'"', b'\\', self.text.get(start..)?)?;
        self.at = start + length;
        self.next(b'"')?;
        Some((start, start + length))
    }

    /// What is in an object that has no container in it.
    fn object(&mut self) -> Option<Cell> {
        self.next(b'{')?;
        let start = self.at;
        let (mut quoted, mut escaped) = (false, false);
        let mut is_inside = |byte: &u8| {
            let ends = !quoted && matches!(byte, b'{' | b'}' | b'[');
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            !ends
        };
        let rest = self.text.get(start..)?;
        let length = rest.iter().take_while(|byte| is_inside(byte)).count();
        self.at = start + length;
        self.next(b'}')?;
        Some((start, start + length))
    }

    /// Takes a sign behind spaces.
    fn next(&mut self, sign: u8) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let spaces = rest.len() - rest.trim_ascii_start().len();
        (rest.get(spaces) == Some(&sign)).then(|| self.at += spaces + 1)
    }
}
