//! Real clients see through Gantry exactly what they see without it.
//!
//! Each test holds the same session twice with the same server, directly and through the gateway, in every era that both
//! speak, and compares all that the client reports: results, errors, progress, log messages, answers to questions.

use crate::gateway::Gateway;
use crate::peer::{Client, Era, Server};

/// The servers, and how a client may meet each.
const MEETINGS: [(Server, Era); 6] = [
    (Server::Fixture, Era::Modern),
    (Server::Fixture, Era::Legacy),
    (Server::FastMcp, Era::Modern),
    (Server::FastMcp, Era::Legacy),
    (Server::Everything, Era::Auto),
    (Server::Everything, Era::Legacy),
];

async fn sees_the_same(client: Client) {
    for server in [Server::Fixture, Server::FastMcp, Server::Everything] {
        let process = server.start();
        let url = format!("http://{}/mcp", process.address);
        let gateway = Gateway::before(&url);
        for (_, era) in MEETINGS.into_iter().filter(|(met, _)| *met == server) {
            let endpoint = gateway.url("server");
            let (direct, through) = tokio::join!(
                client.hold(&url, era, server),
                client.hold(&endpoint, era, server)
            );
            assert!(
                direct.len() > 3,
                "{client:?} {era:?} with {server:?} reported {direct:?}"
            );
            for (direct, through) in direct.iter().zip(&through) {
                assert_eq!(through, direct, "{client:?} {era:?} with {server:?}");
            }
            assert_eq!(
                through.len(),
                direct.len(),
                "{client:?} {era:?} with {server:?}"
            );
        }
    }
}

#[tokio::test]
async fn typescript_client() {
    sees_the_same(Client::TypeScript).await;
}

#[tokio::test]
async fn inspector() {
    sees_the_same(Client::Inspector).await;
}

#[tokio::test]
async fn python_sdk_client() {
    sees_the_same(Client::Sdk).await;
}

#[tokio::test]
async fn fastmcp_client() {
    sees_the_same(Client::FastMcp).await;
}
