//! The words of tools and of intents.

/// Words that say nothing about what is wanted.
pub(super) const STOP: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "did", "do", "does", "for", "from",
    "have", "how", "i", "in", "is", "it", "its", "like", "me", "my", "need", "of", "on", "or",
    "our", "please", "should", "that", "the", "their", "there", "these", "this", "to", "us", "use",
    "want", "was", "we", "were", "what", "when", "where", "which", "who", "will", "with", "would",
    "you", "your",
];

/// Words that tools and people use for the same thing.
pub(super) const ALIKE: &[&[&str]] = &[
    &[
        "get", "read", "fetch", "retrieve", "show", "view", "look", "see", "display", "load",
        "download",
    ],
    &["create", "new", "make", "add", "post", "insert", "open"],
    &["create", "remember", "save", "store", "record"],
    &[
        "delete", "remove", "erase", "drop", "destroy", "forget", "clear",
    ],
    &[
        "update", "edit", "change", "modify", "patch", "set", "replace", "alter",
    ],
    &["list", "all", "enumerate", "every"],
    &["search", "find", "query", "lookup", "locate", "filter"],
    &["send", "post", "submit", "publish", "write"],
    &["run", "execute", "evaluate"],
    &["choose", "select", "pick"],
    &["connect", "link", "join", "relate", "attach"],
    &["undo", "reset", "revert", "restore"],
    &["repeat", "echo"],
    &["reply", "answer", "respond"],
    &["approve", "review"],
    &["switch", "checkout"],
    &["move", "rename"],
    &["difference", "diff", "change", "compare"],
    &["directory", "folder"],
    &["comment", "note"],
    &["picture", "image", "screenshot", "photo"],
    &["website", "web", "page", "url", "internet"],
    &["bug", "issue", "ticket"],
    &["history", "log"],
    &["user", "member", "person", "people"],
    &["size", "big"],
    &["high", "height", "elevation", "altitude"],
    &["path", "route", "direction"],
    &["drive", "travel", "trip"],
];

/// The words of a text in lower case: `listOpenIssues`, `list_open_issues` and `List open issues` have
/// the same.
pub(super) fn split(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .flat_map(humps)
        .map(str::to_lowercase)
}

/// The parts of a word in camel case.
fn humps(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut small) = (0, false);
    for (at, letter) in word.char_indices() {
        if letter.is_uppercase() && small {
            parts.extend(word.get(start..at));
            start = at;
        }
        small = !letter.is_uppercase();
    }
    parts.extend(word.get(start..).filter(|rest| !rest.is_empty()));
    parts
}
