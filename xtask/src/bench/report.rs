//! The findings as Markdown for people and as JSON for whoever compares them with another run's.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Plan;
use super::contestants::DIRECT;
use super::measure::Sample;
use super::summary::{Spread, spread};
use super::work::Work;

/// One row: what every contestant did with one work, in the order of the contestants.
pub(crate) struct Row {
    pub(crate) work: Work,
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// All that a run found.
pub(crate) struct Findings {
    pub(crate) machine: Value,
    pub(crate) contestants: Vec<&'static str>,
    pub(crate) rows: Vec<Row>,
    pub(crate) rss_idle_kib: Vec<Option<u64>>,
    pub(crate) rss_after_kib: Vec<Option<u64>>,
    pub(crate) plan: Plan,
}

/// A figure of a sample that the report shows.
type Figure = fn(&Sample) -> Option<f64>;

const CPU: Figure = |sample| sample.cpu_us;
const THROUGHPUT: Figure = |sample| Some(sample.throughput);
const P50: Figure = |sample| Some(sample.p50_us);
const P99: Figure = |sample| Some(sample.p99_us);
const P999: Figure = |sample| Some(sample.p999_us);

/// Tables, with ratios to the contestant `yardstick`.
pub(crate) fn markdown(findings: &Findings, yardstick: &str) -> String {
    let mut text = String::from("# Bench\n\n");
    let fact = |name: &str| match findings.machine.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "unknown".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{}, {} cores, Linux {}, {}, commit {}, {} build; load average before: {}.\n\
         Each figure is the median of {} repetitions of {:?} each, in alternating order, with (minimum to maximum).\n\
         Proxies are pinned to one core, upstream and load generator to another. CPU is the proxy's user and system\n\
         time per call: microseconds per call are milliseconds per thousand calls. Only ratios within one run compare.\n",
        fact("cpu"),
        fact("cores"),
        fact("kernel"),
        fact("rustc"),
        fact("commit"),
        fact("profile"),
        fact("load_average_before"),
        findings.plan.repetitions,
        findings.plan.duration,
    );
    overview(&mut text, findings, yardstick);
    for row in &findings.rows {
        row_table(&mut text, findings, row, yardstick);
    }
    memory(&mut text, findings);
    text
}

/// One line per row: CPU per call, and its ratios to the yardstick's: of the medians, and of the least of each.
fn overview(text: &mut String, findings: &Findings, yardstick: &str) {
    let names = || findings.contestants.iter().filter(|name| **name != DIRECT);
    let _ = writeln!(
        text,
        "## CPU per call\n\nThe ratio of the medians, then of the minima, which other work on the machine blurs least.\n\n| work |{}",
        names().map(|name| format!(" {name} |")).collect::<String>()
    );
    let _ = writeln!(text, "|---|{}", names().map(|_| "--:|").collect::<String>());
    for row in &findings.rows {
        let base = spread_for(findings, row, yardstick, CPU);
        let cells = names().map(|name| {
            let cpu = spread_for(findings, row, name, CPU);
            let median = times(cpu.map(|s| s.median), base.map(|s| s.median));
            let least = times(cpu.map(|s| s.min), base.map(|s| s.min));
            format!(
                " {} µs{median}{} |",
                figure(cpu.map(|s| s.median)),
                least.replace(" = ", ", ")
            )
        });
        let _ = writeln!(text, "| {} |{}", row.work.name, cells.collect::<String>());
    }
}

