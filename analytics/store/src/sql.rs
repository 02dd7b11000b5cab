//! What must be known of a statement before the engine sees it: where an INSERT's data begins,
//! which format its answer has, and whether it is one that does not belong on HTTP.
//!
//! This splits text into tokens, as ClickHouse's lexer does (`src/Parsers/Lexer.cpp`); it does not
//! parse SQL. Bytes after an INSERT's FORMAT are data of any kind and are never looked at.

/// What was seen in a statement's text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sketch<'t> {
    /// SELECT, WITH, FROM or a parenthesis comes first: its answer may be fetched in pieces.
    pub(crate) selects: bool,
    /// The format named by the FORMAT clause.
    pub(crate) format: Option<&'t str>,
    /// The text is an INSERT that takes data.
    pub(crate) insert: Option<Target<'t>>,
    /// Begins with INSERT.
    pub(crate) inserts: bool,
    /// INTO OUTFILE or FROM INFILE: files of the machine, which the engine itself would open.
    pub(crate) touches_file: bool,
    /// More text follows the semicolon.
    pub(crate) several: bool,
}

/// An INSERT whose text ends where its data begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'t> {
    /// The statement up to FORMAT or VALUES.
    pub(crate) head: &'t [u8],
    /// The format of the data.
    pub(crate) format: &'t str,
    /// Where in the text the data begins.
    pub(crate) data_at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// A quoted string or identifier, a number sign and the like: never a keyword.
    Other,
    Sign(u8),
}

#[derive(Clone, Copy)]
struct Token<'t> {
    kind: Kind,
    text: &'t [u8],
    start: usize,
    end: usize,
}

impl<'t> Token<'t> {
    fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword.as_bytes())
    }

    fn word(&self) -> Option<&'t str> {
        (self.kind == Kind::Word)
            .then(|| std::str::from_utf8(self.text).ok())
            .flatten()
    }
}

/// Looks over a statement. `None` where there is none: blanks and comments alone.
pub(crate) fn sketch(text: &[u8]) -> Option<Sketch<'_>> {
    let mut tokens = Tokens { text, at: 0 };
    let mut sketch = Sketch::default();
    let first = tokens.next()?;
    sketch.selects = first.kind == Kind::Sign(b'(')
        || ["SELECT", "WITH", "FROM"].iter().any(|word| first.is(word));
    sketch.inserts = first.is("INSERT");
    let rest = if sketch.inserts {
        skip_table(&mut tokens)
    } else {
        None
    };
    walk(text, rest, tokens, &mut sketch);
    Some(sketch)
}

/// Skips `INTO [TABLE] [FUNCTION] name`, so that a table called `format` is not taken for the
/// clause. Returns the first token after it.
fn skip_table<'t>(tokens: &mut Tokens<'t>) -> Option<Token<'t>> {
    let mut token = tokens.next()?;
    for keyword in ["INTO", "TABLE", "FUNCTION"] {
        if token.is(keyword) {
            token = tokens.next()?;
        }
    }
    loop {
        token = tokens.next()?;
        if token.kind != Kind::Sign(b'.') {
            return Some(token);
        }
        tokens.next()?;
    }
}

