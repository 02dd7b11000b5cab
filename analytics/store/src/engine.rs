//! The embedded ClickHouse engine: `libchdb.so`, loaded at run time, behind a safe interface.
//!
//! The library ships no C header for Rust to read, so the prototypes are declared here by hand
//! (`programs/local/chdb.h` of chdb-core 26.7). This is the only file with `unsafe` in it. It never
//! unloads the library: the engine's threads outlive every handle.
//!
//! Rules of the engine that shape the interface: one data directory per process; a connection runs
//! one statement at a time (`&mut self`); a stream or an insert must end before its connection does
//! (the lifetimes say so); a result stands alone and may outlive its connection.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use libloading::Library;

use crate::exception::Exception;

/// A `chdb_connection *`: the connection itself is what it points to.
type RawConnection = *mut *mut c_void;
type RawResult = *mut c_void;
type RawInsert = *mut c_void;
type Texts = *const *const c_char;
/// What begins a statement: connection; text and format, each with its length; names, their lengths,
/// values, their lengths, and the count of the parameters. Gives a result or an insert.
type Begin = unsafe extern "C" fn(
    *mut c_void,
    *const u8,
    usize,
    *const u8,
    usize,
    Texts,
    *const usize,
    Texts,
    *const usize,
    usize,
) -> *mut c_void;

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("cannot load the engine library {path}; `cargo xtask setup` fetches it")]
    Load {
        path: PathBuf,
        source: libloading::Error,
    },
    #[error(
        "the engine library lacks `{symbol}`; `cargo xtask setup` fetches the version that has it"
    )]
    Symbol {
        symbol: &'static str,
        source: libloading::Error,
    },
    #[error("the data directory's path holds a zero byte")]
    Path,
    #[error("the engine cannot open the data directory (its own message is on stderr)")]
    Open,
}

struct Api {
    set_signal_handlers: unsafe extern "C" fn(c_int),
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> RawConnection,
    close: unsafe extern "C" fn(RawConnection),
    shutdown: unsafe extern "C" fn() -> c_int,
    query: Begin,
    stream: Begin,
    fetch: unsafe extern "C" fn(*mut c_void, RawResult) -> RawResult,
    cancel: unsafe extern "C" fn(*mut c_void, RawResult),
    insert: Begin,
    append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    finish: unsafe extern "C" fn(RawInsert) -> RawResult,
    insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    free_insert: unsafe extern "C" fn(RawInsert),
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    result_buffer: unsafe extern "C" fn(RawResult) -> *const u8,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    rows_read: unsafe extern "C" fn(RawResult) -> u64,
    bytes_read: unsafe extern "C" fn(RawResult) -> u64,
    rows_written: unsafe extern "C" fn(RawResult) -> u64,
    bytes_written: unsafe extern "C" fn(RawResult) -> u64,
    free_result: unsafe extern "C" fn(RawResult),
}

impl Api {
    fn load(path: &Path) -> Result<Self, EngineError> {
        // SAFETY: the library is the engine that the operator named; its initialisers take no arguments.
        let library = unsafe { Library::new(path) }.map_err(|source| EngineError::Load {
            path: path.to_owned(),
            source,
        })?;
        // Never unloaded: the engine's background threads run code inside it until the process ends,
        // and the function pointers below stay valid for ever.
        let library: &'static Library = Box::leak(Box::new(library));
        Ok(Self {
            set_signal_handlers: symbol(library, "chdb_set_signal_handlers_enabled")?,
            connect: symbol(library, "chdb_connect")?,
            close: symbol(library, "chdb_close_conn")?,
            shutdown: symbol(library, "chdb_shutdown")?,
            query: symbol(library, "chdb_query_with_params_n")?,
            stream: symbol(library, "chdb_stream_query_with_params_n")?,
            fetch: symbol(library, "chdb_stream_fetch_result")?,
            cancel: symbol(library, "chdb_stream_cancel_query")?,
            insert: symbol(library, "chdb_stream_insert_with_params_n")?,
            append: symbol(library, "chdb_stream_append")?,
            finish: symbol(library, "chdb_stream_done")?,
            insert_error: symbol(library, "chdb_stream_insert_error")?,
            free_insert: symbol(library, "chdb_destroy_insert_stream")?,
            result_error: symbol(library, "chdb_result_error")?,
            result_buffer: symbol(library, "chdb_result_buffer")?,
            result_length: symbol(library, "chdb_result_length")?,
            rows_read: symbol(library, "chdb_result_rows_read")?,
            bytes_read: symbol(library, "chdb_result_bytes_read")?,
            rows_written: symbol(library, "chdb_result_rows_written")?,
            bytes_written: symbol(library, "chdb_result_bytes_written")?,
            free_result: symbol(library, "chdb_destroy_query_result")?,
        })
    }
}

fn symbol<T: Copy>(library: &'static Library, name: &'static str) -> Result<T, EngineError> {
    // SAFETY: every caller above asks for a function pointer of the type that the header declares.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|source| EngineError::Symbol {
            symbol: name,
            source,
        })
}

