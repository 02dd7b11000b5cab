//! The connection to Redis as calls see it: there, or not there.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use redis::{Script, aio::MultiplexedConnection};
use tokio::sync::Notify;

use super::{Need, Settlement};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("settle.lua")));

/// Redis does not answer, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) struct Away;

/// The one connection of this process.
#[derive(Default)]
pub(super) struct Link {
    session: ArcSwapOption<Session>,
    failed: Notify,
    failures: AtomicU64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("here", &self.is_here())
            .finish()
    }
}

/// A connection that works, and the name that this replica goes by as long as it does.
pub(super) struct Session {
    pub(super) connection: MultiplexedConnection,
    pub(super) replica: Arc<str>,
}

impl Link {
    pub(super) fn is_here(&self) -> bool {
        self.session.load().is_some()
    }

    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.load_full()
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// From now on calls use this connection.
    pub(super) fn open(&self, session: Session) {
        self.session.store(Some(Arc::new(session)));
    }

    /// Nobody uses a connection any more.
    pub(super) fn close(&self) {
        self.session.store(None);
        self.failed.notify_one();
    }

    /// Counts a connection that could not be made.
    pub(super) fn not_made(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Resolves when the connection has been closed.
    pub(super) async fn closed(&self) {
        while self.is_here() {
            self.failed.notified().await;
        }
    }

    /// Asks for everything that a call needs; the answer is that of `take.lua`.
    pub(super) async fn take(
        &self,
        prefix: &str,
        needs: &[Need],
    ) -> Result<(Arc<str>, (usize, i64)), Away> {
        let session = self.session.load_full().ok_or(Away)?;
        let mut call = TAKE.prepare_invoke();
        call.arg(alive(prefix)).arg(&*session.replica);
        for need in needs {
            let (a, b) = need.numbers();
            call.key(&need.key).arg(need.measure.unit()).arg(a).arg(b);
        }
        let mut connection = session.connection.clone();
        let answer = call.invoke_async(&mut connection).await;
        match answer {
            Ok(answer) => Ok((Arc::clone(&session.replica), answer)),
            Err(error) => {
                self.broke(&session, &error);
                Err(Away)
            }
        }
    }

    /// Sends charges; false where Redis went away meanwhile.
    pub(super) async fn settle(&self, prefix: &str, settlements: &[Settlement]) -> bool {
        let Some(session) = self.session.load_full() else {
            return false;
        };
        let mut call = SETTLE.prepare_invoke();
        call.arg(alive(prefix));
        for one in settlements {
            call.key(&one.key).arg(one.what).arg(&one.a).arg(&one.b);
        }
        let mut connection = session.connection.clone();
        let sent: redis::RedisResult<()> = call.invoke_async(&mut connection).await;
        if let Err(error) = &sent {
            self.broke(&session, error);
        }
        sent.is_ok()
    }

    /// Redis is away: nobody asks it any more until it is there again. A call that notices late
    /// does not close the connection that has been made meanwhile.
    pub(super) fn broke(&self, session: &Arc<Session>, error: &redis::RedisError) {
        let used = Some(Arc::clone(session));
        let before = self.session.compare_and_swap(&used, None);
        let was_first = before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(before, session));
        if was_first {
            tracing::warn!(kind = ?error.kind(), "redis is away");
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.failed.notify_one();
        }
    }
}

/// What the keys begin with that live replicas keep.
pub(super) fn alive(prefix: &str) -> String {
    format!("{prefix}:replica:")
}