fn walk<'t>(
    text: &'t [u8],
    first: Option<Token<'t>>,
    mut tokens: Tokens<'t>,
    sketch: &mut Sketch<'t>,
) {
    let mut depth = 0_usize;
    let mut in_settings = false;
    let mut pending = first;
    let mut takes_data = sketch.inserts;
    while let Some(token) = pending.take().or_else(|| tokens.next()) {
        match token.kind {
            Kind::Sign(b'(' | b'[' | b'{') => depth += 1,
            Kind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Kind::Sign(b';') if depth == 0 => {
                sketch.several = tokens.next().is_some();
                return;
            }
            _ => {}
        }
        if depth > 0 {
            continue;
        }
        if takes_data && ["SELECT", "WITH"].iter().any(|word| token.is(word)) {
            takes_data = false;
        }
        if takes_data && token.is("VALUES") {
            let head = text.get(..token.start).unwrap_or_default();
            sketch.insert = Some(Target {
                head,
                format: "Values",
                data_at: token.end,
            });
            return;
        }
        if token.is("INTO") || token.is("FROM") {
            pending = tokens.next();
            let file = if token.is("INTO") {
                "OUTFILE"
            } else {
                "INFILE"
            };
            sketch.touches_file |= pending.is_some_and(|next| next.is(file));
        }
        if token.is("FORMAT") {
            pending = tokens.next();
            if let Some(name) = pending.and_then(|next| next.word()) {
                let name_end = pending.map_or(text.len(), |next| next.end);
                pending = None;
                if takes_data {
                    let head = text.get(..token.start).unwrap_or_default();
                    sketch.insert = Some(Target {
                        head,
                        format: name,
                        data_at: data_start(text, name_end),
                    });
                    return;
                }
                sketch.format = Some(name);
                in_settings = false;
                continue;
            }
        } else if token.is("SETTINGS") {
            in_settings = true;
        } else if !in_settings {
            // A FORMAT clause ends the statement but for SETTINGS; what went before was a name.
            sketch.format = None;
        }
    }
}

