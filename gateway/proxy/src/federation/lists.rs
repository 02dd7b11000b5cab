//! One member's part of a list: asked for, or kept from before.
//!
//! What a member says may be kept is kept for as long as it says, for everybody where it is the same for
//! everybody, else for callers of the same authorization, and no longer than until the member says that
//! it has changed. Kept is what has passed the review of its caller.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gantry_mcp::{
    frame::Call,
    jsonrpc,
    listing::List,
    mentions::{self, What},
    method::Method,
};
use http::StatusCode;
use moka::sync::Cache;
use serde::Deserialize;

use super::{
    ask::{self, Heard, Question, Unheard},
    sessions::Offers,
    visit::Visit,
};

/// All parts that are kept, in bytes.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The longest that a part is kept, whatever its member says.
const KEPT_MAX: Duration = Duration::from_secs(3600);

/// The longest cursor of a member.
pub(super) const CURSOR_BYTES_MAX: usize = 4 * 1024;

/// One page of one member's list.
#[derive(Debug, Clone)]
pub(super) struct Page {
    message: Bytes,
    pub elements: Vec<Element>,
    /// Where the list goes on.
    pub next: Option<String>,
    /// How long it may be kept, where the member says.
    pub ttl_ms: Option<u64>,
    /// Whether it is for everybody.
    pub is_public: bool,
}

/// One element of such a page.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// What its server calls it by.
    pub own: String,
    span: Range<usize>,
    name: Range<usize>,
    description: Option<Range<usize>>,
}

impl Page {
    fn empty() -> Self {
        Self {
            message: Bytes::new(),
            elements: Vec::new(),
            next: None,
            ttl_ms: None,
            is_public: true,
        }
    }

    fn read(message: Bytes, list: List) -> Option<Self> {
        let mut page = Self::empty();
        let mut is_list = false;
        for mention in mentions::of_server(&message).ok()? {
            match mention.what {
                What::Result => is_list = true,
                What::Element(of) if of == list => page.elements.push(Element {
                    own: String::new(),
                    span: mention.span(),
                    name: 0..0,
                    description: None,
                }),
                What::ElementName(of) if of == list => {
                    let last = page.elements.last_mut()?;
                    last.own = mention.text()?.into_owned();
                    last.name = mention.span();
                }
                What::Description(of) if of == list => {
                    page.elements.last_mut()?.description = Some(mention.span());
                }
                What::Cursor => page.next = mention.text().map(|text| text.into_owned()),
                What::Ttl => page.ttl_ms = mention.raw().parse().ok(),
                What::Scope => page.is_public = mention.raw() == "\"public\"",
                _ => {}
            }
        }
        // What has no name cannot be used.
        page.elements.retain(|element| !element.name.is_empty());
        page.next = page.next.filter(|next| next.len() <= CURSOR_BYTES_MAX);
        page.message = message;
        is_list.then_some(page)
    }

    /// An element as clients see it; all else of it is as its server wrote it.
    pub(super) fn shown(
        &self,
        element: &Element,
        name: &str,
        description: Option<&str>,
    ) -> Vec<u8> {
        let edits = element_edits(element, name, description);
        let start = element.span.start;
        let within =
            |(span, text): (Range<usize>, String)| (span.start - start..span.end - start, text);
        let text = self.message.get(element.span.clone()).unwrap_or_default();
        mentions::splice(text, edits.into_iter().map(within).collect())
    }
}

fn element_edits(
    element: &Element,
    name: &str,
    description: Option<&str>,
) -> Vec<(Range<usize>, String)> {
    let mut edits = Vec::new();
    if name != element.own {
        edits.push((element.name.clone(), jsonrpc::quoted(name)));
    }
    edits.extend(
        description.map(|text| described(&element.span, element.description.clone(), text)),
    );
    edits
}

