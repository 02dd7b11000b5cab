//! Checking from ClickHouse alone.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use ::clickhouse::{Client, Row, error::Error};
use hex::FromHex as _;
use serde::Deserialize;

use super::{
    Keys, Report, What,
    chain::Chain,
    pages::Pages,
    rows::{self, Found},
};
use crate::{
    Store,
    columns::COLUMNS,
    query::{Limits, QueryError, reading},
    seal::{Hash, Seal},
    wal::seals,
};

/// Rows whose hashes are fetched at a time, at least; a batch is never divided.
const RUN_ROWS: u64 = 50_000;
/// Most rows of one answer; a batch with doubled rows can be longer than any that was sent.
const ANSWER_ROWS_MAX: &str = "2000000";
/// A row waits for its seal no longer than this.
const SEALED_WITHIN: &str = "INTERVAL 10 MINUTE";
const DAY_US: i64 = 86_400_000_000;

/// Checks the whole trail of `store`; `own`, where it is given, is the directory of a gateway's
/// log, whose newest seals the store must have.
///
/// # Errors
/// The store could not be asked. Faults of the trail are no errors: they are in the report.
pub async fn store(store: &Store, keys: &Keys, own: Option<&Path>) -> Result<Report, QueryError> {
    let clients: Vec<Client> = store
        .readers()
        .await?
        .into_iter()
        .map(|client| {
            reading(client, Limits::default()).with_setting("max_result_rows", ANSWER_ROWS_MAX)
        })
        .collect();
    let mut check = Check {
        clients,
        keys,
        expired_before_us: now_us() - i64::from(store.days) * DAY_US,
        report: Report::default(),
    };
    for gateway in check.gateways().await? {
        check.gateway(gateway).await?;
    }
    if let Some(directory) = own {
        check.own_seals(directory).await?;
    }
    Ok(check.report)
}

struct Check<'a> {
    clients: Vec<Client>,
    keys: &'a Keys,
    expired_before_us: i64,
    report: Report,
}

#[derive(Row, Deserialize)]
struct HashRow {
    seq: u64,
    hash: Hash,
}

#[derive(Row, Deserialize)]
struct ErasureRow {
    seq: u64,
    hash: Hash,
    signature: String,
    key_id: String,
}

#[derive(Row, Deserialize)]
struct StrayRow {
    epoch: u32,
    seq: u64,
    is_late: u8,
}

