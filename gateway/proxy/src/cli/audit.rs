//! `gantry audit`: the trail in ClickHouse, from the command line.

mod kept;
mod proof;

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use gantry_analytics::{
    EventId, Store,
    erase::{self, Subject},
    export, migrate, payload,
    price_book::{self, PriceBook},
    query::{self, Format},
    seal::Signer,
    subject::Pseudonyms,
    tail, verify,
};

use crate::config::{self, Checked};

/// What can be done with the trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates or updates the tables, and loads the price books of `prices`.
    Migrate {
        #[command(flatten)]
        place: Place,
        /// Only says what would be applied.
        #[arg(long)]
        dry_run: bool,
    },
    /// Runs one SELECT and prints its answer.
    Query {
        #[command(flatten)]
        place: Place,
        /// One JSON object per row instead of a table.
        #[arg(long)]
        json: bool,
        /// The statement; the table is `audit_log`.
        sql: String,
    },
    /// Writes every record of a span of time to standard output.
    Export {
        #[command(flatten)]
        place: Place,
        /// From this time on, in UTC: `2026-11-22` or `2026-11-22 10:51:07`.
        #[arg(long)]
        since: String,
        /// Up to this time.
        #[arg(long)]
        until: String,
        /// How records are written.
        #[arg(long, value_enum, default_value_t = FileFormat::Json)]
        format: FileFormat,
    },
    /// Prints the arguments and the result that `audit.capture` keeps of one call.
    Payload {
        #[command(flatten)]
        place: Place,
        /// One JSON object for each instead of text.
        #[arg(long)]
        json: bool,
        /// The record's `event_id`: `gateway/epoch/number`.
        #[arg(value_parser = event)]
        event: EventId,
    },
    /// Proves that no record is missing, doubled or changed, or names the first that are.
    Verify {
        #[command(flatten)]
        place: Place,
        /// Reads the files of this spool instead of asking ClickHouse.
        #[arg(long)]
        spool: Option<PathBuf>,
        /// Also requires every seal that this spool still has to be in ClickHouse.
        #[arg(long, conflicts_with = "spool")]
        against: Option<PathBuf>,
        /// A public key (PEM) that may have signed; may be given several times. Left out: that of
        /// `audit.seal_key`, where it is there.
        #[arg(long)]
        public_key: Vec<PathBuf>,
    },
    /// Forgets who a pseudonym is, and deletes what `audit.capture` keeps of the person's calls; with `--records`, erases the person's records, too.
    Erase {
        #[command(flatten)]
        place: Place,
        /// The person, as tokens name it.
        #[arg(long)]
        subject: String,
        /// The tenant that the person belongs to.
        #[arg(long, default_value = "")]
        tenant: String,
        /// Erases the records and leaves a signed tombstone for each.
        #[arg(long, requires = "reason")]
        records: bool,
        /// Stands in the tombstones.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Prints what calls would have cost by the price books of `prices`, beside what they were
    /// charged.
    Reprice {
        #[command(flatten)]
        place: Place,
        /// From this time on, in UTC: `2026-11-22` or `2026-11-22 10:51:07`.
        #[arg(long)]
        since: String,
        /// Up to this time.
        #[arg(long)]
        until: String,
        /// Prices every call by this book. Left out: by the one in force when the call came.
        #[arg(long)]
        book: Option<String>,
        /// One JSON object per row instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Prints the last calls, then each new one as it is delivered.
    Tail {
        #[command(flatten)]
        place: Place,
        /// How many of the last calls are printed first.
        #[arg(short = 'n', long, default_value_t = 20)]
        rows: u32,
        /// Ends after the last calls.
        #[arg(long)]
        no_follow: bool,
    },
}

/// How exported records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// One JSON object a line.
    Json,
    /// Comma-separated, with names first.
    Csv,
    Parquet,
}

impl From<FileFormat> for export::Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Json => Self::Json,
            FileFormat::Csv => Self::Csv,
            FileFormat::Parquet => Self::Parquet,
        }
    }
}

/// Where the trail is.
#[derive(Debug, Args)]
pub struct Place {
    /// The configuration whose `audit.clickhouse` is meant.
    #[arg(short, long)]
    config: PathBuf,
}

/// Runs one command.
pub fn run(command: Command) -> ExitCode {
    match prepare(command) {
        Ok(code) | Err(code) => code,
    }
}

fn prepare(command: Command) -> Result<ExitCode, ExitCode> {
    let path = &command.place().config;
    let config = load(path)?;
    if let Command::Verify {
        spool: Some(spool),
        public_key,
        ..
    } = &command
    {
        return Ok(finish(proof::of_spool(&config.audit, spool, public_key)));
    }
    let store = store_of(&config, path)?;
    Ok(finish(execute(&store, &config, &command)))
}

