//! One contestant doing one work for a while: what the load generator saw, and what the kernel charged the proxy.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::contestants::{Contestant, OTHER_CORE, pinned};
use super::work::{CAPACITY, Pace, Work, closed_loop};
use crate::command;

/// The kernel's unit of CPU time in `/proc/PID/stat`: one hundredth of a second on every Linux that Rust knows
/// (`USER_HZ`, proc_pid_stat(5)).
const TICK_US: f64 = 10_000.0;
const WARM_UP: Duration = Duration::from_millis(500);
/// A proxy is settled when it used no CPU time for this long; what it does after the calls belongs to them.
const SETTLED: Duration = Duration::from_millis(100);
const SETTLE_DEADLINE: Duration = Duration::from_secs(5);

/// What one run gave.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Results per second.
    pub(crate) throughput: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// The proxy's user and system time, per result; None where there is no proxy.
    pub(crate) cpu_us: Option<f64>,
    pub(crate) failures: u64,
    /// The load generator's own report.
    pub(crate) report: Value,
}

/// The load generator.
pub(crate) struct Generator {
    program: PathBuf,
}

impl Generator {
    pub(crate) fn new(bins: &Path) -> Self {
        Self {
            program: bins.join("gantry-load"),
        }
    }

    /// Opens the contestant's connections and fills its caches.
    pub(crate) fn warm_up(&self, contestant: &Contestant) -> Result<()> {
        let work = closed_loop()
            .into_iter()
            .find(|work| work.name == CAPACITY)
            .context("no such row")?;
        let sample = self.measure(contestant, &work, WARM_UP)?;
        if sample.failures > 0 {
            let failures = sample.report.get("failures").cloned().unwrap_or_default();
            bail!(
                "{} does not answer as it should: {failures}",
                contestant.name
            );
        }
        Ok(())
    }

    /// Lets the contestant do the work for `duration`.
    pub(crate) fn measure(
        &self,
        contestant: &Contestant,
        work: &Work,
        duration: Duration,
    ) -> Result<Sample> {
        let mut load = pinned(OTHER_CORE, &self.program);
        load.args([
            "--json",
            "--url",
            &contestant.url,
            "--connections",
            &work.connections.to_string(),
        ]);
        load.args(["--duration", &format!("{}ms", duration.as_millis())])
            .args(work.arguments);
        if let Some(caller) = &contestant.caller {
            load.args(["--header", &caller.header()]);
        }
        if let Pace::Fixed { rate } = work.pace {
            load.args(["--rate", &rate.to_string()]);
        }
        let before = contestant.pid.map(cpu_ticks).transpose()?;
        let text = command::capture(&mut load)?;
        let after = contestant.pid.map(settle).transpose()?;
        let report: Value =
            serde_json::from_str(&text).with_context(|| format!("not a report: {text}"))?;
        sample(report, before.zip(after)).with_context(|| format!("not a report: {text}"))
    }
}

fn sample(report: Value, ticks: Option<(u64, u64)>) -> Result<Sample> {
    let number = |path: &str| {
        report
            .pointer(path)
            .and_then(Value::as_f64)
            .with_context(|| format!("no {path}"))
    };
    let results = number("/results")?;
    let cpu_us = ticks
        .map(|(before, after)| after.saturating_sub(before) as f64 * TICK_US / results.max(1.0));
    Ok(Sample {
        throughput: number("/throughput")?,
        p50_us: number("/latency/p50_us")?,
        p99_us: number("/latency/p99_us")?,
        p999_us: number("/latency/p999_us")?,
        cpu_us,
        failures: failures(&report),
        report,
    })
}

fn failures(report: &Value) -> u64 {
    let kinds = report.get("failures").and_then(Value::as_object);
    kinds.map_or(0, |kinds| kinds.values().filter_map(Value::as_u64).sum())
}

/// Waits until the process has nothing left to do, and returns its CPU time.
fn settle(pid: u32) -> Result<u64> {
    let deadline = Instant::now() + SETTLE_DEADLINE;
    let mut ticks = cpu_ticks(pid)?;
    loop {
        thread::sleep(SETTLED);
        let now = cpu_ticks(pid)?;
        if now == ticks || Instant::now() > deadline {
            return Ok(now);
        }
        ticks = now;
    }
}

/// User and system time of a process with all its threads, in ticks.
fn cpu_ticks(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {path}: has the proxy ended?"))?;
    ticks_in(&text).with_context(|| format!("{path} has no CPU times"))
}

/// The name of the program stands in parentheses and may hold anything; utime and stime are the 12th and 13th after it.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// Resident memory of a process.
pub(crate) fn rss_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_program_is_called() {
        let fields =
            "R 14108 14108 9183 0 -1 4194304 98 0 0 0 250 31 0 0 20 0 1 0 208270 3133440 383";
        for name in ["cat", "a b", "odd) name", "x) R 1 2"] {
            assert_eq!(
                ticks_in(&format!("14119 ({name}) {fields}")),
                Some(281),
                "{name}"
            );
        }
        assert_eq!(ticks_in("14119 (cat) R 1 2"), None);
    }

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        assert!(cpu_ticks(std::process::id()).is_ok());
        assert!(rss_kib(std::process::id()).is_some_and(|kib| kib > 100));
    }

    #[test]
    fn a_report_becomes_a_sample() {
        let report = serde_json::json!({
            "results": 2000, "throughput": 1000.0, "failures": {"timeout": 2, "http 503": 1},
            "latency": {"p50_us": 1.0, "p99_us": 2.0, "p999_us": 3.0},
        });
        let sample = sample(report, Some((100, 108))).unwrap();
        assert_eq!(
            (sample.cpu_us, sample.failures, sample.p999_us),
            (Some(40.0), 3, 3.0)
        );
    }
}
