//! What must hold for any bytes: the properties that the fuzz targets, the property tests and the
//! replay of the corpus share.

use gantry_mcp::{
    answer::{Answer, Format},
    frame::{self, Bounds, Call, Frame, Raw},
    listing::{self, Unclear},
    mentions::{self, What},
    sse::{Piece, Reader},
};
use serde_json::{Value, value::RawValue};

/// serde_json goes 127 levels deep; a message that it refuses for its depth is refused here too.
const BOUNDS: Bounds = Bounds { depth_max: 127 };

/// A body is read as `serde_json` reads it, or refused; what `serde_json` refuses is refused.
pub fn frame(body: &[u8]) {
    let ours = frame::parse(body, &BOUNDS);
    if let Err(malformed) = &ours {
        assert!([-32700, -32602, -32600].contains(&malformed.code()));
        // As raw text: an integer of any size is an id, and `Value` holds no large ones.
        let id = malformed
            .id
            .as_deref()
            .map(serde_json::from_str::<&RawValue>);
        let is_id = |id: &RawValue| !id.get().starts_with(['{', '[', 't', 'f', 'n']);
        assert!(id.is_none_or(|id| id.is_ok_and(is_id)));
    }
    let theirs = match serde_json::from_slice::<Value>(body) {
        Ok(theirs) => theirs,
        // The only JSON that `Value` cannot hold.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => return assert!(ours.is_err(), "accepted what is not JSON: {error}"),
    };
    match ours {
        Ok(Frame::Request(call)) => {
            same(call.id.map(|id| id.as_raw()), &theirs["id"]);
            compare(body, &call, &theirs);
        }
        Ok(Frame::Notification(call)) => {
            assert_eq!((call.id, theirs.get("id")), (None, None));
            compare(body, &call, &theirs);
        }
        Ok(Frame::Response(reply)) => {
            assert_eq!(theirs.get("method"), None);
            same(reply.id.map(|id| id.as_raw()), &theirs["id"]);
            same(
                Some(reply.body.get()),
                &theirs[if reply.is_error { "error" } else { "result" }],
            );
        }
        Err(malformed) => assert_ne!(malformed.code(), -32700, "refused JSON: {malformed}"),
    }
}

/// What is read of a call is what a tree of the same bytes holds.
fn compare(body: &[u8], call: &Call<'_>, theirs: &Value) {
    assert_eq!(theirs["jsonrpc"], "2.0");
    assert_eq!(theirs["method"], *call.method);
    let (params, tree) = (&call.params, &theirs["params"]);
    let known = call.known().is_some();
    let text = |ours: Option<&str>, theirs: &Value| match ours {
        Some(ours) => assert_eq!(*theirs, *ours),
        None => assert!(theirs.is_null() || !known, "not read: {theirs}"),
    };
    let raw = |ours: Option<Raw<'_>>, theirs: &Value| match ours {
        Some(ours) => {
            assert_eq!(&body[ours.span()], ours.get().as_bytes());
            same(Some(ours.get()), theirs);
        }
        None => assert!(theirs.is_null() || !known, "not read: {theirs}"),
    };
    text(params.name.as_deref(), &tree["name"]);
    text(params.uri.as_deref(), &tree["uri"]);
    text(params.task_id.as_deref(), &tree["taskId"]);
    text(params.cursor.as_deref(), &tree["cursor"]);
    text(params.request_state.as_deref(), &tree["requestState"]);
    text(params.protocol_version.as_deref(), &tree["protocolVersion"]);
    raw(params.arguments, &tree["arguments"]);
    raw(params.input_responses, &tree["inputResponses"]);
    if let Some(id) = params.request_id {
        same(Some(id.as_raw()), &tree["requestId"]);
    }
    let (meta, tree) = (&params.meta, &tree["_meta"]);
    assert_eq!(meta.present, tree.is_object());
    text(
        meta.protocol_version.as_deref(),
        &tree["io.modelcontextprotocol/protocolVersion"],
    );
    raw(
        meta.client_capabilities,
        &tree["io.modelcontextprotocol/clientCapabilities"],
    );
    text(meta.traceparent.as_deref(), &tree["traceparent"]);
    let info = meta.client_info.as_ref();
    let tree = &tree["io.modelcontextprotocol/clientInfo"];
    text(info.and_then(|info| info.name.as_deref()), &tree["name"]);
}

fn same(raw: Option<&str>, theirs: &Value) {
    let ours = raw.map_or(Ok(Value::Null), serde_json::from_str);
    assert!(
        ours.as_ref().is_ok_and(|ours| ours == theirs),
        "{raw:?} is not {theirs}"
    );
}