/// The running engine with its data directory open. Dropping it closes the engine.
pub(crate) struct Engine {
    // Declared first, so dropped first: the engine shuts down only when no connection is open.
    keeper: Mutex<Option<Connection>>,
    api: Arc<Api>,
    path: CString,
}

impl Engine {
    /// Loads the library and opens (or creates) the data directory.
    pub(crate) fn open(library: &Path, data: &Path) -> Result<Self, EngineError> {
        let api = Arc::new(Api::load(library)?);
        let mut path = b"--path=".to_vec();
        path.extend_from_slice(data.as_os_str().as_encoded_bytes());
        let path = CString::new(path).map_err(|_| EngineError::Path)?;
        // SAFETY: takes an integer; called before any connection, as the header demands, so that
        // the engine never replaces this process's signal handlers.
        unsafe { (api.set_signal_handlers)(0) };
        let mut engine = Self {
            keeper: Mutex::new(None),
            api,
            path,
        };
        // One connection stays open, or the engine would stop after each statement.
        engine.keeper = Mutex::new(Some(engine.connect(&[])?));
        Ok(engine)
    }

    /// Opens a connection (about 0.2 ms) with engine settings, each written `--name=value`.
    /// The engine ignores names that it does not know.
    pub(crate) fn connect(&self, settings: &[&CStr]) -> Result<Connection, EngineError> {
        let mut arguments: Vec<*mut c_char> = [c"clickhouse", self.path.as_c_str()]
            .iter()
            .chain(settings)
            .map(|text| text.as_ptr().cast_mut())
            .collect();
        let count = c_int::try_from(arguments.len()).map_err(|_| EngineError::Open)?;
        // SAFETY: `arguments` holds `count` pointers to strings ending in zero which live until the
        // call returns; the engine reads and copies them.
        let raw = unsafe { (self.api.connect)(count, arguments.as_mut_ptr()) };
        let raw = NonNull::new(raw).ok_or(EngineError::Open)?;
        Ok(Connection {
            api: Arc::clone(&self.api),
            raw,
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.keeper.get_mut().map(Option::take));
        // SAFETY: takes nothing. With a connection still open it changes nothing and says so.
        if unsafe { (self.api.shutdown)() } != 0 {
            tracing::debug!("the engine kept some of its threads; they end with the process");
        }
    }
}

/// A session with the engine: one statement at a time, settings and current database of its own.
pub(crate) struct Connection {
    api: Arc<Api>,
    raw: NonNull<*mut c_void>,
}

// SAFETY: the engine allows a connection to be used from any thread, one at a time; `&mut self` on
// every method that touches it keeps it to one.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&mut self) -> *mut c_void {
        // SAFETY: `raw` came from `chdb_connect` and is valid until `chdb_close_conn` in `drop`.
        unsafe { *self.raw.as_ptr() }
    }

    fn begin(
        &mut self,
        begin: Begin,
        text: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> *mut c_void {
        let names = Strings::new(parameters.iter().map(|(name, _)| name));
        let values = Strings::new(parameters.iter().map(|(_, value)| value));
        // SAFETY: the connection is open; every pointer comes with its length and lives until the
        // call returns, by when the engine has copied what it needs.
        unsafe {
            begin(
                self.handle(),
                text.as_ptr(),
                text.len(),
                format.as_ptr(),
                format.len(),
                names.pointers.as_ptr(),
                names.lengths.as_ptr(),
                values.pointers.as_ptr(),
                values.lengths.as_ptr(),
                parameters.len(),
            )
        }
    }

    /// Runs a statement and waits for its whole answer, formatted as `format` unless the text says
    /// otherwise. `parameters` fill `{name:Type}` places.
    pub(crate) fn query(
        &mut self,
        text: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Answer, Exception> {
        let raw = self.begin(self.api.query, text, format, parameters);
        Answer::take(&self.api, raw)
    }

    /// Begins a SELECT whose answer is fetched piece by piece. Each piece is a document of its own
    /// in formats that have a head or a foot.
    pub(crate) fn stream(
        &mut self,
        text: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Stream<'_>, Exception> {
        let raw = self.begin(self.api.stream, text, format, parameters);
        let handle = Answer::take(&self.api, raw)?;
        Ok(Stream {
            connection: self,
            handle,
            ended: false,
        })
    }

    /// Begins an INSERT (its text without FORMAT and without data) that takes data as `format`.
    pub(crate) fn insert(
        &mut self,
        text: &[u8],
        format: &str,
        parameters: &[(String, String)],
    ) -> Result<Insert<'_>, Exception> {
        let raw = self.begin(self.api.insert, text, format, parameters);
        let insert = Insert {
            connection: self,
            raw,
        };
        match insert.error() {
            Some(exception) => Err(exception),
            None => Ok(insert),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: closed once, here; streams and inserts borrow the connection, so none is open.
        unsafe { (self.api.close)(self.raw.as_ptr()) };
    }
}

/// Strings as the engine takes them: pointers and lengths side by side.
struct Strings {
    pointers: Vec<*const c_char>,
    lengths: Vec<usize>,
}

impl Strings {
    fn new<'a>(texts: impl Iterator<Item = &'a String>) -> Self {
        let (pointers, lengths) = texts.map(|text| (text.as_ptr().cast(), text.len())).unzip();
        Self { pointers, lengths }
    }
}

