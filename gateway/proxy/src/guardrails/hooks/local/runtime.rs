//! ONNX Runtime itself: a library that the operator brings, loaded when the first model is.

use std::{
    env::{
        self,
        consts::{DLL_PREFIX, DLL_SUFFIX},
    },
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use ort::environment::Environment;

use super::ModelError;

/// Names the library; without it the system looks for it.
const LIBRARY: &str = "ORT_DYLIB_PATH";

/// A process has one. It stays once it is there; what could not be loaded is tried again.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// # Errors
/// [`ModelError::Runtime`], where there is no library, or one that is too old.
pub(super) fn environment() -> Result<Environment, ModelError> {
    let mut kept = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*kept {
        return Ok(environment.clone());
    }
    let named = env::var_os(LIBRARY).filter(|path| !path.is_empty());
    let library = named.map_or_else(
        || PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")),
        PathBuf::from,
    );
    let loaded = ort::init_from(library).map_err(|error| ModelError::Runtime(error.to_string()))?;
    let environment = loaded
        .with_name("gantry")
        .with_telemetry(false)
        // What it says may quote what it reads.
        .with_logger(Arc::new(|_, _, _, _, _| {}))
        .build()
        .map_err(|error| ModelError::Runtime(error.to_string()))?;
    *kept = Some(environment.clone());
    Ok(environment)
}
