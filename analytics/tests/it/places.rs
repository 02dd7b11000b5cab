//! Several servers: shards that share the trail, replicas that stand in for each other, TLS.

use std::{path::Path, sync::Arc, time::Duration};

use gantry_analytics::{
    Delivery, Store, delivery::Settings, migrate::migrate, stats::FailureReason,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::tempdir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    delivery::{Deaf, LIMIT, deliver, failures, quick},
    sample::{append, close, open, until},
    store::{RunningStore, store_at},
};

fn shards(addresses: &[&[&str]]) -> Store {
    let mut store = store_at("");
    let url = |address: &&str| format!("http://{address}");
    store.shards = addresses
        .iter()
        .map(|replicas| replicas.iter().map(url).collect())
        .collect();
    store
}

#[tokio::test]
async fn shards_share_the_trail_and_one_that_is_gone_is_passed_over() {
    let (mut one, two) = (RunningStore::start(), RunningStore::start());
    let store = shards(&[&[one.address()], &[two.address()]]);
    migrate(&store, false).await.unwrap();
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let delivery = deliver(&log, store);
    let mut rows = 0;
    // Which shard a batch goes to, its token says; enough batches reach both.
    for round in 0..12 {
        if round == 6 {
            one.kill();
        }
        append(&log, rows..rows + 20).await;
        rows += 20;
        if round == 8 {
            one.revive();
        }
        until("the batch is delivered", LIMIT, || {
            log.stats().unsent_rows == 0
        })
        .await;
    }
    let count = "SELECT count() FROM audit_log";
    let (first, second) = (one.number(count).await, two.number(count).await);
    assert_eq!(first + second, rows, "{first} and {second}");
    assert!(first > 0 && second > 0, "{first} and {second}");
    for (running, rows) in [(&one, first), (&two, second)] {
        running.assert_exactly(rows).await;
    }
    delivery.stop(LIMIT);
    close(log);
}

#[tokio::test]
async fn a_batch_that_may_have_arrived_stays_with_its_shard() {
    let (one, two) = (RunningStore::start(), RunningStore::start());
    migrate(&shards(&[&[one.address()], &[two.address()]]), false)
        .await
        .unwrap();
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..10).await;
    // Whichever the batch goes to has the rows, and cannot say so.
    let deaf = [
        Deaf::start(one.address().to_owned()).await,
        Deaf::start(two.address().to_owned()).await,
    ];
    let behind = shards(&[&[&deaf[0].address], &[&deaf[1].address]]);
    let impatient = Settings {
        insert_timeout: Duration::from_secs(1),
        ..quick()
    };
    let delivery = Delivery::start(&log, behind, impatient).unwrap();
    until("answers are lost", LIMIT, || {
        failures(&log.stats(), FailureReason::Timeout) >= 3
    })
    .await;
    delivery.stop(Duration::ZERO);
    close(log);
    // The next process knows where to ask again.
    let log = open(dir.path());
    deliver(&log, shards(&[&[one.address()], &[two.address()]])).stop(LIMIT);
    assert_eq!(log.stats().unsent_rows, 0);
    let count = "SELECT count() FROM audit_log";
    let mut counts = [one.number(count).await, two.number(count).await];
    counts.sort_unstable();
    assert_eq!(counts, [0, 10]);
    close(log);
}

#[tokio::test]
async fn a_replica_stands_in_for_one_that_is_gone() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..10).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap().to_string();
    drop(gone);
    let store = shards(&[&[&address, running.address()]]);
    deliver(&log, store).stop(LIMIT);
    running.assert_exactly(10).await;
    close(log);
}

/// TLS in front of a store, with a certificate for `localhost`; its authority goes to `ca`.
async fn behind_tls(store: String, ca: &Path) -> u16 {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(ca, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (acceptor, store) = (acceptor.clone(), store.clone());
            tokio::spawn(async move {
                if let Ok(mut client) = acceptor.accept(client).await {
                    let mut store = TcpStream::connect(store).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut store).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn rows_travel_over_tls_and_without_compression() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let port = behind_tls(running.address().to_owned(), &ca).await;
    let log = open(&dir.path().join("log"));
    append(&log, 0..10).await;
    let mut store = store_at("");
    store.shards = vec![vec![format!("https://localhost:{port}")]];
    store.is_compressed = false;
    // The machine's own authorities have not signed it.
    let delivery = deliver(&log, store.clone());
    until("a stranger's certificate is refused", LIMIT, || {
        failures(&log.stats(), FailureReason::Network) >= 1
    })
    .await;
    delivery.stop(Duration::ZERO);
    store.ca = Some(ca);
    assert_eq!(migrate(&store, true).await.unwrap(), []);
    let delivery = deliver(&log, store);
    until("the rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    delivery.stop(LIMIT);
    running.assert_exactly(10).await;
    close(log);
}