fn row_table(text: &mut String, findings: &Findings, row: &Row, yardstick: &str) {
    let rate = row
        .work
        .pace
        .rate()
        .map(|rate| format!(": {rate:.0} calls/s"))
        .unwrap_or_default();
    let _ = writeln!(text, "\n## {}{rate}\n", row.work.name);
    text.push_str("| | calls/s | CPU µs per call | p50 µs | added to direct | p99 µs | added | p99.9 µs | added |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    let median = |name, figure| spread_for(findings, row, name, figure).map(|s| s.median);
    let base = |figure| median(yardstick, figure);
    let direct = |figure| median(DIRECT, figure);
    for (name, samples) in findings.contestants.iter().zip(&row.samples) {
        let capacity = spread(samples, THROUGHPUT);
        let cpu = spread(samples, CPU);
        let _ = write!(
            text,
            "| {name}{} | {}{} | {}{} |",
            failed(samples),
            spread_text(capacity),
            times(capacity.map(|s| s.median), base(THROUGHPUT)),
            spread_text(cpu),
            times(cpu.map(|s| s.median), base(CPU)),
        );
        for latency in [P50, P99, P999] {
            let taken = spread(samples, latency);
            let added = taken
                .zip(direct(latency))
                .filter(|_| *name != DIRECT)
                .map(|(s, d)| s.median - d);
            let _ = write!(text, " {} | {} |", spread_text(taken), figure(added));
        }
        text.push('\n');
    }
}

fn memory(text: &mut String, findings: &Findings) {
    text.push_str("\n## Resident memory\n\n| | idle | after all rows |\n|---|--:|--:|\n");
    let mib = |kib: &Option<u64>| {
        kib.map_or("–".to_owned(), |kib| {
            format!("{:.1} MiB", kib as f64 / 1024.0)
        })
    };
    let figures = findings.rss_idle_kib.iter().zip(&findings.rss_after_kib);
    for (name, (idle, after)) in findings
        .contestants
        .iter()
        .zip(figures)
        .filter(|(name, _)| **name != DIRECT)
    {
        let _ = writeln!(text, "| {name} | {} | {} |", mib(idle), mib(after));
    }
}

fn spread_for(findings: &Findings, row: &Row, name: &str, figure: Figure) -> Option<Spread> {
    let index = findings
        .contestants
        .iter()
        .position(|contestant| *contestant == name)?;
    spread(row.samples.get(index)?, figure)
}

fn failed(samples: &[Sample]) -> String {
    match samples.iter().map(|sample| sample.failures).sum::<u64>() {
        0 => String::new(),
        failures => format!(" (**{failures} calls failed**)"),
    }
}

fn spread_text(spread: Option<Spread>) -> String {
    spread.map_or("–".to_owned(), |Spread { median, min, max }| {
        format!(
            "{} ({} to {})",
            figure(Some(median)),
            figure(Some(min)),
            figure(Some(max))
        )
    })
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn times(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!(" = {:.2}×", value / base),
        _ => String::new(),
    }
}

/// Everything, down to the load generator's report of each repetition.
pub(crate) fn json(findings: &Findings) -> Value {
    let figures = |samples: &[Sample]| {
        let of = |figure| {
            spread(samples, figure).map(|s| json!({"median": s.median, "min": s.min, "max": s.max}))
        };
        json!({
            "throughput": of(THROUGHPUT),
            "cpu_us": of(CPU),
            "p50_us": of(P50),
            "p99_us": of(P99),
            "p999_us": of(P999),
            "repetitions": samples.iter().map(repetition).collect::<Vec<_>>(),
        })
    };
    let row = |row: &Row| {
        let by_name = findings.contestants.iter().zip(&row.samples);
        let by_name = by_name.map(|(name, samples)| ((*name).to_owned(), figures(samples)));
        json!({
            "work": row.work.name,
            "connections": row.work.connections,
            "arguments": row.work.arguments,
            "rate": row.work.pace.rate(),
            "contestants": by_name.collect::<serde_json::Map<_, _>>(),
        })
    };
    let kib = |figures: &[Option<u64>]| {
        let by_name = findings
            .contestants
            .iter()
            .zip(figures)
            .map(|(name, kib)| ((*name).to_owned(), json!(kib)));
        by_name.collect::<serde_json::Map<_, _>>()
    };
    json!({
        "machine": findings.machine,
        "repetitions": findings.plan.repetitions,
        "duration_ms": u64::try_from(findings.plan.duration.as_millis()).unwrap_or(u64::MAX),
        "rows": findings.rows.iter().map(row).collect::<Vec<_>>(),
        "rss_idle_kib": kib(&findings.rss_idle_kib),
        "rss_after_kib": kib(&findings.rss_after_kib),
    })
}

fn repetition(sample: &Sample) -> Value {
    json!({"cpu_us": sample.cpu_us, "load": sample.report})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::work::{Pace, Work};
    use super::*;

    fn sample(throughput: f64, cpu_us: Option<f64>, p50_us: f64, failures: u64) -> Sample {
        Sample {
            throughput,
            p50_us,
            p99_us: 200.0,
            p999_us: 300.0,
            cpu_us,
            failures,
            report: Value::Null,
        }
    }

    fn findings() -> Findings {
        let work = Work {
            name: "echo",
            connections: 1,
            arguments: &["--tool", "echo"],
            pace: Pace::Closed,
        };
        let samples = vec![
            vec![sample(50_000.0, None, 20.0, 0)],
            vec![
                sample(20_000.0, Some(40.0), 100.0, 0),
                sample(20_000.0, Some(44.0), 100.0, 0),
            ],
            vec![sample(15_000.0, Some(63.0), 120.5, 2)],
        ];
        Findings {
            machine: json!({"cpu": "a cpu", "cores": 2}),
            contestants: vec!["direct", "pass-through", "gantry"],
            rows: vec![Row { work, samples }],
            rss_idle_kib: vec![None, Some(10_240), Some(20_480)],
            rss_after_kib: vec![None, Some(12_288), Some(30_720)],
            plan: Plan {
                repetitions: 2,
                duration: Duration::from_secs(1),
            },
        }
    }

    #[test]
    fn ratios_are_to_the_yardstick_and_added_latency_to_direct() {
        let text = markdown(&findings(), "pass-through");
        for line in [
            "| echo | 42.0 µs = 1.00×, 1.00× | 63.0 µs = 1.50×, 1.57× |",
            "| direct | 50000 (50000 to 50000) = 2.50× | – | 20.0 (20.0 to 20.0) | – | 200 (200 to 200) | – | 300 (300 to 300) | – |",
            "| gantry (**2 calls failed**) | 15000 (15000 to 15000) = 0.75× | 63.0 (63.0 to 63.0) = 1.50× | 120 (120 to 120) | 100 |",
            "| gantry | 20.0 MiB | 30.0 MiB |",
        ] {
            assert!(
                text.lines().any(|found| found.starts_with(line)),
                "{line}\nis not in\n{text}"
            );
        }
    }

    #[test]
    fn json_holds_every_repetition() {
        let json = json(&findings());
        let pass_through = &json["rows"][0]["contestants"]["pass-through"];
        assert_eq!(
            pass_through["cpu_us"],
            serde_json::json!({"median": 42.0, "min": 40.0, "max": 44.0})
        );
        assert_eq!(
            pass_through["repetitions"].as_array().map(Vec::len),
            Some(2)
        );
        assert_eq!(json["rss_after_kib"]["gantry"], 30_720);
    }
}
