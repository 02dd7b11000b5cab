//! What is kept of calls beside their records.

use std::collections::BTreeMap;

use gantry_analytics::log::Ack;

use super::Checker;
use crate::config::checked::{Audit, Capture};
use crate::config::fault::Path;
use crate::config::pattern::Kind;
use crate::config::raw;

impl Checker<'_> {
    /// `audit.capture`, for a trail that is otherwise `audit`.
    pub(super) fn capture(
        &mut self,
        raw: &raw::Capture,
        audit: &Audit,
        unrecorded: bool,
        servers: &BTreeMap<String, raw::Server>,
    ) -> Option<Capture> {
        let path = Path::of("audit").key("capture");
        if audit.clickhouse.is_none() {
            let what = "there is no `audit.clickhouse` to keep arguments and results in";
            self.fault(&path, what, "both, or neither");
        }
        if unrecorded {
            let what =
                "`insecure.unrecorded` leaves no record that arguments and results could belong to";
            self.fault(&path, what, "one of the two");
        }
        if audit.ack == Ack::Memory {
            let what = "with `audit.ack: memory` nobody waits for the record that arguments and results belong to";
            self.fault(&path, what, "`audit.ack` `written` or `synced`");
        }
        if !raw.arguments && !raw.results {
            let what = "neither `arguments` nor `results`: nothing would be kept";
            self.fault(&path, what, "one of them, or both");
        }
        let at = path.key("tools");
        let tools = self.patterns(&raw.tools, &at, servers);
        for (index, pattern) in tools.iter().enumerate() {
            if !matches!(pattern.named, None | Some((Kind::Tool, _))) {
                let what = "only calls of tools are captured";
                self.fault(
                    &at.index(index),
                    what,
                    "`server/tool`, or `server` for all its tools",
                );
            }
        }
        Some(Capture {
            tools,
            arguments: raw.arguments,
            results: raw.results,
            bytes_max: raw.bytes_max.0,
            keep_days: raw.keep_days,
        })
    }
}
