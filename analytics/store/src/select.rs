//! SELECTs whose answers are fetched and sent piece by piece, so that an answer of any length takes
//! the memory of a few blocks.
//!
//! Only for formats whose pieces can be put one after another: the engine formats every piece as a
//! document of its own.

use bytes::Bytes;

use crate::body::Statement;
use crate::engine::Connection;
use crate::outlet::{Outlet, Piece, Summary};
use crate::request::Request;
use crate::run::{self, Work};

/// Whether the pieces of a statement's answer make the whole of it.
pub(crate) fn comes_apart(request: &Request, statement: &Statement) -> bool {
    const JSON_ARRAY: &str = "output_format_json_array_of_rows";
    if !statement.selects {
        return false;
    }
    match statement.format.to_ascii_lowercase().as_str() {
        "rowbinary" | "rowbinarywithnamesandtypes" | "native" | "tabseparated" | "tsv" | "csv" => {
            true
        }
        "jsoneachrow" | "jsonlines" | "ndjson" => {
            let in_url = request.settings.iter().any(|(name, _)| name == JSON_ARRAY);
            let in_text = memchr::memmem::find(&statement.text, JSON_ARRAY.as_bytes()).is_some();
            !in_url && !in_text
        }
        _ => false,
    }
}

/// Runs a statement whose answer comes apart.
pub(crate) fn select(work: &Work<'_>, connection: &mut Connection, outlet: Outlet) {
    let (statement, request) = (work.statement, work.request);
    let stream = connection.stream(&statement.text, &statement.format, &request.parameters);
    let unfit = |text: &str| text.contains("Streaming query is not supported");
    if stream
        .as_ref()
        .is_err_and(|exception| unfit(&exception.text))
    {
        // A WITH … INSERT, say. It has not run yet.
        drop(stream);
        return outlet.answer(run::query(work, connection));
    }
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(exception) => return outlet.answer(Err(exception)),
    };
    // An answer of one piece, as most are, goes out whole, with its length and its counts. So two
    // are fetched before anything is said.
    let (first, mut next) = match stream
        .fetch()
        .and_then(|first| Ok((first, stream.fetch()?)))
    {
        Ok((Some(first), Some(second))) => (first, second),
        Ok((Some(only), None)) => return outlet.answer(Ok(work.opening(only))),
        Ok((None, _)) => {
            return outlet.answer(Ok(work.opening_of(Summary::default(), Bytes::new())));
        }
        Err(exception) => return outlet.answer(Err(exception)),
    };
    let head_bytes = repeated_head(&statement.format, first.as_ref());
    let pieces = outlet.open(statement.format.clone(), work.summary(&first));
    if !pieces.send(Piece::Data(work.encode(first, 0))) {
        return;
    }
    loop {
        // A piece without rows is its head alone.
        if next.as_ref().len() > head_bytes
            && !pieces.send(Piece::Data(work.encode(next, head_bytes)))
        {
            return;
        }
        let last = match stream.fetch() {
            Ok(Some(piece)) => {
                next = piece;
                continue;
            }
            Ok(None) => Piece::End,
            Err(exception) => Piece::Failed(exception),
        };
        pieces.send(last);
        return;
    }
}

/// `RowBinaryWithNamesAndTypes` begins with the number of columns, their names and their types; how
/// many bytes that takes. The engine repeats it before every piece.
fn repeated_head(format: &str, piece: &[u8]) -> usize {
    if !format.eq_ignore_ascii_case("RowBinaryWithNamesAndTypes") {
        return 0;
    }
    let mut rest = piece;
    let columns = take_varint(&mut rest).unwrap_or(0);
    for _ in 0..columns.saturating_mul(2) {
        let Some(after) = take_varint(&mut rest).and_then(|length| rest.get(length..)) else {
            return 0;
        };
        rest = after;
    }
    piece.len() - rest.len()
}

/// An unsigned LEB128 number.
fn take_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_repeated_head() {
        let piece = b"\x02\x01n\x01s\x06UInt64\x06String\x07\0\0\0\0\0\0\0\x01x";
        assert_eq!(repeated_head("RowBinaryWithNamesAndTypes", piece), 19);
        assert_eq!(repeated_head("RowBinary", piece), 0);
        for length in 0..19 {
            let cut = &piece[..length];
            assert_eq!(
                repeated_head("RowBinaryWithNamesAndTypes", cut),
                0,
                "cut to {length}"
            );
        }
    }
}
