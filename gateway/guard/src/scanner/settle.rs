//! What is found once something was taken out.
//!
//! A placeholder is shorter than its value, or longer, and ends the number beside it: words come nearer to what is
//! left, and what was no number of its own becomes one. So texts that were rewritten are looked at again until nothing
//! more is found in them. Redacting twice then changes nothing.

use super::{Finding, Scan, ScanError, Scanner, Wanted, context::Known, judge, room::Room};
use crate::json::Token;
use crate::redact::{self, Edit};
use crate::text::Source;
use crate::work::Work;

/// How often a text is looked at again.
const ROUNDS_MAX: usize = 8;

impl Scanner {
    /// The edits that `decide` makes: first of what was found in the message, then of whatever else is found in the
    /// texts that its edits rewrite. It is called with findings it has not seen, in offsets of the scan's own texts,
    /// which are added to those of the scan, and adds its edits. They are given in order, and none overlaps. No message
    /// is to be changed by fewer than all of them.
    ///
    /// # Errors
    /// As [`Scanner::scan_while`], and where there is always something else: the message must then not pass.
    pub fn settle<'a>(
        &self,
        scan: &mut Scan<'a>,
        go_on: &dyn Fn() -> bool,
        mut decide: impl FnMut(&Scan<'a>, &[Finding], &mut Vec<Edit>),
    ) -> Result<Vec<Edit>, ScanError> {
        let mut edits = Vec::new();
        decide(scan, &scan.findings, &mut edits);
        if edits.is_empty() {
            return Ok(edits);
        }
        let mut work = Work::new(go_on);
        let mut tokens = tokens(&edits);
        for _ in 0..ROUNDS_MAX {
            edits = redact::merged(edits);
            let named = names(scan, &tokens);
            let more = self.again(scan, &edits, &tokens, &mut work)?;
            let mut new = Vec::new();
            decide(scan, &more, &mut new);
            scan.findings.extend(more);
            scan.findings
                .sort_by_key(|finding| (finding.token, finding.start));
            if named != names(scan, &tokens) {
                // A member's name that says more than before may say it of any value within it.
                tokens = (0..scan.room.places.len()).collect();
            } else if new.is_empty() {
                return Ok(edits);
            } else {
                tokens = self::tokens(&new);
            }
            edits.append(&mut new);
        }
        Err(ScanError::Limit("rounds of redaction"))
    }

    /// Looks at texts as edits leave them.
    fn again(
        &self,
        scan: &mut Scan<'_>,
        edits: &[Edit],
        tokens: &[usize],
        work: &mut Work<'_>,
    ) -> Result<Vec<Finding>, ScanError> {
        let mut edited = std::mem::take(&mut scan.room.edited);
        edited.clear();
        for token in tokens {
            let (own, text) = (of(edits, *token), scan.text(*token));
            if self.customs.is_empty() && is_prose(text, own) {
                continue;
            }
            let source = match scan.room.places.get(*token).map(|place| place.token) {
                Some(Token::Key) => Source::Key,
                // What stands for a number is the whole of it.
                Some(Token::Number) if !own.is_empty() => continue,
                Some(Token::Number | Token::String) => Source::Value,
                None => continue,
            };
            let start = edited.begin();
            redact::edited(text, own, &mut edited.buffer);
            edited.end(start, *token, source, self.limits.text_bytes_max, work)?;
        }
        if edited.segments.is_empty() {
            scan.room.edited = edited;
            return Ok(Vec::new());
        }
        let wanted = Wanted {
            injection: false,
            ..self.wanted
        };
        // The texts as they came stay at hand: they are what findings are said to be in.
        let came = std::mem::replace(&mut scan.room.texts, edited);
        let Room { texts, hits, .. } = &mut *scan.room;
        let found = self
            .vocabulary
            .find(&texts.buffer, hits, work)
            .and_then(|()| judge::judge(self, wanted, scan, work));
        scan.room.edited = std::mem::replace(&mut scan.room.texts, came);
        let mut found = found?;
        for group in found.chunk_by_mut(|one, other| one.token == other.token) {
            let token = group.first().map_or(0, |finding| finding.token);
            let moved = Moved::by(of(edits, token));
            for finding in group {
                (finding.start, finding.end) = (moved.start(finding.start), moved.end(finding.end));
            }
        }
        found.retain(|finding| !is_known(scan, edits, finding));
        Ok(found)
    }
}

/// Whether something is about to be taken out, or was found already and is to stay.
fn is_known(scan: &Scan<'_>, edits: &[Edit], finding: &Finding) -> bool {
    let at = (finding.token, finding.start);
    let edit = edits
        .partition_point(|edit| (edit.token, edit.start) <= at)
        .checked_sub(1)
        .and_then(|last| edits.get(last));
    if edit.is_some_and(|edit| edit.token == finding.token && finding.end <= edit.end) {
        return true;
    }
    let place = |known: &Finding| (known.token, known.start);
    let first = scan.findings.partition_point(|known| place(known) < at);
    let same = scan.findings.get(first..).unwrap_or_default();
    same.iter()
        .take_while(|known| place(known) == at)
        .any(|known| known.what == finding.what && finding.end <= known.end)
}

/// Whether nothing but words is left of an edited text, in which nothing else can be found: no digit, no sign that an
/// identifier or a secret has, nothing that an edit touches, and a sign of assignment only before one.
fn is_prose(text: &[u8], edits: &[Edit]) -> bool {
    let is_touched = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut kept = 0;
    for edit in edits {
        let before = text.get(kept..edit.start).unwrap_or_default();
        if edit.text.is_empty() || is_touched(before.last()) || is_touched(text.get(edit.end)) {
            return false;
        }
        let words = before.trim_ascii_end();
        let words = words.strip_suffix(b":").or(words.strip_suffix(b"="));
        if !are_words(words.unwrap_or(before)) {
            return false;
        }
        kept = edit.end;
    }
    kept > 0 && are_words(text.get(kept..).unwrap_or_default())
}