/// A result of the engine: bytes in the format asked for, and counts.
pub(crate) struct Answer {
    api: Arc<Api>,
    raw: RawResult,
}

// SAFETY: a result owns its bytes and is read only after the engine has handed it over.
unsafe impl Send for Answer {}
// SAFETY: the accessors read; nothing writes to a result until it is freed in `drop`.
unsafe impl Sync for Answer {}

impl Answer {
    fn take(api: &Arc<Api>, raw: RawResult) -> Result<Self, Exception> {
        let answer = Self {
            api: Arc::clone(api),
            raw,
        };
        // SAFETY: the engine accepts a null result; the text lives as long as the result.
        match unsafe { text_at((api.result_error)(raw)) } {
            Some(text) => Err(Exception::from_engine(text)),
            None => Ok(answer),
        }
    }

    /// Rows that the statement produced; for an INSERT … SELECT, rows inserted.
    pub(crate) fn rows_read(&self) -> u64 {
        // SAFETY: `raw` is a live result, or null, which counts as zero.
        unsafe { (self.api.rows_read)(self.raw) }
    }

    /// Bytes of the rows produced, in the engine's own representation.
    pub(crate) fn bytes_read(&self) -> u64 {
        // SAFETY: as above.
        unsafe { (self.api.bytes_read)(self.raw) }
    }

    /// Rows written, those of materialised views included.
    pub(crate) fn rows_written(&self) -> u64 {
        // SAFETY: as above.
        unsafe { (self.api.rows_written)(self.raw) }
    }

    /// Bytes written, those of materialised views included.
    pub(crate) fn bytes_written(&self) -> u64 {
        // SAFETY: as above.
        unsafe { (self.api.bytes_written)(self.raw) }
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `raw` is a live result, or null, which has no buffer.
        let (buffer, length) = unsafe {
            (
                (self.api.result_buffer)(self.raw),
                (self.api.result_length)(self.raw),
            )
        };
        if buffer.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the engine's buffer holds `length` bytes, is not changed again, and lives as long
        // as the result, which `self` owns.
        unsafe { std::slice::from_raw_parts(buffer, length) }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: freed once, here; the engine accepts null.
        unsafe { (self.api.free_result)(self.raw) };
    }
}

/// A SELECT under way. Dropping it before its end cancels it.
pub(crate) struct Stream<'c> {
    connection: &'c mut Connection,
    handle: Answer,
    ended: bool,
}

impl Stream<'_> {
    /// The next piece, or `None` at the end.
    pub(crate) fn fetch(&mut self) -> Result<Option<Answer>, Exception> {
        if self.ended {
            return Ok(None);
        }
        // SAFETY: the connection is open and the handle is of the stream that runs on it.
        let raw = unsafe { (self.connection.api.fetch)(self.connection.handle(), self.handle.raw) };
        let piece = Answer::take(&self.connection.api, raw).inspect_err(|_| self.ended = true)?;
        if piece.as_ref().is_empty() {
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(piece))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: as in `fetch`; the handle itself is freed when the field is dropped.
            unsafe { (self.connection.api.cancel)(self.connection.handle(), self.handle.raw) };
        }
    }
}

/// An INSERT under way. Dropped before `finish`, it is cancelled.
pub(crate) struct Insert<'c> {
    connection: &'c mut Connection,
    raw: RawInsert,
}

impl Insert<'_> {
    /// Hands data over; the engine copies it, and makes the caller wait when it falls behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: `raw` is a live insert; `data` comes with its length and is copied.
        if unsafe { (self.connection.api.append)(self.raw, data.as_ptr().cast(), data.len()) } == 0
        {
            return Ok(());
        }
        Err(self
            .error()
            .unwrap_or_else(|| Exception::from_engine("the insert stopped".to_owned())))
    }

    /// Ends the data, and waits until it is stored.
    pub(crate) fn finish(self) -> Result<Answer, Exception> {
        // SAFETY: `raw` is a live insert; it is freed in `drop`.
        let raw = unsafe { (self.connection.api.finish)(self.raw) };
        Answer::take(&self.connection.api, raw)
    }

    fn error(&self) -> Option<Exception> {
        // SAFETY: `raw` is a live insert; the text is copied before anything else is called on it.
        unsafe { text_at((self.connection.api.insert_error)(self.raw)) }.map(Exception::from_engine)
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: freed once, here, while the connection is open; the engine cancels it first if it
        // was not finished.
        unsafe { (self.connection.api.free_insert)(self.raw) };
    }
}

/// Copies a C string. `None` for null and for an empty text.
///
/// # Safety
/// `text` is null, or points to bytes ending in zero which do not change during the call.
unsafe fn text_at(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract above.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}
