//! The protocol revisions that the gateway speaks, as dated in the specification.

use std::fmt;

/// A revision of the Model Context Protocol. Later revisions compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// Sessions; batches, which the gateway refuses.
    V2025_03_26,
    /// Sessions; the version header; no batches.
    V2025_06_18,
    /// Sessions; streams that can be polled.
    V2025_11_25,
    /// Stateless: every request carries its version and capabilities.
    V2026_07_28,
}

impl Revision {
    /// All revisions, oldest first.
    pub const SUPPORTED: [Revision; 4] = [
        Revision::V2025_03_26,
        Revision::V2025_06_18,
        Revision::V2025_11_25,
        Revision::V2026_07_28,
    ];

    /// What a request without a version header speaks (2025-11-25, Streamable HTTP, "Protocol
    /// Version Header").
    pub const ASSUMED: Revision = Revision::V2025_03_26;

    /// The date by which the revision is named on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Revision::V2025_03_26 => "2025-03-26",
            Revision::V2025_06_18 => "2025-06-18",
            Revision::V2025_11_25 => "2025-11-25",
            Revision::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of this exact name; none for an unknown one.
    pub fn parse(name: &str) -> Option<Revision> {
        Self::SUPPORTED
            .into_iter()
            .find(|revision| revision.as_str() == name)
    }

    /// Whether requests stand alone, with version and capabilities in each, and no session.
    pub fn is_modern(self) -> bool {
        self >= Revision::V2026_07_28
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for revision in Revision::SUPPORTED {
            assert_eq!(Revision::parse(revision.as_str()), Some(revision));
        }
        for other in [
            "",
            "2024-11-05",
            "2025-3-26",
            "2026-07-28 ",
            "DRAFT-2026-v1",
        ] {
            assert_eq!(Revision::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn one_revision_is_stateless() {
        let modern: Vec<_> = Revision::SUPPORTED
            .into_iter()
            .filter(|r| r.is_modern())
            .collect();
        assert_eq!(modern, [Revision::V2026_07_28]);
    }
}
