//! A real authorization server: npm `oidc-provider`, steered by `tests/peers/issuer.mjs`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    gateway::client,
    peer::{cache, node, scripts},
    process::{Process, free_address},
};

/// An authorization server; it ends with its handle.
pub(crate) struct Issuer {
    process: Process,
    address: SocketAddr,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        Self::start_at(free_address())
    }

    /// Starts at an address where one was before, with new keys.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let mut command = std::process::Command::new(node());
        command
            .arg(scripts().join("issuer.mjs"))
            .arg(address.port().to_string())
            .env("GANTRY_CACHE", cache());
        Self {
            process: Process::listening(&mut command),
            address,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Has the issuer do something that it does for tests only.
    pub(crate) async fn steer(&self, what: &str, how: Value) -> Value {
        let answer = client()
            .post(format!("{}/_test/{what}", self.url()))
            .body(how.to_string())
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// How often something of the issuer was asked for.
    pub(crate) async fn asked(&self, what: &str) -> u64 {
        self.steer("asked", json!({})).await[what].as_u64().unwrap()
    }

    /// A token with any defect.
    pub(crate) async fn mint(&self, how: &Value) -> String {
        let minted = self.steer("mint", how.clone()).await;
        minted["token"].as_str().unwrap().to_owned()
    }

    /// An access token of `client` for `resource`, by client credentials.
    pub(crate) async fn token(&self, agent: &str, resource: &str, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&resource={resource}&scope={scope}");
        let answer = client()
            .post(format!("{}/token", self.url()))
            .basic_auth(agent, Some(format!("{agent}-secret")))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        match answer["access_token"].as_str() {
            Some(token) => token.to_owned(),
            None => panic!("{answer}"),
        }
    }

    /// Revokes a token (RFC 7009).
    pub(crate) async fn revoke(&self, agent: &str, token: &str) {
        let answer = client()
            .post(format!("{}/token/revocation", self.url()))
            .basic_auth(agent, Some(format!("{agent}-secret")))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={token}"))
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success());
    }
}
