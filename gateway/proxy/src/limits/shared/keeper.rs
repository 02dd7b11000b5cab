//! The thread that connects to Redis, stays in touch, and sends what is owed.

use std::{io, sync::Arc, thread, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult,
};
use tokio::{
    sync::mpsc::Receiver,
    time::{interval, sleep, timeout},
};

use super::{
    Settlement,
    link::{Link, Session, alive},
};
use crate::config;

/// How often a lost connection is tried again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often this replica says that it lives, and how long others believe it.
const ALIVE_EVERY: Duration = Duration::from_secs(3);
const ALIVE_SECONDS: u64 = 15;
/// Charges that are sent together.
const BATCH_MAX: usize = 128;

/// Owns the runtime that the connection lives on.
pub(super) struct Keeper {
    redis: config::Redis,
    link: Arc<Link>,
    waiting: Receiver<Settlement>,
}

impl Keeper {
    /// Starts the thread and waits for the first try to connect.
    pub(super) fn start(redis: &config::Redis, link: Arc<Link>, waiting: Receiver<Settlement>) {
        let keeper = Self {
            redis: redis.clone(),
            link,
            waiting,
        };
        let (tried, first) = std::sync::mpsc::sync_channel(1);
        let started = thread::Builder::new()
            .name("redis".to_owned())
            .spawn(move || keeper.work(&tried));
        match started {
            // The try is bounded, and a thread that ends drops its end of the channel.
            Ok(_) => drop(first.recv()),
            Err(error) => tracing::error!(%error, "cannot start the thread for redis"),
        }
    }

    fn work(self, tried: &std::sync::mpsc::SyncSender<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.keep(tried)),
            Err(error) => tracing::error!(%error, "cannot start the runtime for redis"),
        }
    }

    async fn keep(mut self, tried: &std::sync::mpsc::SyncSender<()>) {
        let mut was_here = true;
        loop {
            match self.connect().await {
                Ok(session) => {
                    self.link.open(session);
                    tracing::info!("limits are shared through redis");
                    was_here = true;
                    let _ = tried.try_send(());
                    if !self.serve().await {
                        return;
                    }
                }
                Err(error) => {
                    self.link.not_made();
                    if was_here {
                        let fail = match self.redis.fail {
                            config::RedisFail::Local => "each replica counts for itself",
                            config::RedisFail::Closed => "limited calls are refused",
                        };
                        tracing::warn!(kind = ?error.kind(), fail, "cannot connect to redis");
                    }
                    was_here = false;
                    let _ = tried.try_send(());
                    // Whoever is still owed something is owed it by a connection that is gone.
                    while self.waiting.try_recv().is_ok() {}
                    if self.waiting.is_closed() {
                        return;
                    }
                }
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// Makes a connection that works, under a name that no other replica has had.
    async fn connect(&self) -> RedisResult<Session> {
        let client = Client::open(connection_info(&self.redis)?)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(self.redis.timeout));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // The bound holds for the greeting as well.
        let connection = timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let session = Session {
            connection,
            replica: format!("{:016x}", rand::random::<u64>()).into(),
        };
        self.stay_alive(&session).await?;
        Ok(session)
    }

    /// Says that this replica lives; a Redis that takes no writes is as good as none.
    async fn stay_alive(&self, session: &Session) -> RedisResult<()> {
        let key = format!("{}{}", alive(&self.redis.prefix), session.replica);
        let mut connection = session.connection.clone();
        redis::cmd("SET")
            .arg(key)
            .arg(1)
            .arg("EX")
            .arg(ALIVE_SECONDS)
            .query_async(&mut connection)
            .await
    }

    /// Until the connection is lost; false where the process needs it no longer.
    async fn serve(&mut self) -> bool {
        let mut beat = interval(ALIVE_EVERY);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                () = self.link.closed() => return true,
                _ = beat.tick() => {
                    if let Some(session) = self.link.session()
                        && let Err(error) = self.stay_alive(&session).await
                    {
                        self.link.broke(&session, &error);
                    }
                }
                received = self.waiting.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        self.link.close();
                        return false;
                    }
                    self.link.settle(&self.redis.prefix, &batch).await;
                    batch.clear();
                }
            }
        }
    }
}

fn connection_info(redis: &config::Redis) -> RedisResult<ConnectionInfo> {
    let host = redis.url.host_str().unwrap_or_default();
    // The brackets of an IPv6 address belong to the URL.
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = redis.url.port().unwrap_or(6_379);
    let address = if redis.url.scheme() == "rediss" {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let database = redis
        .url
        .path()
        .trim_start_matches('/')
        .parse()
        .unwrap_or(0);
    let mut user = RedisConnectionInfo::default().set_db(database);
    if let Some(name) = &redis.user {
        user = user.set_username(name);
    }
    if let Some(password) = &redis.password {
        user = user.set_password(password.expose());
    }
    Ok(address.into_connection_info()?.set_redis_settings(user))
}