/// A list holds what `serde_json` finds in it, and each element lies where it is said to lie; what
/// is not JSON is refused.
pub fn listing(message: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(message);
    let listing = match listing::read(message) {
        Ok(listing) => listing,
        Err(Unclear::Syntax { .. } | Unclear::Encoding { .. }) => {
            return assert!(theirs.is_err(), "refused JSON");
        }
        Err(_) => return,
    };
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(error) => {
            // The only JSON that `Value` cannot hold, and what is deeper than it goes.
            let text = error.to_string();
            let known = ["number out of range", "recursion limit exceeded"];
            return assert!(
                known.iter().any(|known| text.starts_with(known)),
                "accepted what is not JSON: {text}"
            );
        }
    };
    for (list, elements) in listing.lists {
        let tree = &theirs["result"][list.key()];
        assert_eq!(tree.as_array().map_or(0, Vec::len), elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            same(
                std::str::from_utf8(&message[element.span]).ok(),
                &tree[index],
            );
            if let Some(name) = element.name {
                assert_eq!(tree[index][list.name_key()], *name);
            }
        }
    }
    if let Some(uri) = listing.updated {
        assert_eq!(theirs["method"], "notifications/resources/updated");
        assert!(uri.is_empty() || theirs["params"]["uri"] == *uri);
    }
}

/// However the bytes are cut, they hold the same events and report the same; both are what the
/// specification says. The first byte says how to cut.
pub fn stream(bytes: &[u8]) {
    let Some((&seed, bytes)) = bytes.split_first() else {
        return;
    };
    let chunks = chunks(bytes, seed);
    assert_eq!(events(&chunks), specified(bytes));
    for format in [Format::Json, Format::EventStream] {
        let (mut whole, mut cut) = (Answer::new(format), Answer::new(format));
        let at_once = whole.feed(bytes);
        let completions = chunks.iter().filter(|chunk| cut.feed(chunk)).count();
        assert_eq!(completions, usize::from(at_once));
        assert_eq!(at_once, whole.verdict().is_some());
        assert_eq!(
            (cut.verdict(), cut.events(), cut.at_boundary()),
            (whole.verdict(), whole.events(), whole.at_boundary()),
        );
    }
}

/// Cuts bytes into chunks whose sizes follow from the seed; some are empty.
pub fn chunks(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut rest, mut found, mut state) = (bytes, Vec::new(), usize::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(31).wrapping_add(7) % 251;
        let size = if state % 3 == 0 { state } else { state % 5 };
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        found.push(chunk);
        rest = after;
    }
    found
}

/// The data of the events that the reader finds in these chunks.
pub fn events(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new();
    let (mut found, mut data) = (Vec::new(), Vec::new());
    for chunk in chunks {
        reader.feed(chunk, |piece| match piece {
            Piece::Data(bytes) => data.extend_from_slice(bytes),
            Piece::End => found.push(std::mem::take(&mut data)),
        });
    }
    assert_eq!(reader.events(), found.len() as u64);
    found
}

/// The same by the letter of the specification, over a whole stream.
pub fn specified(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::from([Vec::new()]);
    let mut rest = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'\r' | b'\n' => lines.push(Vec::new()),
            _ => lines
                .last_mut()
                .into_iter()
                .for_each(|line| line.push(*byte)),
        }
        rest = if *byte == b'\r' {
            after.strip_prefix(b"\n").unwrap_or(after)
        } else {
            after
        };
    }
    // What stands behind the last line end is not a line.
    lines.pop();
    let (mut found, mut data) = (Vec::new(), Vec::new());
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (field, value) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        if line.is_empty() {
            if let Some(data) = std::mem::take(&mut data).strip_suffix(b"\n") {
                found.push(data.to_vec());
            }
        } else if field == b"data" {
            data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            data.push(b'\n');
        }
    }
    found
}

/// Every mention lies where it is said to lie and is JSON; what is not JSON is refused; a splice of each
/// with itself changes nothing.
pub fn mentions(message: &[u8]) {
    for read in [mentions::of_server, mentions::of_client] {
        // Half a surrogate pair is no text, which `RawValue` does not look for.
        let theirs = serde_json::from_slice::<Value>(message);
        let found = match read(message) {
            Ok(found) => found,
            Err(Unclear::Syntax { .. } | Unclear::Encoding { .. }) => {
                assert!(theirs.is_err(), "refused JSON");
                continue;
            }
            Err(_) => continue,
        };
        let mut edits = Vec::new();
        for mention in found {
            assert_eq!(&message[mention.span()], mention.raw().as_bytes());
            assert!(serde_json::from_str::<&RawValue>(mention.raw()).is_ok());
            let whole = matches!(
                mention.what,
                What::Element(_) | What::Result | What::Error | What::Filter
            );
            if !whole {
                edits.push((mention.span(), mention.raw().to_owned()));
            }
        }
        assert_eq!(mentions::splice(message, edits), message);
    }
}
