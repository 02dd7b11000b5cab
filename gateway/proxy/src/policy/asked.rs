//! What a message asks for, in the terms of access rules.

use std::borrow::Cow;

use gantry_mcp::{
    frame::{Call, Frame},
    method::Method,
};

use super::json;

/// How many resources and tasks one subscription may name.
const SUBSCRIBED_MAX: usize = 1_024;

/// One message, as far as rules can be about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked<'a> {
    /// The method; `GET`, `DELETE` or `response` where the message has none.
    pub method: &'a str,
    /// What the method is applied to.
    pub object: Object<'a>,
    /// The JSON text of `params.arguments`.
    pub arguments: Option<&'a str>,
}

/// What a method is applied to.
#[derive(Debug, Clone, PartialEq)]
pub enum Object<'a> {
    /// The protocol itself: whoever may do anything at a server may do this.
    Protocol,
    Tool(&'a str),
    Prompt(&'a str),
    Resource(&'a str),
    /// A template of resources, or one resource.
    Template(&'a str),
    /// A task: what a tool call has left behind.
    Task,
    /// What a subscription is to tell about.
    Subscription {
        resources: Vec<Cow<'a, str>>,
        tasks: bool,
    },
    /// Nothing that rules could know; only the method's own name can allow it.
    Unknown,
}

impl<'a> Asked<'a> {
    /// Reads a message; without one, `verb` is the HTTP method.
    pub fn read(frame: Option<&'a Frame<'_>>, verb: &'a str) -> Self {
        let protocol = |method| Self {
            method,
            object: Object::Protocol,
            arguments: None,
        };
        match frame {
            None => protocol(verb),
            Some(Frame::Response(_)) => protocol("response"),
            Some(Frame::Request(call)) => Self::call(call, false),
            Some(Frame::Notification(call)) => Self::call(call, true),
        }
    }

    /// The tool that is called.
    pub fn tool(&self) -> Option<&'a str> {
        match self.object {
            Object::Tool(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the answer may hold lists, or news about resources: that of the list methods, and any
    /// stream of a client's own, on which a legacy server may finish answers that broke off.
    pub fn is_answered_by_lists(&self) -> bool {
        let lists = [
            Method::ToolsList,
            Method::PromptsList,
            Method::ResourcesList,
            Method::ResourceTemplatesList,
            Method::Listen,
        ];
        self.method == "GET" || lists.iter().any(|method| method.as_str() == self.method)
    }

    /// Whether the answer says for whom it may be cached, although not everybody may ask for it.
    pub fn is_cacheable(&self) -> bool {
        [Method::Discover, Method::ResourcesRead]
            .iter()
            .any(|method| method.as_str() == self.method)
    }

    fn call(call: &'a Call<'_>, notification: bool) -> Self {
        let object = match call.known() {
            Some(method) => object(call, method),
            // Notifications that a later revision defines tell something and ask for nothing.
            None if notification && call.method.starts_with("notifications/") => Object::Protocol,
            None => Object::Unknown,
        };
        Self {
            method: &call.method,
            object,
            arguments: call.params.arguments.as_ref().map(|raw| raw.get()),
        }
    }
}

fn object<'a>(call: &'a Call<'_>, method: Method) -> Object<'a> {
    let subject = call.subject().unwrap_or_default();
    match method {
        Method::ToolsCall => Object::Tool(subject),
        Method::PromptsGet => Object::Prompt(subject),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            Object::Resource(subject)
        }
        Method::TasksGet
        | Method::TasksUpdate
        | Method::TasksCancel
        | Method::TasksList
        | Method::TasksResult => Object::Task,
        Method::Complete => completion(call),
        Method::Listen => subscription(call),
        Method::Initialize
        | Method::Ping
        | Method::Discover
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::ResourceTemplatesList
        | Method::SetLogLevel
        | Method::Initialized
        | Method::Cancelled
        | Method::Progress
        | Method::RootsListChanged => Object::Protocol,
    }
}

/// A completion is for the prompt or the template that `ref` names.
fn completion<'a>(call: &'a Call<'_>) -> Object<'a> {
    let Some(reference) = &call.params.reference else {
        return Object::Unknown;
    };
    match (reference.kind.as_deref(), &reference.name, &reference.uri) {
        (Some("ref/prompt"), Some(name), None) => Object::Prompt(name),
        (Some("ref/resource"), None, Some(uri)) => Object::Template(uri),
        // A reference to both could be read either way.
        _ => Object::Unknown,
    }
}

fn subscription<'a>(call: &'a Call<'_>) -> Object<'a> {
    let Some(raw) = &call.params.notifications else {
        return Object::Protocol;
    };
    let names = |key| json::strings(raw.get(), key, SUBSCRIBED_MAX).ok();
    match (names("resourceSubscriptions"), names("taskIds")) {
        (Some(resources), Some(tasks)) => Object::Subscription {
            resources: resources.into_iter().map(Cow::Owned).collect(),
            tasks: !tasks.is_empty(),
        },
        _ => Object::Unknown,
    }
}