impl Check<'_> {
    async fn gateways(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT toString(gateway) AS name FROM \
            (SELECT gateway FROM audit_seal UNION ALL SELECT gateway FROM audit_log) ORDER BY name";
        let mut names: Vec<String> = Vec::new();
        for client in &self.clients {
            names.extend(client.query(sql).fetch_all::<String>().await?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn gateway(&mut self, gateway: String) -> Result<(), Error> {
        let mut pages = Pages::new(gateway.clone(), &self.clients);
        let mut chain = Chain::new(false);
        let (mut run, mut run_rows, mut ends): (Vec<Seal>, u64, BTreeMap<u32, u64>) =
            (Vec::new(), 0, BTreeMap::new());
        while let Some(seal) = pages.next().await? {
            chain.add(&seal, self.keys, &mut self.report);
            ends.insert(seal.epoch, seal.last_seq);
            let is_other = run.first().is_some_and(|first| first.epoch != seal.epoch);
            if is_other || run_rows >= RUN_ROWS {
                self.run(&run).await?;
                run.clear();
                run_rows = 0;
            }
            run_rows += seal.rows;
            run.push(seal);
        }
        self.run(&run).await?;
        self.strays(&gateway, &ends).await
    }

    /// Checks the rows of seals that follow each other within an epoch.
    async fn run(&mut self, run: &[Seal]) -> Result<(), Error> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(());
        };
        let (mut hashes, mut erased) = (BTreeMap::<u64, Vec<Hash>>::new(), BTreeMap::new());
        for client in self.clients.clone() {
            let sql = format!(
                "SELECT seq, SHA256(formatRow('RowBinary', {})) AS hash FROM audit_log \
                 WHERE gateway = ? AND epoch = ? AND seq BETWEEN ? AND ?",
                COLUMNS.join(", ")
            );
            let rows: Vec<HashRow> = ranged(&client, &sql, first, last).fetch_all().await?;
            for row in rows {
                hashes.entry(row.seq).or_default().push(row.hash);
            }
            let sql = "SELECT seq, hash, lower(hex(signature)) AS signature, toString(key_id) AS key_id \
                FROM audit_erasure WHERE gateway = ? AND epoch = ? AND seq BETWEEN ? AND ?";
            let rows: Vec<ErasureRow> = ranged(&client, sql, first, last).fetch_all().await?;
            for row in rows {
                self.erasure(first, &row);
                erased.insert(row.seq, row.hash);
            }
        }
        for seal in run {
            self.batch(seal, &mut hashes, &mut erased).await?;
        }
        for seq in hashes.keys() {
            let event = format!("{}/{}/{seq}", first.gateway, first.epoch);
            self.report.fault(event, What::RowUnsealed);
        }
        Ok(())
    }

    async fn batch(
        &mut self,
        seal: &Seal,
        hashes: &mut BTreeMap<u64, Vec<Hash>>,
        erased: &mut BTreeMap<u64, Hash>,
    ) -> Result<(), Error> {
        let found = Found {
            rows: take_range(hashes, seal),
            erased: take_range(erased, seal),
            may_be_expired: seal.newest_us < self.expired_before_us,
        };
        let mut seal = seal.clone();
        let sql = "SELECT tags FROM audit_seal WHERE gateway = ? AND epoch = ? AND first_seq = ? AND seal = unhex(?)";
        for client in &self.clients {
            let tags: Option<Vec<u32>> = client
                .query(sql)
                .bind(&seal.gateway)
                .bind(seal.epoch)
                .bind(seal.first_seq)
                .bind(hex::encode(seal.seal))
                .fetch_optional()
                .await?;
            if let Some(tags) = tags {
                seal.tags = tags;
                break;
            }
        }
        rows::check(&seal, &found, &mut self.report);
        Ok(())
    }

    fn erasure(&mut self, of: &Seal, row: &ErasureRow) {
        let claim = crate::erase::claim(&row.hash, &of.gateway, of.epoch, row.seq);
        let signature = <[u8; 64]>::from_hex(&row.signature).unwrap_or([0; 64]);
        if self.keys.trust(&row.key_id, &claim, &signature) == Some(false) {
            let event = format!("{}/{}/{}", of.gateway, of.epoch, row.seq);
            self.report.fault(event, What::ErasureUnsigned);
        }
    }

    /// Rows that lie outside every seal: at the end of a chain they may still get theirs.
    async fn strays(&mut self, gateway: &str, ends: &BTreeMap<u32, u64>) -> Result<(), Error> {
        let sealed = ends
            .iter()
            .map(|(epoch, last)| format!(" AND NOT (epoch = {epoch} AND seq BETWEEN 1 AND {last})"))
            .collect::<String>();
        let sql = format!(
            "SELECT epoch, seq, toUInt8(ts < now64(6) - {SEALED_WITHIN}) AS is_late FROM audit_log \
             WHERE gateway = ?{sealed} ORDER BY epoch, seq"
        );
        for client in self.clients.clone() {
            let strays: Vec<StrayRow> = client.query(&sql).bind(gateway).fetch_all().await?;
            for row in strays {
                if row.is_late == 0 {
                    self.report.unsealed += 1;
                } else {
                    let event = format!("{gateway}/{}/{}", row.epoch, row.seq);
                    self.report.fault(event, What::RowUnsealed);
                }
            }
        }
        Ok(())
    }

    /// Every seal that the gateway still has must be in the store: the end of a chain can be cut
    /// off without a trace in what is left.
    async fn own_seals(&mut self, directory: &Path) -> Result<(), QueryError> {
        let sql = "SELECT count() FROM audit_seal WHERE gateway = ? AND epoch = ? AND first_seq = ? AND seal = unhex(?)";
        for seal in seals::read(directory)? {
            let mut there = 0;
            for client in &self.clients {
                there += client
                    .query(sql)
                    .bind(&seal.gateway)
                    .bind(seal.epoch)
                    .bind(seal.first_seq)
                    .bind(hex::encode(seal.seal))
                    .fetch_one::<u64>()
                    .await?;
            }
            if there == 0 {
                self.report.fault(seal.range(), What::SealMissing);
            }
        }
        Ok(())
    }
}

fn ranged(client: &Client, sql: &str, first: &Seal, last: &Seal) -> ::clickhouse::query::Query {
    client
        .query(sql)
        .bind(&first.gateway)
        .bind(first.epoch)
        .bind(first.first_seq)
        .bind(last.last_seq)
}

fn take_range<T>(map: &mut BTreeMap<u64, T>, seal: &Seal) -> BTreeMap<u64, T> {
    let mut taken = map.split_off(&seal.first_seq);
    let mut rest = taken.split_off(&seal.last_seq.saturating_add(1));
    map.append(&mut rest);
    taken
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
