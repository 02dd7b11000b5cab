//! How much the bodies of all requests together may hold in memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit stands for.
const UNIT_BYTES: u64 = 4096;

/// Bodies up to this size are not counted: the number of connections bounds them.
const FREE_BYTES: u64 = 16 * 1024;

/// The memory for bodies of requests.
#[derive(Debug, Clone)]
pub(in crate::server) struct Memory(Arc<Semaphore>);

/// Memory that one body holds, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::server) struct Reserved {
    permit: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

/// There is no memory for this body right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Full;

impl Memory {
    pub(in crate::server) fn new(bytes_max: u64) -> Self {
        let units = usize::try_from(bytes_max / UNIT_BYTES).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    /// Makes `reserved` hold at least so many bytes.
    pub(in crate::server) fn reserve(
        &self,
        reserved: &mut Reserved,
        bytes: u64,
    ) -> Result<(), Full> {
        if bytes <= FREE_BYTES.max(reserved.bytes) {
            return Ok(());
        }
        // A body that grows takes more than it needs, so that it rarely has to ask again.
        let wanted = bytes.max(2 * reserved.bytes);
        let more = (wanted - reserved.bytes).div_ceil(UNIT_BYTES);
        let more = u32::try_from(more).map_err(|_| Full)?;
        let permit = Arc::clone(&self.0)
            .try_acquire_many_owned(more)
            .map_err(|_| Full)?;
        match &mut reserved.permit {
            Some(held) => held.merge(permit),
            None => reserved.permit = Some(permit),
        }
        reserved.bytes += u64::from(more) * UNIT_BYTES;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_what_there_is() {
        let memory = Memory::new(1 << 20);
        let (mut one, mut other) = (Reserved::default(), Reserved::default());
        assert_eq!(memory.reserve(&mut one, FREE_BYTES), Ok(()));
        assert_eq!(memory.reserve(&mut one, 1 << 19), Ok(()));
        assert_eq!(
            memory.reserve(&mut one, 1 << 18),
            Ok(()),
            "it holds that already"
        );
        assert_eq!(memory.reserve(&mut other, 1 << 20), Err(Full));
        assert_eq!(memory.reserve(&mut other, 1 << 19), Ok(()));
        assert_eq!(memory.reserve(&mut one, (1 << 19) + 1), Err(Full));
        drop(other);
        assert_eq!(memory.reserve(&mut one, 1 << 20), Ok(()));
    }
}
