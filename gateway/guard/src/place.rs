//! Where in a message a token stands, and what may be done to it there.
//!
//! The protocol's own fields are never touched: a changed id, cursor or state would break the exchange, and none of
//! them is anybody's data.

mod field;

use field::{FIELDS, Field};

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

/// What is known of a value by where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// What may be done to it, if it is no container.
    pub(crate) freedom: Freedom,
    /// The zone that it is, if it is one.
    pub(crate) under: Zone,
    /// The member's name is the protocol's own: it says nothing about its value, and is nobody's data.
    pub(crate) is_of_protocol: bool,
}

/// By zone and field, so that a message's members are told apart without a question.
static MEMBERS: [[Member; FIELDS]; ZONES] = {
    let mut members = [[Member::of(Zone::Root, Field::Other); FIELDS]; ZONES];
    let mut zone = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "both are below the lengths, and this runs at compile time"
    )]
    while zone < ZONES {
        let mut field = 0;
        while field < FIELDS {
            let of = field::ALL[field];
            members[zone][of as usize] = Member::of(Zone::ALL[zone], of);
            field += 1;
        }
        zone += 1;
    }
    members
};

impl Member {
    const fn of(zone: Zone, field: Field) -> Self {
        Self {
            freedom: zone.freedom(field),
            under: zone.under(field),
            is_of_protocol: field.is_of_protocol(),
        }
    }
}

const ZONES: usize = 10;
const _: () = assert!(Zone::Protocol as usize + 1 == ZONES);

impl Zone {
    const ALL: [Self; ZONES] = [
        Self::Root,
        Self::Params,
        Self::Result,
        Self::Error,
        Self::Meta,
        Self::Message,
        Self::Definition,
        Self::Schema,
        Self::Free,
        Self::Protocol,
    ];

    /// Whether the names of members are data.
    pub(crate) fn has_data_for_keys(self) -> bool {
        matches!(self, Self::Free | Self::Meta)
    }

    /// The member of that name. Where all names are data, none is of the protocol.
    pub(crate) fn member(self, name: &[u8]) -> Member {
        let field = match self {
            Self::Free | Self::Protocol => Field::Other,
            Self::Meta if field::is_reserved(name) => Field::Reserved,
            _ => Field::of(name),
        };
        let members = MEMBERS.get(self as usize);
        let member = members.and_then(|members| members.get(field as usize));
        member.copied().unwrap_or(Member::of(Self::Free, field))
    }

    /// An element of an array that is a zone.
    pub(crate) const fn element(self) -> Member {
        Member {
            freedom: match self {
                Self::Protocol => Freedom::Protocol,
                _ => Freedom::Free,
            },
            under: self,
            is_of_protocol: false,
        }
    }

    /// The zone of the container under `field`.
    const fn under(self, field: Field) -> Self {
        match (self, field) {
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
    const fn freedom(self, field: Field) -> Freedom {
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
