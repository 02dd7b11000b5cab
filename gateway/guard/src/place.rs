//! Where in a message a token stands, and what may be done to it there.
//!
//! The protocol's own fields are never touched: a changed id, cursor or state would break the exchange, and none of
//! them is anybody's data.

mod field;

pub(crate) use field::Field;

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

impl Zone {
    /// Whether the names of members are data.
    pub(crate) fn has_data_for_keys(self) -> bool {
        matches!(self, Self::Free | Self::Meta)
    }

    /// The field that a member's name is here. Where all are data, none is of the protocol.
    pub(crate) fn field(self, name: &[u8]) -> Field {
        match self {
            Self::Free | Self::Protocol => Field::Other,
            Self::Meta if field::is_reserved(name) => Field::Reserved,
            _ => Field::of(name),
        }
    }

    /// The zone of the container under `field`.
    pub(crate) fn under(self, field: Field) -> Self {
        match (self, field) {
            (_, Field::Element) => self,
            (Self::Root, Field::Params) => Self::Params,
            (Self::Root, Field::Result) => Self::Result,
            (Self::Root, Field::Error) => Self::Error,
            (Self::Meta, field) if field.is_reserved() => Self::Protocol,
            (
                Self::Root | Self::Params | Self::Result | Self::Message | Self::Definition,
                Field::Meta,
            ) => Self::Meta,
            (
                Self::Params | Self::Message,
                Field::Arguments | Field::InputResponses | Field::Data,
            ) => Self::Free,
            (Self::Params | Self::Result, Field::Capabilities) => Self::Protocol,
            (Self::Result | Self::Message, Field::StructuredContent) | (Self::Error, _) => {
                Self::Free
            }
            (
                Self::Result,
                Field::Tools | Field::Prompts | Field::Resources | Field::ResourceTemplates,
            ) => Self::Definition,
            (Self::Definition, Field::InputSchema | Field::OutputSchema)
            | (Self::Message, Field::RequestedSchema) => Self::Schema,
            (Self::Params | Self::Result, _) => Self::Message,
            (zone, _) => zone,
        }
    }

    /// What may be done to the value under `field`.
    pub(crate) fn freedom(self, field: Field) -> Freedom {
        match (self, field) {
            (Self::Protocol, _)
            | (Self::Root, Field::JsonRpc | Field::Id | Field::Method)
            | (Self::Error, Field::Code) => Freedom::Protocol,
            (Self::Meta, field) if field.is_reserved() => Freedom::Protocol,
            (
                Self::Params | Self::Result | Self::Message,
                Field::ProgressToken
                | Field::Cursor
                | Field::NextCursor
                | Field::ResultType
                | Field::ProtocolVersion
                | Field::TtlMs
                | Field::CacheScope
                | Field::IsError
                | Field::TaskId
                | Field::RequestId,
            ) => Freedom::Protocol,
            // Opaque and to be echoed byte for byte.
            (Self::Params | Self::Result | Self::Message, Field::RequestState) => Freedom::Protocol,
            (
                Self::Params | Self::Result | Self::Message | Self::Definition,
                Field::Type
                | Field::MimeType
                | Field::Role
                | Field::Level
                | Field::Method
                | Field::Mode
                | Field::Action,
            ) => Freedom::Protocol,
            (
                Self::Schema,
                Field::Type
                | Field::Format
                | Field::Ref
                | Field::SchemaUri
                | Field::Pattern
                | Field::SchemaId,
            ) => Freedom::Protocol,
            (Self::Message | Self::Result | Self::Params, Field::Uri)
            | (Self::Definition, Field::Uri | Field::UriTemplate | Field::Name)
            | (Self::Params, Field::Name) => Freedom::Name,
            (Self::Message, Field::Blob) => Freedom::Blob,
            (Self::Message, Field::Data) => Freedom::Opaque,
            _ => Freedom::Free,
        }
    }
}
