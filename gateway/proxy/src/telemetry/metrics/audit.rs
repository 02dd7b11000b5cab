//! The audit trail's figures in the exposition.
//!
//! The trail counts for itself; its figures are read when the page is, and never kept here.

use std::fmt::{Display, Write as _};

use gantry_analytics::{Stats, payload::Counts};

use crate::telemetry::family::Family;

/// Appends the audit families in the text format 0.0.4. Label values are words of our own, which
/// need no escaping.
pub(super) fn write(page: &mut String, stats: &Stats) {
    let stages = [
        ("accepted", stats.accepted_rows),
        ("written", stats.written_rows),
        ("delivered", stats.delivered_rows),
        ("refused", stats.refused_rows),
        ("dead_letter", stats.dead_rows),
        ("dropped", stats.lost_rows + stats.dropped_rows),
    ];
    head(page, Family::AuditRecords, "counter");
    for (stage, rows) in stages {
        labelled(page, Family::AuditRecords, "stage", stage, rows);
    }
    gauge(
        page,
        Family::AuditOldestUnsent,
        stats.oldest_unsent.as_secs_f64(),
    );
    gauge(page, Family::AuditWalBytes, stats.wal_bytes);
    gauge(page, Family::AuditWalFreeBytes, stats.wal_free_bytes);
    gauge(page, Family::AuditUnsentRecords, stats.unsent_rows);
    let seconds = stats.insert_time.as_secs_f64();
    summary(page, Family::AuditInsertSeconds, seconds, stats.inserts);
    summary(
        page,
        Family::AuditInsertRows,
        stats.delivered_rows,
        stats.inserts,
    );
    head(page, Family::AuditInsertFailures, "counter");
    for (reason, count) in stats.insert_failures {
        labelled(
            page,
            Family::AuditInsertFailures,
            "reason",
            reason.as_str(),
            count,
        );
    }
}

/// Appends what became of captured arguments and results; the outbox counts for itself, too.
pub(super) fn write_payloads(page: &mut String, counts: Option<Counts>) {
    let counts = counts.unwrap_or_default();
    head(page, Family::AuditPayloads, "counter");
    for (stage, count) in [
        ("delivered", counts.delivered),
        ("withheld", counts.withheld),
        ("dropped", counts.dropped),
    ] {
        labelled(page, Family::AuditPayloads, "stage", stage, count);
    }
}

/// Appends what became of spans; the exporter counts for itself, too.
pub(super) fn write_spans(page: &mut String, exported: u64, dropped: u64) {
    head(page, Family::Spans, "counter");
    labelled(page, Family::Spans, "stage", "exported", exported);
    labelled(page, Family::Spans, "stage", "dropped", dropped);
}

// Writing into a `String` cannot fail.

pub(super) fn head(page: &mut String, family: Family, kind: &str) {
    let (name, help) = (family.name(), family.help());
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn labelled(page: &mut String, family: Family, label: &str, word: &str, value: u64) {
    let _ = writeln!(page, "{}{{{label}=\"{word}\"}} {value}", family.name());
}

fn gauge(page: &mut String, family: Family, value: impl Display) {
    head(page, family, "gauge");
    let _ = writeln!(page, "{} {value}", family.name());
}

fn summary(page: &mut String, family: Family, sum: impl Display, count: u64) {
    head(page, family, "summary");
    let name = family.name();
    let _ = writeln!(page, "{name}_sum {sum}\n{name}_count {count}");
}