/// Data begins after the blanks and the one line end that follow the format's name.
fn data_start(text: &[u8], name_end: usize) -> usize {
    let mut at = name_end;
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\x0c')) {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Tokens<'t> {
    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves past blanks and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let step = match rest {
                [b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c', ..] => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => {
                    memchr::memchr(b'\n', rest).unwrap_or(rest.len())
                }
                [b'/', b'*', body @ ..] => {
                    memchr::memmem::find(body, b"*/").map_or(rest.len(), |at| at + 4)
                }
                _ => return,
            };
            self.at += step;
        }
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        self.skip_blanks();
        let rest = self.rest();
        let (kind, length) = match *rest.first()? {
            quote @ (b'\'' | b'"' | b'`') => (Kind::Other, quoted_length(rest, quote)),
            b'$' => heredoc_length(rest).map_or((Kind::Other, 1), |length| (Kind::Other, length)),
            byte if is_word(byte) => (
                Kind::Word,
                rest.iter()
                    .position(|&byte| !is_word(byte))
                    .unwrap_or(rest.len()),
            ),
            byte => (Kind::Sign(byte), 1),
        };
        let start = self.at;
        self.at += length;
        Some(Token {
            kind,
            text: self.text.get(start..self.at).unwrap_or_default(),
            start,
            end: self.at,
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The length of a quoted token, in which a backslash escapes; a doubled quote reads as two tokens
/// side by side, which comes to the same here.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        at += 1;
        if byte == b'\\' {
            at += 1;
        } else if byte == quote {
            break;
        }
    }
    at.min(rest.len())
}

/// The length of `$tag$ … $tag$`, where there is such a one.
fn heredoc_length(rest: &[u8]) -> Option<usize> {
    let tag_end = rest.iter().skip(1).position(|&byte| !is_word(byte))? + 1;
    if rest.get(tag_end) != Some(&b'$') {
        return None;
    }
    let tag = rest.get(..=tag_end)?;
    let body = rest.get(tag_end + 1..)?;
    memchr::memmem::find(body, tag).map(|at| tag_end + 1 + at + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &str) -> Option<(&str, &str, &str)> {
        let target = sketch(text.as_bytes())?.insert?;
        Some((
            std::str::from_utf8(target.head).unwrap(),
            target.format,
            &text[target.data_at..],
        ))
    }

    #[test]
    fn finds_where_data_begins() {
        let cases = [
            (
                "INSERT INTO t FORMAT CSV\n1,2\n",
                Some(("INSERT INTO t ", "CSV", "1,2\n")),
            ),
            (
                "insert into `a b`.\"t\"(`x;`, y) format RowBinary\r\n\0\x01",
                Some(("insert into `a b`.\"t\"(`x;`, y) ", "RowBinary", "\0\x01")),
            ),
            (
                "INSERT INTO format.format FORMAT TSV \t\n\n",
                Some(("INSERT INTO format.format ", "TSV", "\n")),
            ),
            (
                "/* FORMAT x */ INSERT INTO t -- VALUES\n(a) VALUES (1,';')",
                Some((
                    "/* FORMAT x */ INSERT INTO t -- VALUES\n(a) ",
                    "Values",
                    " (1,';')",
                )),
            ),
            (
                "INSERT INTO t SETTINGS async_insert=0, x='FORMAT y' FORMAT Native",
                Some((
                    "INSERT INTO t SETTINGS async_insert=0, x='FORMAT y' ",
                    "Native",
                    "",
                )),
            ),
            (
                "INSERT INTO FUNCTION file('x') FORMAT CSV 1",
                Some(("INSERT INTO FUNCTION file('x') ", "CSV", "1")),
            ),
            ("INSERT INTO t SELECT 1 FORMAT CSV", None),
            ("INSERT INTO t (a) WITH 1 AS x SELECT x", None),
            ("INSERT INTO t", None),
            ("SELECT 1 FORMAT CSV", None),
        ];
        for (text, expected) in cases {
            assert_eq!(insert(text), expected, "{text}");
        }
    }

    #[test]
    fn finds_the_answers_format() {
        let cases = [
            ("SELECT 1", None),
            ("SELECT 1 FORMAT JSON", Some("JSON")),
            ("SELECT 1 format JSON;", Some("JSON")),
            (
                "SELECT 1 FORMAT JSON SETTINGS max_threads = 1",
                Some("JSON"),
            ),
            (
                "SELECT 1 SETTINGS max_threads = 1 FORMAT Native -- x",
                Some("Native"),
            ),
            ("SELECT format FROM formats", None),
            ("SELECT format AS f, 'FORMAT x' FROM t", None),
            ("SELECT (SELECT 1 FORMAT Null), $a$ FORMAT JSON $a$", None),
            ("SHOW TABLES FORMAT TSV", Some("TSV")),
        ];
        for (text, expected) in cases {
            assert_eq!(sketch(text.as_bytes()).unwrap().format, expected, "{text}");
        }
    }

    #[test]
    fn notices_what_does_not_belong_on_http() {
        let several = |text: &str| sketch(text.as_bytes()).unwrap().several;
        assert!(several("SELECT 1; DROP TABLE t"));
        assert!(!several("SELECT ';'; -- ; end\n"));
        assert!(!several("SELECT 'it''s; \\'; fine', `;`, $x$;$x$"));
        assert!(
            !several("INSERT INTO t VALUES (1); (2)"),
            "what follows VALUES is data"
        );
        let touches_file = |text: &str| sketch(text.as_bytes()).unwrap().touches_file;
        assert!(touches_file("SELECT 1 INTO OUTFILE 'x'"));
        assert!(touches_file("INSERT INTO t FROM INFILE 'x' FORMAT CSV"));
        assert!(!touches_file("SELECT 'INTO OUTFILE' FROM infiles"));
    }

    #[test]
    fn tells_nothing_from_something() {
        for text in ["", " \n", "-- SELECT 1", "/* x */ # y"] {
            assert_eq!(sketch(text.as_bytes()), None, "{text}");
        }
        assert_eq!(sketch(b"CREATE DATABASE d"), Some(Sketch::default()));
    }

    #[test]
    fn knows_what_can_be_fetched_in_pieces() {
        for text in [
            "SELECT 1",
            " -- c\nwith 1 as x select x",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "FROM t SELECT 1",
        ] {
            assert!(sketch(text.as_bytes()).unwrap().selects, "{text}");
        }
        for text in ["SHOW TABLES", "INSERT INTO t SELECT 1", "DESCRIBE t"] {
            assert!(!sketch(text.as_bytes()).unwrap().selects, "{text}");
        }
    }
}
