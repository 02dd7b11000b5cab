//! `cargo xtask bench`: what Gantry costs, beside a bare Pingora pass-through and no proxy at all, in one run.
//!
//! Absolute figures move by half between minutes on a shared machine, so all contestants stay up and take turns, and
//! only the ratios of one run count. It reports; it never judges: no figure here makes anything fail.

mod caller;
mod contestants;
mod machine;
mod measure;
mod report;
mod scanner;
mod spinners;
mod summary;
mod trail;
mod work;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::setup::{self, Purpose};
use crate::{command, command::cargo, environment};
use contestants::{Contestant, DIRECT, Field, PASS_THROUGH};
use measure::{Generator, Sample};
use report::{Findings, Row};
use spinners::Spinners;
use work::{Pace, Work};

/// The calls of the fixed-rate row, as a part of what the slowest contestant can do.
const RATE_PART: f64 = 1.0 / 3.0;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Three short repetitions instead of five longer ones
    #[arg(long)]
    quick: bool,
    /// Measure only the rows whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Leave a contestant out, by its name; may be given several times
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,
    /// Take the development build, to try the bench itself; its figures mean nothing
    #[arg(long)]
    unoptimised: bool,
    /// Measure the programs as they were built last
    #[arg(long)]
    as_built: bool,
}

/// How often and how long each contestant does each work.
#[derive(Clone, Copy)]
struct Plan {
    repetitions: usize,
    duration: Duration,
}

impl Plan {
    const FULL: Self = Self {
        repetitions: 5,
        duration: Duration::from_secs(2),
    };
    const QUICK: Self = Self {
        repetitions: 3,
        duration: Duration::from_millis(500),
    };
}

/// Builds, measures, and writes `out/bench.md` and `out/bench.json`.
pub(crate) fn run(root: &Path, cache: &Cache, arguments: &Arguments) -> Result<()> {
    let left_out: BTreeSet<&str> = arguments.without.iter().map(String::as_str).collect();
    if let Some(unknown) = left_out
        .iter()
        .find(|name| !contestants::NAMES.contains(name))
    {
        bail!(
            "--without {unknown}: there is no such contestant; there are {}",
            contestants::NAMES.join(", ")
        );
    }
    setup::install(root, cache, Purpose::Bench)?;
    let profile = if arguments.unoptimised {
        Profile::DEV
    } else {
        Profile::RELEASE
    };
    if !arguments.as_built {
        build(root, profile, contestants::packages(&left_out))?;
    }
    let bins = profile.bins()?;
    let out = root.join("out/bench");
    let field = Field::enter(&bins, cache, &out, &left_out)?;
    let generator = Generator::new(&bins);
    let plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    let machine = machine::describe(root, profile.name);

    let works: Vec<Work> = work::closed_loop()
        .into_iter()
        .filter(|work| is_asked(arguments, work.name))
        .collect();
    for contestant in field.contestants() {
        generator.warm_up(contestant)?;
    }
    let rss_idle_kib = field.rss_kib();
    let mut rows = Vec::new();
    for work in works {
        println!("bench: {}", work.name);
        rows.push(measure_all(&field, &generator, plan, work)?);
    }
    if let Some(work) = fixed_rate(&rows, &field).filter(|work| is_asked(arguments, work.name)) {
        println!(
            "bench: {} ({:.0} calls/s)",
            work.name,
            work.pace.rate().unwrap_or_default()
        );
        rows.push(measure_all(&field, &generator, plan, work)?);
    }
    if rows.is_empty() {
        bail!("no row is left to measure");
    }
    let rss_after_kib = field.rss_kib();
    let findings = Findings {
        machine,
        contestants: field.names(),
        rows,
        rss_idle_kib,
        rss_after_kib,
        plan,
    };
    let scanner = scanner::measure(root, &bins, &out)?;
    let delivery = trail::measure(root, &field, profile.name)?;
    write(&root.join("out"), &findings, &scanner, delivery.as_deref())?;
    field.leave()
}

fn is_asked(arguments: &Arguments, name: &str) -> bool {
    arguments.only.is_empty()
        || arguments
            .only
            .iter()
            .any(|text| name.contains(text.as_str()))
}

/// How the programs are built, and into which folder cargo then puts them.
#[derive(Clone, Copy)]
struct Profile {
    name: &'static str,
    folder: &'static str,
}

impl Profile {
    const DEV: Self = Self {
        name: "dev",
        folder: "debug",
    };
    const RELEASE: Self = Self {
        name: "release",
        folder: "release",
    };

    /// This program was built into a folder beside it.
    fn bins(self) -> Result<PathBuf> {
        let this = environment::bin_folder()?;
        Ok(this
            .parent()
            .context("the build has no target folder")?
            .join(self.folder))
    }
}

fn build(root: &Path, profile: Profile, packages: &[&str]) -> Result<()> {
    println!("bench: building ({})", profile.name);
    let packages: Vec<&str> = packages
        .iter()
        .flat_map(|name| ["--package", name])
        .collect();
    command::run(
        cargo(root)
            .args(["build", "--quiet", "--bins", "--profile", profile.name])
            .args(packages),
    )
}

/// All contestants do one work, in turns: the order is reversed with each repetition.
fn measure_all(field: &Field, generator: &Generator, plan: Plan, work: Work) -> Result<Row> {
    let _awake = work.shows_latency().then(Spinners::start);
    let contestants = field.contestants();
    let mut samples: Vec<Vec<Sample>> = contestants.iter().map(|_| Vec::new()).collect();
    for repetition in 0..plan.repetitions {
        let mut turns: Vec<(&Contestant, &mut Vec<Sample>)> =
            contestants.iter().zip(&mut samples).collect();
        if repetition % 2 == 1 {
            turns.reverse();
        }
        for (contestant, taken) in turns {
            taken.push(generator.measure(contestant, &work, plan.duration)?);
        }
    }
    Ok(Row { work, samples })
}

/// The row that shows the latency which a proxy adds: the same calls per second for everybody, which all can do.
fn fixed_rate(rows: &[Row], field: &Field) -> Option<Work> {
    let capacity = rows.iter().find(|row| row.work.name == work::CAPACITY)?;
    let slowest = field
        .names()
        .iter()
        .zip(&capacity.samples)
        .filter(|(name, _)| **name != DIRECT)
        .map(|(_, samples)| summary::spread(samples, |sample| Some(sample.throughput)))
        .filter_map(|spread| spread.map(|spread| spread.median))
        .min_by(f64::total_cmp)?;
    let rate = (slowest * RATE_PART).floor();
    (rate >= 1.0).then(|| work::fixed_rate(Pace::Fixed { rate }))
}

fn write(out: &Path, findings: &Findings, scanner: &str, delivery: Option<&str>) -> Result<()> {
    let mut text = report::markdown(findings, PASS_THROUGH);
    text.push_str("\n## The scanner\n\nThe time in the guardrails with `pii` and `secrets` redacted, then also with `hidden-text` and `injection` noted; least of twelve runs.\n\n");
    text.push_str(scanner);
    if let Some(delivery) = delivery {
        text.push_str("\n## The trail's delivery\n\n");
        text.push_str(delivery);
    }
    let json = serde_json::to_string_pretty(&report::json(findings))
        .context("cannot write the findings as JSON")?;
    for (name, content) in [("bench.md", &text), ("bench.json", &json)] {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "\n{text}\nWritten to {} and bench.json beside it.",
        out.join("bench.md").display()
    );
    Ok(())
}
