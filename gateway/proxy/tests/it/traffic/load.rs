//! Callers that call again and again, and what became of their calls.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::{gateway::client_builder, message::tool_call_of};

/// One call that has ended.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// What went wrong.
    pub(super) fault: Option<String>,
}

/// Callers at work.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    under_way: Arc<AtomicU64>,
    done: Arc<Mutex<Vec<Done>>>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many callers, each with a connection of its own, each calling `echo` without a pause.
    pub(super) fn start(url: &str, callers: usize) -> Self {
        let (stop, under_way) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let done = Arc::<Mutex<Vec<Done>>>::default();
        let callers = (0..callers)
            .map(|caller| {
                let (stop, under_way) = (Arc::clone(&stop), Arc::clone(&under_way));
                let (done, url) = (Arc::clone(&done), url.to_owned());
                tokio::spawn(async move {
                    let client = client_builder().build().unwrap();
                    for call in 0.. {
                        if stop.load(SeqCst) {
                            return;
                        }
                        under_way.fetch_add(1, SeqCst);
                        let begun = Instant::now();
                        let fault = echo(&client, &url, &format!("{caller}-{call}")).await.err();
                        under_way.fetch_sub(1, SeqCst);
                        let ended = Instant::now();
                        if fault.is_some() {
                            // A gateway that is gone refuses very fast.
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                        done.lock().unwrap().push(Done {
                            begun,
                            ended,
                            fault,
                        });
                    }
                })
            })
            .collect();
        Self {
            stop,
            under_way,
            done,
            callers,
        }
    }

    /// Calls that are under way right now.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way.load(SeqCst)
    }

    /// Calls that have ended.
    pub(super) fn count(&self) -> usize {
        self.done.lock().unwrap().len()
    }

    /// Lets the callers work until so many more calls have ended.
    pub(super) async fn more(&self, calls: usize) {
        let enough = self.count() + calls;
        let patience = Instant::now() + Duration::from_secs(60);
        while self.count() < enough {
            assert!(Instant::now() < patience, "the load stands still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Calls that have failed.
    pub(super) fn failed(&self) -> Vec<Done> {
        let done = self.done.lock().unwrap();
        done.iter()
            .filter(|done| done.fault.is_some())
            .cloned()
            .collect()
    }

    /// Lets every caller end its call, and gives all that have ended.
    pub(super) async fn stop(self) -> Vec<Done> {
        self.stop.store(true, SeqCst);
        for caller in self.callers {
            caller.await.unwrap();
        }
        std::mem::take(&mut *self.done.lock().unwrap())
    }
}

async fn echo(client: &reqwest::Client, url: &str, id: &str) -> Result<(), String> {
    let call = tool_call_of(client, url, &json!(id), "echo", json!({"text": id}));
    let response = call.send().await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let text = response
        .text()
        .await
        .map_err(|error| format!("{error:?}"))?;
    let answered = text.contains(&format!("\"text\":\"{id}\"")) && text.contains("\"id\"");
    if status == 200 && answered {
        Ok(())
    } else {
        Err(format!("{status} {text}"))
    }
}

/// The 99th percentile of how long calls took.
pub(super) fn p99(done: &[Done]) -> Duration {
    let mut took: Vec<Duration> = done.iter().map(|done| done.ended - done.begun).collect();
    took.sort();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}