/// The edit that gives an element at `span` another description, or its first one.
pub(super) fn described(
    span: &Range<usize>,
    present: Option<Range<usize>>,
    text: &str,
) -> (Range<usize>, String) {
    let text = jsonrpc::quoted(text);
    match present {
        Some(present) => (present, text),
        // Behind the brace; there is a name behind it, and so a comma is due.
        None => (
            span.start + 1..span.start + 1,
            format!("\"description\":{text},"),
        ),
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Key {
    server: Arc<str>,
    list: List,
    cursor: Option<String>,
    is_modern: bool,
    authorization: Option<[u8; 32]>,
    /// How often the member has said that its list has changed.
    changes: u64,
}

#[derive(Clone)]
struct Kept {
    page: Arc<Page>,
    until: Instant,
}

/// How often each server has said that a list of its has changed.
type Changes = HashMap<(Arc<str>, List), u64>;

/// Parts that are kept. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lists {
    kept: Cache<Key, Kept>,
    changes: Arc<RwLock<Changes>>,
}

impl Default for Lists {
    fn default() -> Self {
        let weigh = |key: &Key, kept: &Kept| {
            let bytes = kept.page.message.len() + key.cursor.as_ref().map_or(0, String::len) + 256;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder()
                .weigher(weigh)
                .max_capacity(KEPT_BYTES_MAX)
                .time_to_live(KEPT_MAX)
                .build(),
            changes: Arc::default(),
        }
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lists", self.kept.entry_count())
    }
}

impl Lists {
    /// A member says that a list of its has changed.
    pub(super) fn changed(&self, server: &Arc<str>, lists: &[List]) {
        // A panic elsewhere cannot leave a number half changed.
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        for list in lists {
            *changes.entry((Arc::clone(server), *list)).or_default() += 1;
        }
    }

    fn changes(&self, server: &Arc<str>, list: List) -> u64 {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        let known = changes.get(&(Arc::clone(server), list));
        known.copied().unwrap_or_default()
    }

    fn find(&self, key: &Key) -> Option<Arc<Page>> {
        let kept = self.kept.get(key)?;
        (Instant::now() < kept.until).then_some(kept.page)
    }

    fn keep(&self, mut key: Key, page: &Arc<Page>, otherwise: Duration, is_open: bool) {
        let said = page.ttl_ms.map(Duration::from_millis);
        let ttl = said.unwrap_or(otherwise).min(KEPT_MAX);
        if ttl.is_zero() {
            return;
        }
        if is_open && page.is_public && page.ttl_ms.is_some() {
            key.authorization = None;
        }
        let (page, until) = (Arc::clone(page), Instant::now() + ttl);
        self.kept.insert(key, Kept { page, until });
    }
}

/// The method that asks for a list.
pub(super) fn method_of(list: List) -> Method {
    match list {
        List::Tools => Method::ToolsList,
        List::Prompts => Method::PromptsList,
        List::Resources => Method::ResourcesList,
        List::Templates => Method::ResourceTemplatesList,
    }
}

/// The list that a method asks for.
pub(super) fn asked_for(method: Method) -> Option<List> {
    List::ALL
        .into_iter()
        .find(|list| method_of(*list) == method)
}

/// One page of a member's list.
pub(super) async fn page(
    visit: &Visit,
    at: usize,
    list: List,
    call: &Listed,
    cursor: Option<&str>,
) -> Result<Arc<Page>, Unheard> {
    let member = visit.member(at).ok_or_else(Unheard::refused)?;
    let lists = &visit.fronts.lists;
    let gateway = &visit.gateway;
    // What everybody gets passes no review that depends on who asks.
    let is_open = !gateway.policy.is_in_force() && !gateway.guardrails.is_in_force();
    let key = Key {
        server: Arc::clone(&member.server),
        list,
        cursor: cursor.map(str::to_owned),
        is_modern: visit.is_modern(),
        authorization: Some(visit.authorization()),
        changes: lists.changes(&member.server, list),
    };
    let shared = Key {
        authorization: None,
        ..key.clone()
    };
    let kept = lists.find(&key);
    if let Some(page) = kept.or_else(|| lists.find(&shared).filter(|_| is_open)) {
        return Ok(page);
    }
    let method = method_of(list).as_str();
    let heard = ask::ask_in_session(visit, at, |session| {
        if session.is_some_and(|session| !offers(&session.offers, list)) {
            return None;
        }
        let body = call.body(method, cursor, &visit.traceparent);
        Some(Question::post(visit.own(method, session), body))
    });
    let Some(heard) = heard.await? else {
        return Ok(Arc::new(Page::empty()));
    };
    let page = Arc::new(read(heard, list, visit.is_modern())?);
    lists.keep(key, &page, visit.front.list_ttl, is_open);
    Ok(page)
}

fn read(heard: Heard, list: List, is_modern: bool) -> Result<Page, Unheard> {
    #[derive(Deserialize)]
    struct Message {
        error: Option<Fault>,
    }
    #[derive(Deserialize)]
    struct Fault {
        code: i64,
    }
    let unsupported = is_modern && heard.status == StatusCode::BAD_REQUEST;
    let otherwise = || match unsupported {
        true => Unheard::unsupported(),
        false => Unheard::error(),
    };
    let message = heard.message.ok_or_else(otherwise)?;
    let fault: Option<Message> = serde_json::from_slice(&message).ok();
    match fault.and_then(|message| message.error) {
        // It has no such list.
        Some(fault) if fault.code == jsonrpc::METHOD_NOT_FOUND => Ok(Page::empty()),
        Some(_) => Err(otherwise()),
        None => Page::read(message, list).ok_or_else(Unheard::error),
    }
}

fn offers(offers: &Offers, list: List) -> bool {
    match list {
        List::Tools => offers.tools.is_some(),
        List::Prompts => offers.prompts.is_some(),
        List::Resources | List::Templates => offers.resources.is_some(),
    }
}

/// What a client says of itself when it asks for a list; its token for progress is not part of that, as
/// several members would tell theirs by it.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    id: String,
    meta: Vec<(&'static str, String)>,
}

impl Listed {
    pub(super) fn of(call: &Call<'_>) -> Self {
        let meta = &call.params.meta;
        let text = |key, text: &Option<std::borrow::Cow<'_, str>>| {
            text.as_ref().map(|text| (key, jsonrpc::quoted(text)))
        };
        let info = meta.client_info.as_ref().map(|info| {
            let text = |text: &Option<std::borrow::Cow<'_, str>>| {
                jsonrpc::quoted(text.as_deref().unwrap_or_default())
            };
            let info = format!(
                r#"{{"name":{},"version":{}}}"#,
                text(&info.name),
                text(&info.version)
            );
            ("io.modelcontextprotocol/clientInfo", info)
        });
        let capabilities = meta.client_capabilities.map(|raw| {
            let key = "io.modelcontextprotocol/clientCapabilities";
            (key, raw.get().to_owned())
        });
        let version = text(
            "io.modelcontextprotocol/protocolVersion",
            &meta.protocol_version,
        );
        let state = text("tracestate", &meta.tracestate);
        let id = call.id.as_ref().map(|id| id.as_raw().to_owned());
        Self {
            id: id.unwrap_or_else(|| "\"gantry/list\"".to_owned()),
            meta: [version, capabilities, info, state]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// The message that asks for a page of such a list.
    pub(super) fn body(&self, method: &str, cursor: Option<&str>, traceparent: &str) -> String {
        let mut params = Vec::new();
        params.extend(cursor.map(|cursor| format!("\"cursor\":{}", jsonrpc::quoted(cursor))));
        let mut meta: Vec<String> = self
            .meta
            .iter()
            .map(|(key, value)| format!("\"{key}\":{value}"))
            .collect();
        if !meta.is_empty() {
            meta.push(format!("\"traceparent\":{}", jsonrpc::quoted(traceparent)));
            params.push(format!("\"_meta\":{{{}}}", meta.join(",")));
        }
        let (id, params) = (&self.id, params.join(","));
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#)
    }
}
