//! Taking in request bodies: each within its bound, all together within theirs, and in time.
//!
//! Never waits for room while it holds some: two half-read bodies could wait for each other.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::exception::Exception;

/// A body as it travels, at most.
const BODY_BYTES_MAX: usize = 256 << 20;
/// All bodies held at once, at most.
const BODIES_BYTES_MAX: usize = 1 << 30;
/// How long a body may take to arrive.
const BODY_MAX: Duration = Duration::from_secs(300);
/// What one permit of the budget stands for.
const UNIT_BYTES: usize = 1024;

/// The budget that all bodies share.
pub(crate) struct Intake {
    budget: Arc<Semaphore>,
}

/// A body, and its share of the budget until it is dropped.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    /// Held for its `Drop` alone.
    _share: Option<OwnedSemaphorePermit>,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self {
            budget: Arc::new(Semaphore::new(BODIES_BYTES_MAX / UNIT_BYTES)),
        }
    }

    /// Reads a body whole.
    pub(crate) async fn take(&self, headers: &HeaderMap, body: Body) -> Result<Upload, Exception> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|bytes: u64| bytes > BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        tokio::time::timeout(BODY_MAX, self.read(body))
            .await
            .map_err(|_| broken_off("The body did not arrive in time"))?
    }

    async fn read(&self, body: Body) -> Result<Upload, Exception> {
        let mut chunks = body.into_data_stream();
        let mut bytes = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(chunk) = chunks
            .try_next()
            .await
            .map_err(|_| broken_off("The body did not arrive whole"))?
        {
            let total = bytes.len() + chunk.len();
            if total > BODY_BYTES_MAX {
                return Err(too_large());
            }
            let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let missing = total.div_ceil(UNIT_BYTES).saturating_sub(held);
            let more = u32::try_from(missing)
                .ok()
                .and_then(|missing| {
                    Arc::clone(&self.budget)
                        .try_acquire_many_owned(missing)
                        .ok()
                })
                .ok_or_else(Exception::busy)?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Upload {
            bytes: bytes.freeze(),
            _share: share,
        })
    }
}

fn too_large() -> Exception {
    Exception::too_large("The body is larger than 256 MiB")
}

fn broken_off(message: &str) -> Exception {
    Exception::incorrect_data(message).with_status(StatusCode::REQUEST_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_share_a_budget_and_give_it_back() {
        let intake = Intake {
            budget: Arc::new(Semaphore::new(3)),
        };
        let body = |bytes: usize| intake.read(Body::from(vec![7; bytes]));
        let first = body(2 * UNIT_BYTES).await.unwrap();
        assert_eq!(first.bytes.len(), 2 * UNIT_BYTES);
        assert_eq!(body(UNIT_BYTES + 1).await.err().unwrap().status(), 503);
        let second = body(1).await.unwrap();
        assert_eq!(body(1).await.err().unwrap().code, 202);
        drop((first, second));
        assert!(body(3 * UNIT_BYTES).await.is_ok());
    }

    #[tokio::test]
    async fn small_pieces_cost_what_they_weigh() {
        let intake = Intake {
            budget: Arc::new(Semaphore::new(1)),
        };
        let pieces = (0..UNIT_BYTES).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"x")));
        let body = Body::from_stream(futures::stream::iter(pieces));
        assert_eq!(intake.read(body).await.unwrap().bytes.len(), UNIT_BYTES);
    }

    #[tokio::test]
    async fn a_body_announced_too_large_is_not_read() {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_LENGTH, "1000000000000".parse().unwrap())]);
        let never = Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>());
        let refused = Intake::new().take(&headers, never).await.err().unwrap();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
