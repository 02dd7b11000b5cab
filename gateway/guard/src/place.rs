//! Where in a message a token stands, and what may be done to it there.
//!
//! The protocol's own fields are never touched: a changed id, cursor or state would break the exchange, and none of
//! them is anybody's data.

/// What may be done to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freedom {
    /// Not looked at.
    Protocol,
    /// Looked at, not rewritten: a rewritten one would name something else.
    Name,
    /// Looked at and rewritten.
    Free,
    /// Base64 of something that may be text.
    Blob,
    /// Base64 of an image or a sound.
    Opaque,
}

/// What kind of container a token stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Root,
    Params,
    Result,
    Error,
    Meta,
    /// Content blocks, prompts, requests to the client.
    Message,
    /// Definitions of tools, prompts and resources.
    Definition,
    /// Definitions' schemas.
    Schema,
    /// Data of the caller or the tool.
    Free,
    /// Below a protocol field.
    Protocol,
}

/// The zone of the container under `key` of `zone`; elements of an array stay in their array's zone.
pub(crate) fn zone_under(zone: Zone, key: &[u8]) -> Zone {
    match (zone, key) {
        (Zone::Root, b"params") => Zone::Params,
        (Zone::Root, b"result") => Zone::Result,
        (Zone::Root, b"error") => Zone::Error,
        (Zone::Meta, key) if is_reserved(key) => Zone::Protocol,
        (Zone::Root | Zone::Params | Zone::Result | Zone::Message | Zone::Definition, b"_meta") => {
            Zone::Meta
        }
        (Zone::Params | Zone::Message, b"arguments" | b"inputResponses" | b"data") => Zone::Free,
        (Zone::Params, b"capabilities") | (Zone::Result, b"capabilities") => Zone::Protocol,
        (Zone::Result | Zone::Message, b"structuredContent") | (Zone::Error, _) => Zone::Free,
        (Zone::Result, b"tools" | b"prompts" | b"resources" | b"resourceTemplates") => {
            Zone::Definition
        }
        (Zone::Definition, b"inputSchema" | b"outputSchema")
        | (Zone::Message, b"requestedSchema") => Zone::Schema,
        (Zone::Params | Zone::Result, _) => Zone::Message,
        (zone, _) => zone,
    }
}

/// Names of `_meta` that belong to the protocol.
fn is_reserved(key: &[u8]) -> bool {
    key.starts_with(b"io.modelcontextprotocol/")
        || key.starts_with(b"modelcontextprotocol.io/")
        || matches!(
            key,
            b"progressToken" | b"traceparent" | b"tracestate" | b"baggage"
        )
}

/// What may be done to the value under `key` of `zone`.
pub(crate) fn freedom(zone: Zone, key: Option<&[u8]>) -> Freedom {
    let Some(key) = key else {
        return match zone {
            Zone::Protocol => Freedom::Protocol,
            Zone::Schema | Zone::Definition => Freedom::Free,
            _ => Freedom::Free,
        };
    };
    match (zone, key) {
        (Zone::Protocol, _)
        | (Zone::Root, b"jsonrpc" | b"id" | b"method")
        | (Zone::Error, b"code") => Freedom::Protocol,
        (Zone::Meta, key) if is_reserved(key) => Freedom::Protocol,
        (
            Zone::Params | Zone::Result | Zone::Message,
            b"progressToken" | b"cursor" | b"nextCursor" | b"resultType" | b"protocolVersion"
            | b"ttlMs" | b"cacheScope" | b"isError" | b"taskId" | b"requestId",
        ) => Freedom::Protocol,
        // Opaque and to be echoed byte for byte.
        (Zone::Params | Zone::Result | Zone::Message, b"requestState") => Freedom::Protocol,
        (
            Zone::Params | Zone::Result | Zone::Message | Zone::Definition,
            b"type" | b"mimeType" | b"role" | b"level" | b"method" | b"mode" | b"action",
        ) => Freedom::Protocol,
        (Zone::Schema, b"type" | b"format" | b"$ref" | b"$schema" | b"pattern" | b"$id") => {
            Freedom::Protocol
        }
        (Zone::Message | Zone::Result | Zone::Params, b"uri")
        | (Zone::Definition, b"uri" | b"uriTemplate" | b"name")
        | (Zone::Params, b"name") => Freedom::Name,
        (Zone::Message, b"blob") => Freedom::Blob,
        (Zone::Message, b"data") => Freedom::Opaque,
        _ => Freedom::Free,
    }
}

/// Whether the names of members are data in this zone.
pub(crate) fn keys_are_data(zone: Zone) -> bool {
    matches!(zone, Zone::Free | Zone::Meta)
}

/// Whether a member's name is the protocol's own: it says nothing about its value, and is nobody's data.
pub(crate) fn is_of_protocol(name: &[u8]) -> bool {
    matches!(
        name,
        b"id"
            | b"jsonrpc"
            | b"method"
            | b"params"
            | b"result"
            | b"error"
            | b"resultType"
            | b"content"
            | b"contents"
            | b"structuredContent"
            | b"isError"
            | b"type"
            | b"text"
            | b"_meta"
            | b"name"
            | b"arguments"
            | b"uri"
            | b"mimeType"
            | b"annotations"
            | b"description"
            | b"inputSchema"
            | b"outputSchema"
            | b"properties"
            | b"required"
            | b"tools"
            | b"title"
            | b"role"
            | b"messages"
            | b"resource"
    )
}
