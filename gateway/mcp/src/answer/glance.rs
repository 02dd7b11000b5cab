//! An incremental JSON tokeniser that looks at two levels of a message and passes over the rest.
//!
//! It assumes JSON and does not check it. Keys written with escapes are not recognised.

use super::{ResultType, Verdict};
use crate::words;

/// The longest text that matters, a key or a result type. Longer ones match nothing.
const TEXT_BYTES_MAX: usize = 16;

/// A member that matters, at the level where it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Member {
    #[default]
    Other,
    // Of the message:
    Result,
    Error,
    // Of its result or error:
    IsError,
    ResultType,
    Code,
}

/// A string that the tokeniser is inside of.
#[derive(Clone, Copy, Debug)]
struct Quoted {
    after_backslash: bool,
    /// The text matters.
    kept: bool,
}

/// What the message has reported so far.
#[derive(Clone, Debug, Default)]
struct Report {
    has_method: bool,
    has_result: bool,
    has_error: bool,
    is_error: bool,
    result_type: Option<ResultType>,
    code: i64,
    code_is_negative: bool,
}

/// The tokeniser.
#[derive(Clone, Debug, Default)]
pub(super) struct Glance {
    quoted: Option<Quoted>,
    depth: usize,
    /// A string would be a key here, not a value.
    key_due: bool,
    /// The member of the message whose value is being read.
    outer: Member,
    /// The member of its result or error whose value is being read.
    inner: Member,
    text: Text,
    report: Report,
}

impl Glance {
    /// Reads on and returns what a response reported, once its last bracket is read. Bytes behind
    /// that are not read.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(quoted) = self.quoted {
                rest = self.string(rest, quoted);
                continue;
            }
            if self.depth > 2 {
                rest = skip_plain(rest);
            }
            let (&byte, after) = rest.split_first()?;
            rest = after;
            if let Some(verdict) = self.structure(byte) {
                return Some(verdict);
            }
        }
        None
    }

    /// Reads on inside a string, to its end or its next escape.
    fn string<'a>(&mut self, bytes: &'a [u8], quoted: Quoted) -> &'a [u8] {
        let Quoted {
            after_backslash,
            kept,
        } = quoted;
        if after_backslash {
            let Some((_, after)) = bytes.split_first() else {
                return bytes;
            };
            self.quoted = Some(Quoted {
                after_backslash: false,
                kept,
            });
            return after;
        }
        let (run, after) = bytes.split_at(words::quoted_bytes(bytes));
        if kept {
            self.text.push(run);
        }
        let Some((&byte, after)) = after.split_first() else {
            return after;
        };
        if byte == b'\\' {
            self.text.spoil();
            self.quoted = Some(Quoted {
                after_backslash: true,
                kept,
            });
        } else {
            self.quoted = None;
            if kept {
                self.take_text();
            }
        }
        after
    }

    /// Reads one byte outside of strings.
    fn structure(&mut self, byte: u8) -> Option<Verdict> {
        match byte {
            b'"' => {
                self.text = Text::default();
                self.quoted = Some(Quoted {
                    after_backslash: false,
                    kept: self.text_matters(),
                });
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.key_due = byte == b'{';
                if self.depth == 1 {
                    self.report = Report::default();
                    self.outer = Member::Other;
                } else if self.depth == 2 {
                    self.inner = Member::Other;
                }
            }
            b'}' | b']' => {
                self.key_due = false;
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return self.report.verdict();
                }
            }
            b',' => self.key_due = true,
            b':' => self.key_due = false,
            _ if self.key_due => {}
            _ => self.scalar(byte),
        }
        None
    }

    /// Reads one byte of a number or a literal.
    fn scalar(&mut self, byte: u8) {
        match (self.depth, self.outer, self.inner, byte) {
            // `"error":null` beside a result, as JSON-RPC 1.0 had it.
            (1, Member::Error, _, b'n') => self.report.has_error = false,
            (2, Member::Result, Member::IsError, b't') => self.report.is_error = true,
            (2, Member::Error, Member::Code, b'-') => self.report.code_is_negative = true,
            (2, Member::Error, Member::Code, b'0'..=b'9') => {
                let digit = i64::from(byte - b'0');
                self.report.code = self.report.code.saturating_mul(10).saturating_add(digit);
            }
            // A fraction or an exponent: what was read is not the code.
            (2, Member::Error, Member::Code, b'.' | b'e' | b'E') => {
                self.report.code = 0;
                self.inner = Member::Other;
            }
            _ => {}
        }
    }

    fn text_matters(&self) -> bool {
        match (self.depth, self.outer) {
            (1, _) => self.key_due,
            (2, Member::Result) => self.key_due || self.inner == Member::ResultType,
            (2, Member::Error) => self.key_due,
            _ => false,
        }
    }

    /// Understands a string that mattered, now that it is complete.
    fn take_text(&mut self) {
        let text = self.text.get();
        match (self.depth, self.key_due) {
            (1, true) => {
                self.outer = match text {
                    b"result" => Member::Result,
                    b"error" => Member::Error,
                    _ => Member::Other,
                };
                self.report.has_method |= text == b"method";
                self.report.has_result |= self.outer == Member::Result;
                self.report.has_error |= self.outer == Member::Error;
            }
            (_, true) => {
                self.inner = match (self.outer, text) {
                    (Member::Result, b"isError") => Member::IsError,
                    (Member::Result, b"resultType") => Member::ResultType,
                    (Member::Error, b"code") => Member::Code,
                    _ => Member::Other,
                };
            }
            (_, false) => {
                self.report.result_type = Some(match text {
                    b"complete" => ResultType::Complete,
                    b"input_required" => ResultType::InputRequired,
                    b"task" => ResultType::Task,
                    _ => ResultType::Other,
                });
            }
        }
    }
}

impl Report {
    /// How the call ended, if the message is a response.
    fn verdict(&self) -> Option<Verdict> {
        match self {
            Report {
                has_method: true, ..
            } => None,
            Report {
                has_error: true,
                code,
                code_is_negative,
                ..
            } => Some(Verdict::Error {
                code: if *code_is_negative { -code } else { *code },
            }),
            Report {
                has_result: true,
                is_error,
                result_type,
                ..
            } => Some(Verdict::Complete {
                is_error: *is_error,
                result_type: result_type.unwrap_or(ResultType::Complete),
            }),
            _ => None,
        }
    }
}

/// The first bytes of a string that matters; one too long, or with escapes, matches nothing.
#[derive(Clone, Debug, Default)]
struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl Text {
    fn push(&mut self, run: &[u8]) {
        let end = self.length.saturating_add(run.len());
        match self.bytes.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(run);
                self.length = end;
            }
            None => self.spoil(),
        }
    }

    fn spoil(&mut self) {
        self.length = usize::MAX;
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Drops what neither opens nor closes anything.
fn skip_plain(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'));
    bytes.get(end.unwrap_or(bytes.len())..).unwrap_or_default()
}
