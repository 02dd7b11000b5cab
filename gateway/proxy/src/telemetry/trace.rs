//! Trace context: which trace a call belongs to (W3C Trace Context, sections 2 and 3.2).
//!
//! It reads no clock and rolls no dice: fresh ids are arguments.

use std::fmt;

use http::HeaderMap;

/// The header, and the key in `params._meta` (SEP-414).
pub const TRACEPARENT: &str = "traceparent";

/// `00-` trace id `-` span id `-` flags.
const VERSION_00_BYTES: usize = 55;

/// The caller may have recorded the call, which a gateway with an audit trail always has.
const SAMPLED: u8 = 0x01;

/// A call's place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never all zero.
    pub trace_id: [u8; 16],
    /// The gateway's own span; never all zero.
    pub span_id: [u8; 8],
    /// The caller's span, where it named one.
    pub parent_id: Option<[u8; 8]>,
    /// The trace flags that go on to the server.
    pub flags: u8,
    /// The parent that the HTTP header named, where the message itself named another.
    pub link: Option<Parent>,
}

/// What a valid `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub flags: u8,
}

impl TraceContext {
    /// Begins a trace of its own. An id of zeros, which the specification forbids, becomes 1.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        Self {
            trace_id: not_zero(trace_id),
            span_id: not_zero(span_id),
            parent_id: None,
            flags: SAMPLED,
            link: None,
        }
    }

    /// Goes on with the trace of the `traceparent` header, or begins one where there is none, two,
    /// or one that is not valid.
    pub fn from_headers(headers: &HeaderMap, trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        let mut context = Self::new(trace_id, span_id);
        let mut values = headers.get_all(TRACEPARENT).iter();
        if let (Some(value), None) = (values.next(), values.next())
            && let Ok(text) = value.to_str()
        {
            context.adopt(text);
        }
        context
    }

    /// Goes on with the trace of `traceparent` under the same span of ours; whether it was valid.
    /// What is not valid changes nothing. A parent that was known before becomes a link.
    pub fn adopt(&mut self, traceparent: &str) -> bool {
        let parent = Parent::parse(traceparent);
        if let Some(parent) = parent {
            let before = self.parent_id.map(|span_id| Parent {
                trace_id: self.trace_id,
                span_id,
                flags: self.flags,
            });
            self.link = before.filter(|before| *before != parent);
            self.trace_id = parent.trace_id;
            self.parent_id = Some(parent.span_id);
            self.flags = parent.flags;
        }
        parent.is_some()
    }
}