/// Whether a text has words alone, none of them as long as a token nor in capitals as long as a bank's code.
fn are_words(text: &[u8]) -> bool {
    const LETTERS_MAX: usize = 15;
    const CAPITALS_MAX: usize = 7;
    let (mut letters, mut capitals) = (0, 0);
    text.iter().all(|byte| {
        letters = if byte.is_ascii_alphabetic() {
            letters + 1
        } else {
            0
        };
        capitals = if byte.is_ascii_uppercase() {
            capitals + 1
        } else {
            0
        };
        letters <= LETTERS_MAX
            && capitals <= CAPITALS_MAX
            && (letters > 0
                || matches!(
                    byte,
                    b' ' | b'\n' | b',' | b'.' | b';' | b'!' | b'?' | b'(' | b')' | b'\''
                ))
    })
}

/// The tokens that edits are of, each once.
fn tokens(edits: &[Edit]) -> Vec<usize> {
    let mut tokens: Vec<usize> = edits.iter().map(|edit| edit.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// What the names of members among the tokens say.
fn names(scan: &Scan<'_>, tokens: &[usize]) -> Vec<Known> {
    let room = &scan.room;
    let is_name = |token: &&usize| {
        let place = room.places.get(**token);
        place.is_some_and(|place| place.token == Token::Key)
    };
    let names = tokens.iter().filter(is_name);
    names
        .filter_map(|token| room.known.get(*token).copied())
        .collect()
}

/// The edits of one token, of merged ones.
fn of(edits: &[Edit], token: usize) -> &[Edit] {
    let first = edits.partition_point(|edit| edit.token < token);
    let last = edits.partition_point(|edit| edit.token <= token);
    edits.get(first..last).unwrap_or_default()
}

/// Leads from an edited text back to the text as it came: from what an edit put there to all that it replaced.
struct Moved<'a> {
    edits: &'a [Edit],
    /// Where the text of each begins and ends.
    places: Vec<(usize, usize)>,
}

impl<'a> Moved<'a> {
    /// By the merged edits of one text.
    fn by(edits: &'a [Edit]) -> Self {
        let (mut came, mut is) = (0, 0);
        let places = edits.iter().map(|edit| {
            let begins = is + (edit.start - came);
            (came, is) = (edit.end, begins + edit.text.len());
            (begins, is)
        });
        Self {
            edits,
            places: places.collect(),
        }
    }

    fn start(&self, at: usize) -> usize {
        let behind = self.places.partition_point(|(_, ends)| *ends <= at);
        match (self.places.get(behind), self.edits.get(behind)) {
            (Some((begins, _)), Some(edit)) if *begins <= at => edit.start,
            _ => self.behind(behind, at),
        }
    }

    fn end(&self, at: usize) -> usize {
        let behind = self.places.partition_point(|(_, ends)| *ends < at);
        match (self.places.get(behind), self.edits.get(behind)) {
            (Some((begins, _)), Some(edit)) if *begins < at => edit.end,
            _ => self.behind(behind, at),
        }
    }

    /// A place behind that many edits.
    fn behind(&self, edits: usize, at: usize) -> usize {
        let last = edits.checked_sub(1);
        let last = last.and_then(|last| Some((self.edits.get(last)?, self.places.get(last)?)));
        last.map_or(at, |(edit, (_, ends))| edit.end + (at - ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Number;

    #[test]
    fn prose_has_nothing_that_could_be_found() {
        for (text, prose) in [
            ("<>", true),
            ("Write to <>, or call <>. (Not <>!)", true),
            ("mail: <>\nphone = <>", true),
            ("mail: it <>", false),
            ("<>: it", false),
            ("call 1 <>", false),
            ("a<>", false),
            ("<>a", false),
            ("code DEUTDEFF <>", false),
            ("Bearer abcdefghijklmnop <>", false),
            ("caf\u{e9} <>", false),
            ("it@home <>", false),
        ] {
            let edits: Vec<Edit> = text
                .match_indices("<>")
                .map(|(start, _)| Edit {
                    token: 0,
                    start,
                    end: start + 2,
                    text: "[X]".to_owned(),
                    number: Number::Text,
                })
                .collect();
            assert_eq!(is_prose(text.as_bytes(), &edits), prose, "{text}");
        }
    }

    #[test]
    fn places_lead_back_to_the_text_as_it_came() {
        let edit = |start, end, text: &str| Edit {
            token: 0,
            start,
            end,
            text: text.to_owned(),
            number: Number::Text,
        };
        let edits = [edit(2, 4, "[X]"), edit(4, 5, ""), edit(7, 9, "[LONGER]")];
        let came = "abCDEfgHIjk";
        let mut is = Vec::new();
        redact::edited(came.as_bytes(), &edits, &mut is);
        assert_eq!(is, b"ab[X]fg[LONGER]jk");
        let moved = Moved::by(&edits);
        for (start, end, original) in [
            (0, 2, "ab"),
            (0, 5, "abCD"),
            (1, 3, "bCD"),
            (2, 5, "CD"),
            (3, 4, "CD"),
            (4, 6, "CDEf"),
            (5, 7, "fg"),
            (6, 8, "gHI"),
            (10, 17, "HIjk"),
            (15, 17, "jk"),
            (16, 17, "k"),
        ] {
            let place = moved.start(start)..moved.end(end);
            assert_eq!(came.get(place), Some(original), "{start}..{end}");
        }
    }
}