/// The store that the configuration in `path` names.
pub(super) fn store(path: &Path) -> Result<Store, ExitCode> {
    store_of(&load(path)?, path)
}

fn load(path: &Path) -> Result<Checked, ExitCode> {
    config::load(path).map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(super::FAULTY_CONFIGURATION)
    })
}

fn store_of(config: &Checked, path: &Path) -> Result<Store, ExitCode> {
    // `https` addresses need a provider, and two libraries bring one each.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(clickhouse) = &config.audit.clickhouse else {
        eprintln!(
            "{}: audit.clickhouse is not set: there is no store to ask",
            path.display()
        );
        return Err(ExitCode::from(super::FAULTY_CONFIGURATION));
    };
    Ok(clickhouse.store())
}

impl Command {
    fn place(&self) -> &Place {
        let (Self::Migrate { place, .. }
        | Self::Query { place, .. }
        | Self::Export { place, .. }
        | Self::Payload { place, .. }
        | Self::Verify { place, .. }
        | Self::Erase { place, .. }
        | Self::Reprice { place, .. }
        | Self::Tail { place, .. }) = self;
        place
    }
}

#[tokio::main(flavor = "current_thread")]
async fn execute(store: &Store, config: &Checked, command: &Command) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let audit = &config.audit;
    match command {
        Command::Migrate { dry_run, .. } => {
            migrate(store, &books(config), *dry_run, &mut out).await?;
        }
        Command::Query { json, sql, .. } => {
            query::query(store, sql, form(*json), &mut out).await?;
        }
        Command::Reprice {
            since,
            until,
            book,
            json,
            ..
        } => {
            let (books, span) = (books(config), (since.as_str(), until.as_str()));
            let only = book.as_deref();
            price_book::reprice(store, &books, only, span, form(*json), &mut out).await?;
        }
        Command::Export {
            since,
            until,
            format,
            ..
        } => export::export(store, since, until, (*format).into(), &mut out).await?,
        Command::Payload { json, event, .. } => {
            let kept = payload::of(store, event).await?;
            anyhow::ensure!(!kept.is_empty(), "nothing is kept of {event}");
            kept::show(&kept, *json, &mut out)?;
        }
        Command::Verify {
            against,
            public_key,
            ..
        } => {
            let keys = proof::keys(audit, public_key)?;
            let report = verify::store(store, &keys, against.as_deref()).await?;
            proof::show(&report, &keys, &mut out)?;
        }
        Command::Erase {
            subject,
            tenant,
            records,
            reason,
            ..
        } => {
            let subject = Pseudonyms::load_or_make(&audit.pseudonym_key)?.subject(tenant, subject);
            let whose = Subject { tenant, subject };
            erase::link(store, whose).await?;
            writeln!(out, "forgot who {subject} is")?;
            let payloads = erase::payloads(store, whose).await?;
            if payloads > 0 {
                writeln!(out, "deleted {payloads} captured arguments and results")?;
            }
            if *records {
                let signer = Signer::load(&audit.seal_key)?;
                let reason = reason.as_deref().unwrap_or_default();
                let rows = erase::rows(store, whose, reason, &signer).await?;
                writeln!(out, "erased {rows} records")?;
            }
        }
        Command::Tail {
            rows,
            no_follow: true,
            ..
        } => {
            for row in tail::recent(store, *rows).await? {
                writeln!(out, "{row}")?;
            }
        }
        Command::Tail { rows, .. } => {
            tail::tail(store, *rows, |row| match writeln!(out, "{row}") {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
            .await?;
        }
    }
    Ok(())
}

async fn migrate(
    store: &Store,
    books: &[PriceBook],
    dry_run: bool,
    out: &mut impl io::Write,
) -> anyhow::Result<()> {
    let applied = migrate::migrate(store, dry_run).await?;
    let done = if dry_run { "would apply" } else { "applied" };
    for one in &applied {
        writeln!(
            out,
            "{done} {:04} {}",
            one.migration.version, one.migration.name
        )?;
    }
    let loaded = price_book::load(store, books, dry_run).await?;
    let done = if dry_run { "would load" } else { "loaded" };
    for book in &loaded {
        writeln!(out, "{done} price book {book}")?;
    }
    if applied.is_empty() && loaded.is_empty() {
        writeln!(out, "up to date")?;
    }
    Ok(())
}

fn event(text: &str) -> Result<EventId, &'static str> {
    EventId::parse(text).ok_or("an event id is `gateway/epoch/number`")
}

/// The price books of the configuration.
fn books(config: &Checked) -> Vec<PriceBook> {
    let prices = config.prices.as_ref();
    prices.map(config::Prices::loadable).unwrap_or_default()
}

fn form(is_json: bool) -> Format {
    if is_json { Format::Json } else { Format::Table }
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gantry: {}", super::chain(&*error));
            ExitCode::FAILURE
        }
    }
}
