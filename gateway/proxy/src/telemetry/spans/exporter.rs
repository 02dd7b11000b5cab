//! The exporter's loop: gather for a while, send, count.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{
    Protocol as Wire, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
    tonic_types::{metadata::MetadataMap, transport::ClientTlsConfig},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{Counts, Protocol, Settings, StartError};

/// Spans sent at a time, at least.
const BATCH_SPANS: usize = 512;
/// Longest wait of a span for others to travel with.
const LINGER: Duration = Duration::from_millis(500);

pub(super) struct Exporter(SpanExporter);

impl Exporter {
    pub(super) fn new(settings: &Settings) -> Result<Self, StartError> {
        let mut exporter = match settings.protocol {
            Protocol::Http => http(settings)?,
            Protocol::Grpc => grpc(settings)?,
        };
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "gantry"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", settings.instance.clone()),
            ])
            .build();
        exporter.set_resource(&resource);
        Ok(Self(exporter))
    }

    /// Sends what comes until `stopped` resolves, then what is left.
    pub(super) async fn run(
        self,
        mut spans: mpsc::Receiver<Vec<SpanData>>,
        mut stopped: oneshot::Receiver<()>,
        counts: &Counts,
    ) {
        let mut batch = Vec::new();
        loop {
            let is_open = tokio::select! {
                is_open = gather(&mut spans, &mut batch) => is_open,
                _ = &mut stopped, if !spans.is_closed() => {
                    spans.close();
                    continue;
                }
            };
            if !batch.is_empty() {
                self.send(std::mem::take(&mut batch), counts).await;
            }
            if !is_open {
                break;
            }
        }
        // What it could still do, it has done.
        let _ = self.0.shutdown();
    }

    async fn send(&self, batch: Vec<SpanData>, counts: &Counts) {
        let count = batch.len() as u64;
        match self.0.export(batch).await {
            Ok(()) => counts.exported.fetch_add(count, Relaxed),
            Err(error) => {
                tracing::warn!(%error, spans = count, "cannot export spans; they are lost");
                counts.dropped.fetch_add(count, Relaxed)
            }
        };
    }
}

/// Gathers the next spans to send; false when there will be no more. Given up, it leaves what it
/// has gathered in `batch`.
async fn gather(spans: &mut mpsc::Receiver<Vec<SpanData>>, batch: &mut Vec<SpanData>) -> bool {
    if batch.is_empty() {
        match spans.recv().await {
            Some(first) => batch.extend(first),
            None => return false,
        }
    }
    let until = Instant::now() + LINGER;
    while batch.len() < BATCH_SPANS {
        match timeout_at(until, spans.recv()).await {
            Ok(Some(more)) => batch.extend(more),
            Ok(None) => return false,
            Err(_) => break,
        }
    }
    true
}

fn http(settings: &Settings) -> Result<SpanExporter, StartError> {
    let provider = rustls::crypto::ring::default_provider();
    let connector =
        hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
    let builder = SpanExporter::builder()
        .with_http()
        .with_protocol(Wire::HttpBinary)
        .with_endpoint(&settings.url)
        .with_timeout(settings.timeout)
        .with_headers(settings.headers.clone());
    // A machine without certificates, as many containers are, can still speak plain HTTP.
    let builder = if settings.url.starts_with("https:") {
        let connector = connector?.https_only().enable_http1().build();
        builder.with_http_client(HyperClient::new(connector, settings.timeout, None))
    } else {
        let client = HyperClient::with_default_connector(settings.timeout, None);
        builder.with_http_client(client)
    };
    Ok(builder.build()?)
}

fn grpc(settings: &Settings) -> Result<SpanExporter, StartError> {
    let headers: http::HeaderMap = (&settings.headers)
        .try_into()
        .map_err(std::io::Error::other::<http::Error>)?;
    let builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&settings.url)
        .with_timeout(settings.timeout)
        .with_metadata(MetadataMap::from_headers(headers));
    let builder = if settings.url.starts_with("https:") {
        builder.with_tls_config(ClientTlsConfig::new().with_native_roots())
    } else {
        builder
    };
    Ok(builder.build()?)
}
