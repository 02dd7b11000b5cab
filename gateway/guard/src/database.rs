//! Vectorscan behind a safe wrapper: many patterns, one linear pass, the end of each match.
//!
//! It never keeps scratch space of one thread for another, never lets a panic cross into C, and never reports where
//! a match begins: start offsets double the cost of a pass and many patterns cannot have them. Whoever needs the
//! start looks at the text before the end.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use vectorscan_rs_sys as hs;

/// Longest text of one pass, in bytes: Vectorscan counts in 32 bits.
pub const TEXT_BYTES_MAX: usize = u32::MAX as usize;

/// A pattern of a database, in Vectorscan's dialect of PCRE.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What is reported with a match.
    pub id: u32,
    /// The expression; bytes, not characters, unless `utf8`.
    pub expression: String,
    /// Upper and lower case are one.
    pub caseless: bool,
    /// Classes and `.` stand for characters of UTF-8. The text must then be UTF-8.
    pub utf8: bool,
}

/// Why patterns did not become a database.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The expression has a NUL byte.
    #[error("pattern {0} has a NUL byte")]
    Nul(u32),
    /// Vectorscan cannot compile it; its own words.
    #[error("pattern {id:?}: {reason}")]
    Pattern {
        /// Of the pattern at fault, if it is one pattern's fault.
        id: Option<u32>,
        /// What Vectorscan says.
        reason: String,
    },
    /// This processor lacks what Vectorscan was built for, or memory ran out.
    #[error("Vectorscan cannot be used here (code {0})")]
    Engine(c_int),
}

/// Why a pass did not end.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PassError {
    /// More than [`TEXT_BYTES_MAX`].
    #[error("the text is too long for one pass")]
    Length,
    /// Scratch space could not be had, or the engine gave up.
    #[error("the pass failed (code {0})")]
    Engine(c_int),
    /// Who was told of matches asked to stop.
    #[error("stopped")]
    Stopped,
}

/// A match of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The pattern's id.
    pub id: u32,
    /// One past its last byte.
    pub end: u32,
}

/// Matches that are told at once: while the engine goes over a text, what is done about them is not in its way.
const MATCHES: usize = 256;

struct Compiled {
    database: NonNull<hs::hs_database_t>,
    /// Tells databases apart for ever; an address may be used again.
    serial: u64,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

// SAFETY: a compiled database is immutable, and Vectorscan documents that any number of threads may scan with one,
// each with scratch space of its own.
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

impl Drop for Compiled {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `hs_compile_multi` and is freed once, here.
        unsafe { hs::hs_free_database(self.database.as_ptr()) };
    }
}

/// Compiled patterns. Clones are cheap and share them.
#[derive(Clone)]
pub struct Database(Arc<Compiled>);

impl std::fmt::Debug for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Database")
    }
}

/// Scratch space of one thread, grown to the largest database that the thread has met.
struct Scratch {
    space: *mut hs::hs_scratch_t,
    fits: Vec<u64>,
    matches: Vec<Match>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.space.is_null() {
            // SAFETY: the pointer came from `hs_alloc_scratch` on this thread and no pass is under way.
            unsafe { hs::hs_free_scratch(self.space) };
        }
    }
}

/// Databases that a thread remembers to have fitted; beyond it, it asks Vectorscan anew.
const REMEMBERED_MAX: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const {
        RefCell::new(Scratch { space: ptr::null_mut(), fits: Vec::new(), matches: Vec::new() })
    };
}

impl Database {
    /// Compiles `patterns`. Takes milliseconds to seconds: never on the way of a message.
    ///
    /// # Errors
    /// The first pattern that Vectorscan refuses, in its words.
    pub fn compile(patterns: &[Pattern]) -> Result<Self, DatabaseError> {
        let expressions = patterns
            .iter()
            .map(|pattern| {
                CString::new(pattern.expression.as_str())
                    .map_err(|_| DatabaseError::Nul(pattern.id))
            })
            .collect::<Result<Vec<CString>, _>>()?;
        let pointers: Vec<*const c_char> = expressions.iter().map(|text| text.as_ptr()).collect();
        let flags: Vec<c_uint> = patterns.iter().map(flags).collect();
        let ids: Vec<c_uint> = patterns.iter().map(|pattern| pattern.id).collect();
        let count = c_uint::try_from(patterns.len())
            .map_err(|_| DatabaseError::Engine(hs::HS_INVALID as c_int))?;
        let mut database: *mut hs::hs_database_t = ptr::null_mut();
        let mut fault: *mut hs::hs_compile_error_t = ptr::null_mut();
        // SAFETY: the three arrays have `count` elements and outlive the call; the strings end in NUL; a null platform
        // means this machine.
        let code = unsafe {
            hs::hs_compile_multi(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                count,
                hs::HS_MODE_BLOCK,
                ptr::null(),
                &mut database,
                &mut fault,
            )
        };
        if let Some(fault) = NonNull::new(fault) {
            return Err(explained(fault, &ids));
        }
        NonNull::new(database)
            .filter(|_| code == hs::HS_SUCCESS as c_int)
            .map(|database| {
                let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
                Self(Arc::new(Compiled { database, serial }))
            })
            .ok_or(DatabaseError::Engine(code))
    }