/// The body with our span in place of the caller's in `params._meta.traceparent`, which a server
/// believes rather than the header. The text has the same length, so that nothing else moves.
/// `None` where `traceparent` is not a valid one that stands in `body` as it is.
pub fn with_span(body: &[u8], traceparent: &str, span_id: [u8; 8]) -> Option<Vec<u8>> {
    /// `00-`, the trace id, `-`.
    const BEFORE_SPAN: usize = 36;
    Parent::parse(traceparent)?;
    // An escaped text was decoded elsewhere and is not part of the body.
    let at = (traceparent.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let start = at.checked_add(BEFORE_SPAN)?;
    if body.get(at..at.checked_add(traceparent.len())?)? != traceparent.as_bytes() {
        return None;
    }
    let mut changed = body.to_vec();
    let digits = changed.get_mut(start..start + 16)?;
    hex::encode_to_slice(span_id, digits).ok()?;
    Some(changed)
}

impl fmt::Display for TraceContext {
    /// The `traceparent` that a server is given: ours is its parent span.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (before, bytes) in [
            ("00-", &self.trace_id[..]),
            ("-", &self.span_id),
            ("-", &[self.flags]),
        ] {
            let mut digits = [0; 32];
            let digits = digits.get_mut(..2 * bytes.len()).unwrap_or_default();
            hex::encode_to_slice(bytes, digits).map_err(|_| fmt::Error)?;
            f.write_str(before)?;
            f.write_str(str::from_utf8(digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

impl Parent {
    /// Reads a `traceparent`. Of later versions it reads what version 00 defines, as the
    /// specification asks for.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, rest) = bytes.split_at_checked(VERSION_00_BYTES)?;
        let mut fields = head.split(|byte| *byte == b'-');
        let [version] = from_hex(fields.next()?)?;
        let trace_id: [u8; 16] = from_hex(fields.next()?)?;
        let span_id: [u8; 8] = from_hex(fields.next()?)?;
        let [flags] = from_hex(fields.next()?)?;
        let tail_fits = match version {
            0x00 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        let zero = trace_id == [0; 16] || span_id == [0; 8];
        if fields.next().is_some() || !tail_fits || zero {
            return None;
        }
        // Flags that version 00 does not define must not be passed on (section 3.2.2.5).
        let flags = flags & SAMPLED;
        Some(Self {
            trace_id,
            span_id,
            flags,
        })
    }
}

/// Exactly `N` bytes of lower-case hexadecimal.
fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        for digit in digits {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}

fn not_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id.iter().all(|byte| *byte == 0)
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: [u8; 16] = [
        0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47,
        0x36,
    ];
    const SPAN: [u8; 8] = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

    #[test]
    fn valid_parents() {
        for (text, flags) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 0),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", 1),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
                1,
            ),
        ] {
            let parent = Parent {
                trace_id: TRACE,
                span_id: SPAN,
                flags,
            };
            assert_eq!(Parent::parse(text), Some(parent), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_parent() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e47-36-00f067aa0ba902b7-1",
            "0-04bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert_eq!(Parent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_context_goes_on_with_its_callers_trace() {
        let mut headers = HeaderMap::new();
        let fresh = TraceContext::from_headers(&headers, [7; 16], [9; 8]);
        assert_eq!(
            fresh.to_string(),
            format!("00-{}-{}-01", "07".repeat(16), "09".repeat(8))
        );
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        headers.append(TRACEPARENT, parent.parse().unwrap());
        let child = TraceContext::from_headers(&headers, [7; 16], [9; 8]);
        assert_eq!(child.trace_id, TRACE);
        assert_eq!(child.parent_id, Some(SPAN));
        assert_eq!(
            child.to_string(),
            format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-00", "09".repeat(8))
        );
        headers.append(TRACEPARENT, parent.parse().unwrap());
        let two = TraceContext::from_headers(&headers, [7; 16], [9; 8]);
        assert_eq!(two, fresh);
    }

    #[test]
    fn a_message_that_names_its_parent_outdoes_the_header_and_links_to_it() {
        let mut headers = HeaderMap::new();
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.append(TRACEPARENT, header.parse().unwrap());
        let mut context = TraceContext::from_headers(&headers, [7; 16], [9; 8]);
        assert_eq!(context.link, None);
        assert!(context.adopt("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
        assert_eq!(context.link, Parent::parse(header));
        assert_eq!(
            context.parent_id,
            Some([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31])
        );
    }

    #[test]
    fn our_span_takes_the_place_of_the_callers_in_a_message() {
        let body = r#"{"_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}"#;
        let value = &body[25..80];
        let changed = with_span(body.as_bytes(), value, [0xab; 8]).unwrap();
        let expected = body.replace("b7ad6b7169203331", "abababababababab");
        assert_eq!(String::from_utf8(changed).unwrap(), expected);
        // A text that was decoded, and so stands elsewhere.
        let elsewhere = value.to_owned();
        assert_eq!(with_span(body.as_bytes(), &elsewhere, [1; 8]), None);
        assert_eq!(with_span(body.as_bytes(), &body[25..70], [1; 8]), None);
    }

    #[test]
    fn ids_are_never_zero() {
        let context = TraceContext::new([0; 16], [0; 8]);
        assert!(Parent::parse(&context.to_string()).is_some());
        let mut kept = context;
        assert!(!kept.adopt("00-nonsense"));
        assert_eq!(kept, context);
    }
}
