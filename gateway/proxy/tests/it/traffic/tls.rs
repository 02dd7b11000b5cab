//! Certificates: chosen by name, read again while calls are under way, and shown to servers.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::AUDIT;
use crate::{
    gateway::{Gateway, client, client_builder},
    message::tool_call,
};

/// An authority that signs whatever the tests need.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        // Installs the provider as well.
        drop(client_builder());
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes `NAME.pem` and `NAME.key`, a certificate for that host name.
    fn write(&self, folder: &Path, name: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let der = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        roots.add(der).unwrap();
        Arc::new(roots)
    }
}

/// The certificate that a listener shows to a client which asks for `name`.
async fn shown(gateway: &Gateway, authority: &Authority, name: &str) -> CertificateDer<'static> {
    let config = ClientConfig::builder()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    tls.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_read_again() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["one.test", "other.test"] {
        authority.write(folder.path(), name);
    }
    let path = |file: &str| folder.path().join(file).display().to_string();
    let listen = format!(
        ", tls: {{cert: '{}', key: '{}', further: [{{cert: '{}', key: '{}'}}]}}",
        path("one.test.pem"),
        path("one.test.key"),
        path("other.test.pem"),
        path("other.test.key")
    );
    let rest = format!("servers: {{server: {{url: 'http://127.0.0.1:9/mcp'}}}}\n{AUDIT}");
    let gateway = Gateway::listening(&rest, &listen, "https");
    let on_disk = |name: &str| CertificateDer::from_pem_file(path(&format!("{name}.pem"))).unwrap();
    for name in ["one.test", "other.test"] {
        assert_eq!(shown(&gateway, &authority, name).await, on_disk(name));
    }
    let old = on_disk("other.test");
    authority.write(folder.path(), "other.test");
    assert_ne!(on_disk("other.test"), old);
    let reload = || {
        client()
            .post(format!("http://{}/reload", gateway.admin))
            .send()
    };
    assert_eq!(reload().await.unwrap().status(), 200);
    for name in ["one.test", "other.test"] {
        assert_eq!(shown(&gateway, &authority, name).await, on_disk(name));
    }
    // A key that belongs to another certificate changes nothing.
    let kept = on_disk("other.test");
    std::fs::copy(path("one.test.key"), path("other.test.key")).unwrap();
    let refused = reload().await.unwrap();
    assert_eq!(refused.status(), 422);
    let why = refused.text().await.unwrap();
    assert!(why.contains("listen.tls.further[0].key"), "{why}");
    assert_eq!(shown(&gateway, &authority, "other.test").await, kept);
}

/// A server that answers only those who show a certificate of `authority`.
async fn picky(authority: &Authority, folder: &Path) -> std::net::SocketAddr {
    let verifier = WebPkiClientVerifier::builder(authority.roots())
        .build()
        .unwrap();
    let chain = CertificateDer::pem_file_iter(folder.join("localhost.pem")).unwrap();
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(folder.join("localhost.key")).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(stream).await else {
                    return;
                };
                let mut request = [0; 16 * 1024];
                if tls.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = tls.write_all(answer.as_bytes()).await;
                    let _ = tls.shutdown().await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn the_gateway_shows_its_certificate_to_a_server_that_asks() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["localhost", "gateway.test"] {
        authority.write(folder.path(), name);
    }
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let path = |file: &str| folder.path().join(file).display().to_string();
    let server = picky(&authority, folder.path()).await;
    let url = format!("https://localhost:{}/mcp", server.port());
    let ca = path("ca.pem");
    let shows = format!(
        ", client: {{cert: '{}', key: '{}'}}",
        path("gateway.test.pem"),
        path("gateway.test.key")
    );
    let gateway = Gateway::start(&format!(
        "servers: {{shows: {{url: '{url}', tls: {{ca: '{ca}'{shows}}}}}, hides: {{url: '{url}', tls: {{ca: '{ca}'}}}}}}\n{AUDIT}"
    ));
    for (server, status) in [("shows", 200), ("hides", 502)] {
        let call = tool_call(&gateway.url(server), &json!(1), "echo", json!({}));
        assert_eq!(call.send().await.unwrap().status(), status, "{server}");
    }
}

/// What is said about `tls` is about the API where the server is one.
#[tokio::test]
async fn the_gateway_trusts_a_rest_service_as_it_is_told_to() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["localhost", "gateway.test"] {
        authority.write(folder.path(), name);
    }
    let path = |file: &str| folder.path().join(file).display().to_string();
    std::fs::write(path("ca.pem"), &authority.pem).unwrap();
    let spec = r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "get"}}}}"#;
    std::fs::write(path("spec.json"), spec).unwrap();
    let port = picky(&authority, folder.path()).await.port();
    let openapi = format!(
        "openapi: {{spec: '{}', base_url: 'https://localhost:{port}'}}",
        path("spec.json")
    );
    let ca = path("ca.pem");
    let shows = format!(
        ", client: {{cert: '{}', key: '{}'}}",
        path("gateway.test.pem"),
        path("gateway.test.key")
    );
    let gateway = Gateway::start(&format!(
        "servers: {{shows: {{{openapi}, tls: {{ca: '{ca}'{shows}}}}}, hides: {{{openapi}, tls: {{ca: '{ca}'}}}}, doubts: {{{openapi}}}}}\n{AUDIT}"
    ));
    for (server, status) in [("shows", 200), ("hides", 502), ("doubts", 502)] {
        let call = tool_call(&gateway.url(server), &json!(1), "get", json!({}));
        assert_eq!(call.send().await.unwrap().status(), status, "{server}");
    }
}
