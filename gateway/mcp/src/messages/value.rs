//! Finding where JSON values end. Strings and brackets are followed, nothing is checked.

use super::Cut;
use crate::words;

/// How far a body of JSON values has been read.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    at: usize,
    depth: usize,
    quoted: bool,
    /// Within a value: what is read belongs to it.
    begun: bool,
}

impl Cutter {
    /// Reads on to the end of the next value or of the white space before it.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Option<Cut> {
        while let Some(&byte) = bytes.get(self.at) {
            if self.quoted {
                self.string(bytes)?;
                if self.depth == 0 {
                    return Some(self.done());
                }
                continue;
            }
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if !self.begun && !space && self.at > 0 {
                return Some(Cut::Plain(std::mem::take(&mut self.at)));
            }
            // A number or a literal ends where white space begins.
            if self.begun && space && self.depth == 0 {
                return Some(self.done());
            }
            self.begun |= !space;
            self.at += 1;
            match byte {
                b'"' => self.quoted = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.done());
                    }
                }
                _ => {}
            }
        }
        // White space at the end waits for nothing.
        (!self.begun && self.at > 0).then(|| Cut::Plain(std::mem::take(&mut self.at)))
    }

    /// Reads on to the end of a string; `None` when it has not come yet.
    fn string(&mut self, bytes: &[u8]) -> Option<()> {
        loop {
            let rest = bytes.get(self.at..)?;
            self.at += words::quoted_bytes(rest);
            match bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    self.quoted = false;
                    return Some(());
                }
                // An escape is passed over whole, or waits for its second byte.
                b'\\' => {
                    bytes.get(self.at + 1)?;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
    }

    fn done(&mut self) -> Cut {
        let length = self.at;
        *self = Self::default();
        Cut::Message(length)
    }
}
