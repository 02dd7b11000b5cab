//! The methods that MCP defines, and what a gateway must know of each.
//!
//! One table holds every fact. A method that is not in it is not an error here: whether an unknown
//! method may pass is policy.

/// What a method acts upon, in the words of access rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Tool,
    Prompt,
    Resource,
    Task,
    /// The protocol itself: discovery, sessions, logging, notifications.
    Other,
}

impl Kind {
    /// The word used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Tool => "tool",
            Kind::Prompt => "prompt",
            Kind::Resource => "resource",
            Kind::Task => "task",
            Kind::Other => "other",
        }
    }
}

/// The member of `params` that says what a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Name,
    Uri,
    TaskId,
}

impl Subject {
    /// The key inside `params`.
    pub const fn key(self) -> &'static str {
        match self {
            Subject::Name => "name",
            Subject::Uri => "uri",
            Subject::TaskId => "taskId",
        }
    }
}

/// A method that a client may send, in any supported revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Initialize,
    Ping,
    Discover,
    ToolsList,
    ToolsCall,
    PromptsList,
    PromptsGet,
    ResourcesList,
    ResourceTemplatesList,
    ResourcesRead,
    ResourcesSubscribe,
    ResourcesUnsubscribe,
    Complete,
    SetLogLevel,
    Listen,
    TasksGet,
    TasksUpdate,
    TasksCancel,
    TasksList,
    TasksResult,
    Initialized,
    Cancelled,
    Progress,
    RootsListChanged,
}

/// One row of the table.
struct Facts {
    name: &'static str,
    kind: Kind,
    subject: Option<Subject>,
    repeatable: bool,
}

impl Method {
    /// Every known method.
    pub const ALL: [Method; 24] = [
        Method::Initialize,
        Method::Ping,
        Method::Discover,
        Method::ToolsList,
        Method::ToolsCall,
        Method::PromptsList,
        Method::PromptsGet,
        Method::ResourcesList,
        Method::ResourceTemplatesList,
        Method::ResourcesRead,
        Method::ResourcesSubscribe,
        Method::ResourcesUnsubscribe,
        Method::Complete,
        Method::SetLogLevel,
        Method::Listen,
        Method::TasksGet,
        Method::TasksUpdate,
        Method::TasksCancel,
        Method::TasksList,
        Method::TasksResult,
        Method::Initialized,
        Method::Cancelled,
        Method::Progress,
        Method::RootsListChanged,
    ];

    #[rustfmt::skip]
    const fn facts(self) -> Facts {
        use Kind::{Other, Prompt, Resource, Task, Tool};
        use Subject::{Name, TaskId, Uri};
        const fn row(name: &'static str, kind: Kind, subject: Option<Subject>, repeatable: bool) -> Facts {
            Facts { name, kind, subject, repeatable }
        }
        match self {
            Method::Initialize            => row("initialize",                       Other,    None,         false),
            Method::Ping                  => row("ping",                             Other,    None,         true),
            Method::Discover              => row("server/discover",                  Other,    None,         true),
            Method::ToolsList             => row("tools/list",                       Tool,     None,         true),
            Method::ToolsCall             => row("tools/call",                       Tool,     Some(Name),   false),
            Method::PromptsList           => row("prompts/list",                     Prompt,   None,         true),
            Method::PromptsGet            => row("prompts/get",                      Prompt,   Some(Name),   true),
            Method::ResourcesList         => row("resources/list",                   Resource, None,         true),
            Method::ResourceTemplatesList => row("resources/templates/list",         Resource, None,         true),
            Method::ResourcesRead         => row("resources/read",                   Resource, Some(Uri),    true),
            Method::ResourcesSubscribe    => row("resources/subscribe",              Resource, Some(Uri),    false),
            Method::ResourcesUnsubscribe  => row("resources/unsubscribe",            Resource, Some(Uri),    false),
            Method::Complete              => row("completion/complete",              Other,    None,         true),
            Method::SetLogLevel           => row("logging/setLevel",                 Other,    None,         false),
            Method::Listen                => row("subscriptions/listen",             Other,    None,         false),
            Method::TasksGet              => row("tasks/get",                        Task,     Some(TaskId), true),
            Method::TasksUpdate           => row("tasks/update",                     Task,     Some(TaskId), false),
            Method::TasksCancel           => row("tasks/cancel",                     Task,     Some(TaskId), false),
            Method::TasksList             => row("tasks/list",                       Task,     None,         true),
            Method::TasksResult           => row("tasks/result",                     Task,     Some(TaskId), true),
            Method::Initialized           => row("notifications/initialized",        Other,    None,         false),
            Method::Cancelled             => row("notifications/cancelled",          Other,    None,         false),
            Method::Progress              => row("notifications/progress",           Other,    None,         false),
            Method::RootsListChanged      => row("notifications/roots/list_changed", Other,    None,         false),
        }
    }

    /// The method of this exact name; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Method> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// What the method acts upon.
    pub const fn kind(self) -> Kind {
        self.facts().kind
    }

    /// The member of `params` that says what the request is about, where there is one.
    pub const fn subject(self) -> Option<Subject> {
        self.facts().subject
    }

    /// The member of `params` that the header `Mcp-Name` must mirror (2026-07-28, Streamable HTTP;
    /// the tasks extension for `tasks/*`).
    pub const fn mirrored(self) -> Option<Subject> {
        match self {
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe | Method::TasksResult => None,
            _ => self.subject(),
        }
    }

    /// Whether sending the request twice does no more than sending it once, so that it may be
    /// sent again to another instance when the first one broke off.
    pub const fn is_repeatable(self) -> bool {
        self.facts().repeatable
    }

    /// Whether the answer is a stream that lives as long as both ends want.
    pub const fn is_listen(self) -> bool {
        matches!(self, Method::Listen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_method() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
            assert_eq!(Method::parse(&method.as_str().to_uppercase()), None);
        }
        assert_eq!(Method::parse(""), None);
        assert_eq!(Method::parse("tools/call "), None);
    }

    #[test]
    fn what_changes_something_is_never_repeated() {
        for method in [
            Method::ToolsCall,
            Method::Initialize,
            Method::TasksUpdate,
            Method::Listen,
        ] {
            assert!(!method.is_repeatable(), "{method:?}");
        }
        assert!(Method::ToolsList.is_repeatable());
    }

    #[test]
    fn the_name_header_mirrors_what_the_specification_lists() {
        let mirrored: Vec<_> = Method::ALL
            .into_iter()
            .filter_map(|m| m.mirrored().map(|subject| (m.as_str(), subject.key())))
            .collect();
        assert_eq!(
            mirrored,
            [
                ("tools/call", "name"),
                ("prompts/get", "name"),
                ("resources/read", "uri"),
                ("tasks/get", "taskId"),
                ("tasks/update", "taskId"),
                ("tasks/cancel", "taskId"),
            ]
        );
    }
}
