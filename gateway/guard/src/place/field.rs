//! The names that the protocol has for members, told apart by one look into a table: a scan meets a dozen in a message.

/// A member's name, as far as the protocol knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Any other name.
    Other,
    /// One of `_meta` with a prefix that is the protocol's.
    Reserved,
    Action,
    Annotations,
    Arguments,
    Baggage,
    Blob,
    CacheScope,
    Capabilities,
    Code,
    Content,
    Contents,
    Cursor,
    Data,
    Description,
    Error,
    Format,
    Id,
    InputResponses,
    InputSchema,
    IsError,
    JsonRpc,
    Level,
    Messages,
    Meta,
    Method,
    MimeType,
    Mode,
    Name,
    NextCursor,
    OutputSchema,
    Params,
    Pattern,
    ProgressToken,
    Prompts,
    Properties,
    ProtocolVersion,
    Ref,
    RequestId,
    RequestState,
    RequestedSchema,
    Required,
    Resource,
    ResourceTemplates,
    Resources,
    Result,
    ResultType,
    Role,
    SchemaId,
    SchemaUri,
    StructuredContent,
    TaskId,
    Text,
    Title,
    Tools,
    TraceParent,
    TraceState,
    TtlMs,
    Type,
    Uri,
    UriTemplate,
}

/// How many there are.
pub(super) const FIELDS: usize = NAMES.len() + 2;
const _: () = assert!(Field::UriTemplate as usize + 1 == FIELDS);

/// Each of them.
pub(super) const ALL: [Field; FIELDS] = {
    let mut all = [Field::Other; FIELDS];
    all[0] = Field::Reserved;
    let mut next = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "both are below the lengths, and this runs at compile time"
    )]
    while next < NAMES.len() {
        all[next + 1] = NAMES[next].1;
        next += 1;
    }
    all
};

const NAMES: [(&[u8], Field); 59] = [
    (b"$id", Field::SchemaId),
    (b"$ref", Field::Ref),
    (b"$schema", Field::SchemaUri),
    (b"_meta", Field::Meta),
    (b"action", Field::Action),
    (b"annotations", Field::Annotations),
    (b"arguments", Field::Arguments),
    (b"baggage", Field::Baggage),
    (b"blob", Field::Blob),
    (b"cacheScope", Field::CacheScope),
    (b"capabilities", Field::Capabilities),
    (b"code", Field::Code),
    (b"content", Field::Content),
    (b"contents", Field::Contents),
    (b"cursor", Field::Cursor),
    (b"data", Field::Data),
    (b"description", Field::Description),
    (b"error", Field::Error),
    (b"format", Field::Format),
    (b"id", Field::Id),
    (b"inputResponses", Field::InputResponses),
    (b"inputSchema", Field::InputSchema),
    (b"isError", Field::IsError),
    (b"jsonrpc", Field::JsonRpc),
    (b"level", Field::Level),
    (b"messages", Field::Messages),
    (b"method", Field::Method),
    (b"mimeType", Field::MimeType),
    (b"mode", Field::Mode),
    (b"name", Field::Name),
    (b"nextCursor", Field::NextCursor),
    (b"outputSchema", Field::OutputSchema),
    (b"params", Field::Params),
    (b"pattern", Field::Pattern),
    (b"progressToken", Field::ProgressToken),
    (b"prompts", Field::Prompts),
    (b"properties", Field::Properties),
    (b"protocolVersion", Field::ProtocolVersion),
    (b"requestId", Field::RequestId),
    (b"requestState", Field::RequestState),
    (b"requestedSchema", Field::RequestedSchema),
    (b"required", Field::Required),
    (b"resource", Field::Resource),
    (b"resourceTemplates", Field::ResourceTemplates),
    (b"resources", Field::Resources),
    (b"result", Field::Result),
    (b"resultType", Field::ResultType),
    (b"role", Field::Role),
    (b"structuredContent", Field::StructuredContent),
    (b"taskId", Field::TaskId),
    (b"text", Field::Text),
    (b"title", Field::Title),
    (b"tools", Field::Tools),
    (b"traceparent", Field::TraceParent),
    (b"tracestate", Field::TraceState),
    (b"ttlMs", Field::TtlMs),
    (b"type", Field::Type),
    (b"uri", Field::Uri),
    (b"uriTemplate", Field::UriTemplate),
];

/// By [`slot`]: the name that falls there. No two do, or the table does not compile.
const SLOTS: [(&[u8], Field); 256] = {
    let mut slots: [(&[u8], Field); 256] = [(b"", Field::Other); 256];
    let mut next = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "both are below the lengths, and this runs at compile time"
    )]
    while next < NAMES.len() {
        let slot = slot(NAMES[next].0);
        assert!(
            slots[slot].0.is_empty(),
            "two names in one slot: other factors are needed"
        );
        slots[slot] = NAMES[next];
        next += 1;
    }
    slots
};

/// A place among 256 by the length and three bytes, with factors that tell all names apart.
const fn slot(name: &[u8]) -> usize {
    let length = name.len();
    let (Some(first), Some(middle), Some(last)) = (
        name.first(),
        name.split_at(length / 2).1.first(),
        name.last(),
    ) else {
        return 0;
    };
    (*first as usize * 227 + *middle as usize * 143 + *last as usize * 94 + length * 168) % 256
}

/// Names of `_meta` that belong to the protocol by their prefix.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b"io.modelcontextprotocol/") || name.starts_with(b"modelcontextprotocol.io/")
}

impl Field {
    pub(super) fn of(name: &[u8]) -> Self {
        match SLOTS.get(slot(name)) {
            Some((known, field)) if *known == name => *field,
            _ => Self::Other,
        }
    }

    /// Whether the protocol keeps it for itself in `_meta`.
    pub(super) const fn is_reserved(self) -> bool {
        matches!(
            self,
            Self::Reserved
                | Self::ProgressToken
                | Self::TraceParent
                | Self::TraceState
                | Self::Baggage
        )
    }

    /// Whether the name is the protocol's own: it says nothing about its value, and is nobody's data.
    pub(super) const fn is_of_protocol(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::JsonRpc
                | Self::Method
                | Self::Params
                | Self::Result
                | Self::Error
                | Self::ResultType
                | Self::Content
                | Self::Contents
                | Self::StructuredContent
                | Self::IsError
                | Self::Type
                | Self::Text
                | Self::Meta
                | Self::Name
                | Self::Arguments
                | Self::Uri
                | Self::MimeType
                | Self::Annotations
                | Self::Description
                | Self::InputSchema
                | Self::OutputSchema
                | Self::Properties
                | Self::Required
                | Self::Tools
                | Self::Title
                | Self::Role
                | Self::Messages
                | Self::Resource
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_no_other() {
        for (name, field) in NAMES {
            assert_eq!(Field::of(name), field);
            let mut other = name.to_vec();
            other.push(b's');
            assert!(
                NAMES.iter().any(|(known, _)| *known == other) || Field::of(&other) == Field::Other
            );
        }
        assert_eq!(Field::of(b""), Field::Other);
    }
}
