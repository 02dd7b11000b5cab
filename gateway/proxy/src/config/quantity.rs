//! Sizes and periods as people write them: `16MiB`, `500ms`.
//!
//! Both are exact whole numbers in one unit. A text is never rounded, and a number without a unit is never a period.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
const PERIOD_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

pub(super) const SIZE_FORM: &str = "a size such as `65536`, `64KiB`, `16MiB` or `1GiB`";
pub(super) const PERIOD_FORM: &str = "a period such as `500ms`, `5s`, `5m` or `1h`";

/// A number of bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd, Ord)]
pub struct Period {
    pub ms: u64,
}

impl Size {
    /// Reads `65536`, `64KiB`, `64 KiB`, `16MiB` or `1GiB`; `None` for anything else, overflow included.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let factor = if unit.is_empty() {
            1
        } else {
            factor(&SIZE_UNITS, unit)?
        };
        number.checked_mul(factor).map(Self)
    }
}

impl Period {
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// Reads `500ms`, `5s`, `5 m` or `1h`; `None` for anything else, a bare number included.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        number
            .checked_mul(factor(&PERIOD_UNITS, unit)?)
            .map(Self::from_ms)
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Self::from_millis(period.ms)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in_largest_unit(f, &SIZE_UNITS, self.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in_largest_unit(f, &PERIOD_UNITS, self.ms)
    }
}

/// Splits `64 KiB` into 64 and `KiB`.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

fn factor(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

fn write_in_largest_unit(
    f: &mut fmt::Formatter<'_>,
    units: &[(&str, u64)],
    value: u64,
) -> fmt::Result {
    for (name, factor) in units {
        if value >= *factor && value.is_multiple_of(*factor) {
            return write!(f, "{}{name}", value / factor);
        }
    }
    // Only zero is left: it has no largest unit.
    write!(f, "0{}", units.last().map_or("", |(name, _)| name))
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(SIZE_FORM))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(PERIOD_FORM))
    }
}

impl schemars::JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "format": "size",
            "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)?$|\\$\\{",
        })
    }
}

impl schemars::JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "period",
            "pattern": "^[0-9]+ *(ms|s|m|h)$|\\$\\{",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("64 KiB", Some(65_536)),
            ("16MiB", Some(16 << 20)),
            ("1GiB", Some(1 << 30)),
            ("12B", Some(12)),
            ("", None),
            ("KiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("64kb", None),
            ("64KB", None),
            ("1TiB", None),
            ("0x10", None),
            ("18446744073709551616", None),
            ("17179869184GiB", None),
            ("1 M", None),
        ] {
            assert_eq!(Size::parse(text).map(|size| size.0), bytes, "{text:?}");
        }
    }

    #[test]
    fn periods() {
        for (text, ms) in [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("5 s", Some(5_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("0s", Some(0)),
            ("5", None),
            ("", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5 minutes", None),
            ("1m30s", None),
            ("5124095576031h", None),
        ] {
            assert_eq!(Period::parse(text).map(|period| period.ms), ms, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        for bytes in [
            0,
            1,
            1023,
            1024,
            1536,
            65_536,
            16 << 20,
            1 << 30,
            (1 << 30) + 1,
            u64::MAX,
        ] {
            assert_eq!(Size::parse(&Size(bytes).to_string()), Some(Size(bytes)));
        }
        for ms in [0, 1, 999, 1_000, 90_000, 60_000, 3_600_000, u64::MAX] {
            assert_eq!(
                Period::parse(&Period::from_ms(ms).to_string()),
                Some(Period::from_ms(ms))
            );
        }
        assert_eq!(Size(16 << 20).to_string(), "16MiB");
        assert_eq!(Period::from_ms(90_000).to_string(), "90s");
    }
}
