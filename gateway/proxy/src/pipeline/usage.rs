//! What a call uses and what it costs, from its admission to its record.
//!
//! Tokens are counted beside the call and only where a price or a limit needs them. The cost is
//! made out once, when the call has ended, by the prices that were in force when it came; limits
//! are charged the same.

use bytes::Bytes;
use gantry_analytics::{
    cost::{self, Amount, Item, Rates},
    record::Kind,
};
use gantry_mcp::{answer::Format, frame::Frame, method::Method};

use super::Gateway;
use crate::{
    auth::Caller,
    limits::{
        Now, Tab, Used,
        tokens::{Answer, Count, Counting},
    },
};

/// What a call has used so far.
#[derive(Debug)]
pub(super) struct Usage {
    tab: Tab,
    priced: Option<Priced>,
    arguments: Option<Counting>,
    answer: Option<Answer>,
}

/// The prices that a call is charged by.
#[derive(Debug)]
struct Priced {
    book: String,
    rates: Rates,
}

/// What is known of a call once it has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Whether it was on its way to its server.
    pub(super) sent: bool,
    /// Whether the server could not be reached.
    pub(super) unreached: bool,
    /// How its answer was framed.
    pub(super) format: Format,
    /// Of request and answer.
    pub(super) bytes: u64,
    pub(super) duration_us: u64,
}

/// What the record holds of it.
#[derive(Debug, Default)]
pub(super) struct Bill {
    pub(super) tokens_in: u32,
    pub(super) tokens_out: u32,
    /// Whether one of them was not counted but made out from the number of bytes.
    pub(super) is_estimate: bool,
    pub(super) cost: Amount,
    /// Empty where there is no price.
    pub(super) book: String,
}

impl Usage {
    /// Begins the account of an admitted call that came at `ts_us`; none where nothing of it
    /// matters. `tenant` is its caller's, `arguments` are its arguments' JSON text.
    pub(super) fn begin(
        gateway: &Gateway,
        tab: Tab,
        item: Option<Item<'_>>,
        tenant: &str,
        arguments: Option<Bytes>,
        ts_us: i64,
    ) -> Option<Self> {
        let quote = item.and_then(|item| gateway.prices.quote(ts_us, tenant, item));
        if quote.is_none() && tab.is_empty() {
            return None;
        }
        let needs_tokens =
            tab.needs_tokens() || quote.is_some_and(|quote| quote.rates.needs_tokens());
        let tokens = needs_tokens.then(|| gateway.ledger.tokens());
        Some(Self {
            arguments: tokens
                .zip(arguments)
                .map(|(tokens, json)| tokens.arguments(json)),
            answer: tokens.map(|tokens| tokens.answer()),
            priced: quote.map(|quote| Priced {
                book: quote.book.to_owned(),
                rates: quote.rates,
            }),
            tab,
        })
    }

    /// A piece of the answer arrived.
    pub(super) fn answered(&mut self, piece: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.feed(piece);
        }
    }

    /// Closes the account of a call with which nothing has been done: it is owed nothing.
    pub(super) fn forgive(self) {
        self.tab.settle(Used::default(), Now::read());
    }

    /// Closes the account: counts, prices, and settles what limits are owed.
    pub(super) async fn close(self, facts: Facts) -> Bill {
        let tokens_in = count(self.arguments).await;
        let answer = self.answer.map(|answer| answer.count(facts.format));
        let tokens_out = count(answer).await;
        let used = cost::Usage {
            tokens_in: tokens_in.tokens,
            tokens_out: tokens_out.tokens,
            bytes: facts.bytes,
            duration_us: facts.duration_us,
        };
        // What the server never saw has no price.
        let priced = self.priced.filter(|_| facts.sent && !facts.unreached);
        let cost = priced
            .as_ref()
            .map_or(Amount::ZERO, |priced| priced.rates.cost(&used));
        let used = Used {
            reached: !facts.unreached,
            tokens: tokens_in.tokens.saturating_add(tokens_out.tokens),
            bytes: facts.bytes,
            cost,
        };
        self.tab.settle(used, Now::read());
        Bill {
            tokens_in: column(tokens_in),
            tokens_out: column(tokens_out),
            is_estimate: tokens_in.is_estimate || tokens_out.is_estimate,
            cost,
            book: priced.map(|priced| priced.book).unwrap_or_default(),
        }
    }
}

async fn count(counting: Option<Counting>) -> Count {
    match counting {
        Some(counting) => counting.finish().await,
        None => Count::default(),
    }
}

fn column(count: Count) -> u32 {
    u32::try_from(count.tokens).unwrap_or(u32::MAX)
}

/// The tenant that a caller's token names; empty where it names none.
pub fn tenant<'a>(gateway: &Gateway, caller: &'a Caller) -> &'a str {
    let claim = gateway.tenant_claim.as_deref();
    claim
        .and_then(|claim| caller.claims().get(claim)?.as_str())
        .unwrap_or_default()
}

/// What a message is about in the words of limits and prices; none where it is neither limited nor
/// priced.
pub(super) fn item<'a>(server: &'a str, frame: &'a Frame<'_>) -> Option<Item<'a>> {
    let (Frame::Request(call) | Frame::Notification(call)) = frame else {
        return None;
    };
    let kind = match call.known()? {
        Method::ToolsCall => Kind::Tool,
        Method::PromptsGet => Kind::Prompt,
        Method::ResourcesRead => Kind::Resource,
        _ => return None,
    };
    Some(Item {
        server,
        kind,
        // A call that names nothing is a call all the same.
        name: call.subject().unwrap_or_default(),
    })
}

/// The JSON text of a message's arguments, as a part of its body.
pub(super) fn arguments(frame: &Frame<'_>, body: &Bytes) -> Option<Bytes> {
    match frame {
        Frame::Request(call) | Frame::Notification(call) => {
            let span = call.params.arguments.as_ref()?.span();
            // Spans of a frame lie within the body that it was read from.
            (span.end <= body.len()).then(|| body.slice(span))
        }
        Frame::Response(_) => None,
    }
}
