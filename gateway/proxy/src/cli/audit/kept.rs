//! The arguments and the result of one call, for a terminal or for a program.

use std::io::Write;

use gantry_analytics::payload::Kept;

/// One line about each, then its text; or each as JSON.
pub(super) fn show(kept: &[Kept], is_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for one in kept {
        if is_json {
            writeln!(out, "{}", serde_json::to_string(one)?)?;
            continue;
        }
        let Kept {
            direction,
            server,
            tool,
            bytes,
            expires,
            ..
        } = one;
        let cut = if one.truncated == 0 { "" } else { ", cut" };
        writeln!(
            out,
            "{direction} {server}/{tool} {}: {bytes} bytes{cut}, kept until {expires}",
            one.time
        )?;
        // It is for a terminal, and a server may have written it.
        let shown = one.payload.chars();
        let shown = shown.map(|c| if c.is_control() { '?' } else { c });
        writeln!(out, "{}", shown.collect::<String>())?;
    }
    Ok(())
}