    /// Tells `matched` of the matches in `text`, some at a time, ends never falling. It answers whether to go on.
    ///
    /// # Errors
    /// [`PassError::Stopped`] where `matched` said so; matches that were told stay told.
    pub fn pass<F: FnMut(&[Match]) -> bool>(
        &self,
        text: &[u8],
        matched: F,
    ) -> Result<(), PassError> {
        let length = c_uint::try_from(text.len()).map_err(|_| PassError::Length)?;
        SCRATCH.with(|cell| {
            // A pass inside a pass would share scratch space: refused instead.
            let mut scratch = cell
                .try_borrow_mut()
                .map_err(|_| PassError::Engine(hs::HS_SCRATCH_IN_USE as c_int))?;
            self.fit(&mut scratch)?;
            let Scratch { space, matches, .. } = &mut *scratch;
            matches.clear();
            let mut told = Told {
                matches,
                matched,
                panicked: None,
            };
            // SAFETY: text and length belong together; the database lives as long as `self`; the scratch space is this
            // thread's, fitted to the database, and borrowed for the call; the context outlives the call.
            let code = unsafe {
                hs::hs_scan(
                    self.0.database.as_ptr(),
                    text.as_ptr().cast::<c_char>(),
                    length,
                    0,
                    *space,
                    Some(on_match::<F>),
                    ptr::from_mut(&mut told).cast::<c_void>(),
                )
            };
            if let Some(panic) = told.panicked.take() {
                std::panic::resume_unwind(panic);
            }
            match code {
                code if code == hs::HS_SUCCESS as c_int => {
                    let is_wanted = told.matches.is_empty() || (told.matched)(told.matches);
                    is_wanted.then_some(()).ok_or(PassError::Stopped)
                }
                hs::HS_SCAN_TERMINATED => Err(PassError::Stopped),
                code => Err(PassError::Engine(code)),
            }
        })
    }

    fn fit(&self, scratch: &mut Scratch) -> Result<(), PassError> {
        if scratch.fits.contains(&self.0.serial) {
            return Ok(());
        }
        // SAFETY: both pointers are valid or null as the function asks; it grows the space where it is too small, and
        // never shrinks it.
        let code = unsafe { hs::hs_alloc_scratch(self.0.database.as_ptr(), &mut scratch.space) };
        if code != hs::HS_SUCCESS as c_int {
            return Err(PassError::Engine(code));
        }
        if scratch.fits.len() >= REMEMBERED_MAX {
            scratch.fits.clear();
        }
        scratch.fits.push(self.0.serial);
        scratch.matches.reserve(MATCHES);
        Ok(())
    }
}

fn flags(pattern: &Pattern) -> c_uint {
    let mut flags = 0;
    if pattern.caseless {
        flags |= hs::HS_FLAG_CASELESS;
    }
    if pattern.utf8 {
        flags |= hs::HS_FLAG_UTF8;
    }
    flags
}

fn explained(fault: NonNull<hs::hs_compile_error_t>, ids: &[u32]) -> DatabaseError {
    // SAFETY: Vectorscan gave a non-null fault; its message ends in NUL and lives until it is freed below.
    let (index, reason) = unsafe {
        let fault = fault.as_ref();
        (
            fault.expression,
            CStr::from_ptr(fault.message).to_string_lossy().into_owned(),
        )
    };
    // SAFETY: freed once, after its last use.
    unsafe { hs::hs_free_compile_error(fault.as_ptr()) };
    let id = usize::try_from(index)
        .ok()
        .and_then(|index| ids.get(index).copied());
    DatabaseError::Pattern { id, reason }
}

struct Told<'a, F> {
    /// Those that were not told yet. There is room for [`MATCHES`].
    matches: &'a mut Vec<Match>,
    matched: F,
    panicked: Option<Box<dyn std::any::Any + Send>>,
}

impl<F: FnMut(&[Match]) -> bool> Told<'_, F> {
    /// Tells of all; whether to go on.
    #[cold]
    fn tell(&mut self) -> bool {
        // A panic must not unwind through C.
        let tell = std::panic::AssertUnwindSafe(|| (self.matched)(self.matches));
        let answer = std::panic::catch_unwind(tell);
        self.matches.clear();
        answer.unwrap_or_else(|panic| {
            self.panicked = Some(panic);
            false
        })
    }
}

extern "C" fn on_match<F: FnMut(&[Match]) -> bool>(
    id: c_uint,
    _from: c_ulonglong,
    to: c_ulonglong,
    _flags: c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: `pass` gives a pointer to its `Told<F>` and touches it only after the scan has returned.
    let told = unsafe { &mut *context.cast::<Told<'_, F>>() };
    let end = u32::try_from(to).unwrap_or(u32::MAX);
    told.matches.push(Match { id, end });
    c_int::from(told.matches.len() >= MATCHES && !told.tell())
}
