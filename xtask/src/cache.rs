//! The folder outside the checkout that holds everything installed: the engine, the Node and Python peers.
//!
//! A step's folder is either absent or whole: it is built aside, stamped with its pinned inputs and renamed into place,
//! under a lock file, so that two set-ups at once do the work once. Nothing here writes into the checkout.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// The file in a step's folder that repeats the inputs it was installed from.
const STAMP: &str = ".stamp";

/// `$GANTRY_CACHE`, else `$XDG_CACHE_HOME/gantry`, else `~/.cache/gantry`.
pub(crate) struct Cache {
    root: PathBuf,
}

/// A step's lock, held until dropped. The kernel releases it even if the process is killed.
pub(crate) struct Hold(#[allow(dead_code, reason = "held for its lock")] File);

impl Cache {
    pub(crate) fn open() -> Result<Cache> {
        let root = root_folder().context("no cache folder: set GANTRY_CACHE or HOME")?;
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        Ok(Cache { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The embedded engine's library.
    pub(crate) fn engine(&self) -> PathBuf {
        self.root.join("engine/libchdb.so")
    }

    /// The pinned Node binary: the system's may be older than the peers need.
    pub(crate) fn node(&self) -> PathBuf {
        let arch = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x64"
        };
        self.root
            .join(format!("npm/node/node_modules/node-linux-{arch}/bin/node"))
    }

    /// The interpreter of the virtual environment with the Python peers.
    pub(crate) fn python(&self) -> PathBuf {
        self.root.join("venv/bin/python")
    }

    /// ONNX Runtime's library.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.join("onnxruntime/libonnxruntime.so")
    }

    /// The page that draws the dashboards, and what takes pictures of it.
    pub(crate) fn preview(&self) -> PathBuf {
        self.root.join("preview")
    }

    /// The packages with the published descriptions of APIs.
    pub(crate) fn descriptions(&self) -> PathBuf {
        self.root.join("npm/openapi/node_modules")
    }

    /// Prometheus itself.
    pub(crate) fn prometheus(&self) -> PathBuf {
        self.root.join("prometheus/usr/bin/prometheus")
    }

    /// Prometheus' checker of metrics and rules.
    pub(crate) fn promtool(&self) -> PathBuf {
        self.root.join("prometheus/usr/bin/promtool")
    }

    /// Runs `build` on an empty folder and puts it at `name`, unless it is there already with the same `inputs`.
    pub(crate) fn install(
        &self,
        name: &str,
        inputs: &str,
        build: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let place = self.root.join(name);
        if is_stamped(&place, inputs) {
            return Ok(());
        }
        let _hold = self.hold(name)?;
        if is_stamped(&place, inputs) {
            return Ok(());
        }
        println!("setup: installing {name} into {}", place.display());
        let aside = self.root.join("tmp").join(flat(name));
        clear(&aside)?;
        let fresh = aside.join("new");
        fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
        build(&fresh).with_context(|| format!("cannot install {name}"))?;
        stamp(&fresh, inputs)?;
        replace(&place, &fresh, &aside.join("old"))?;
        clear(&aside)
    }

    /// Waits for, and takes, the lock of the step `name`.
    pub(crate) fn hold(&self, name: &str) -> Result<Hold> {
        let folder = self.root.join("locks");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(flat(name));
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                println!("setup: waiting for another set-up to finish {name}");
                file.lock()
                    .with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(anyhow!(error).context(format!("cannot lock {}", path.display())));
            }
        }
        Ok(Hold(file))
    }
}

/// Whether `place` was installed from exactly these inputs.
pub(crate) fn is_stamped(place: &Path, inputs: &str) -> bool {
    fs::read_to_string(place.join(STAMP)).is_ok_and(|text| text == inputs)
}

/// Marks `place` as installed from these inputs: the last thing that a step does.
pub(crate) fn stamp(place: &Path, inputs: &str) -> Result<()> {
    fs::write(place.join(STAMP), inputs)
        .with_context(|| format!("cannot stamp {}", place.display()))
}

fn replace(place: &Path, fresh: &Path, old: &Path) -> Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    if place.exists() {
        fs::rename(place, old).with_context(|| format!("cannot move {} away", place.display()))?;
    }
    fs::rename(fresh, place)
        .with_context(|| format!("cannot move {} to {}", fresh.display(), place.display()))
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(anyhow!(error).context(format!("cannot remove {}", folder.display())))
        }
        _ => Ok(()),
    }
}

fn root_folder() -> Option<PathBuf> {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("GANTRY_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|path| path.join("gantry")))
        .or_else(|| from("HOME").map(|path| path.join(".cache/gantry")))
}

fn flat(name: &str) -> String {
    name.replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(name: &str) -> Cache {
        let root = std::env::temp_dir().join(format!("gantry-cache-{name}-{}", std::process::id()));
        clear(&root).unwrap();
        fs::create_dir_all(&root).unwrap();
        Cache { root }
    }

    #[test]
    fn a_step_runs_once_for_the_same_inputs_and_again_for_others() {
        let cache = cache("once");
        let mut runs = 0;
        for inputs in ["a", "a", "b"] {
            cache
                .install("npm/set", inputs, |folder| {
                    runs += 1;
                    fs::write(folder.join("file"), inputs).map_err(Into::into)
                })
                .unwrap();
        }
        assert_eq!(runs, 2);
        assert_eq!(
            fs::read_to_string(cache.root().join("npm/set/file")).unwrap(),
            "b"
        );
        clear(cache.root()).unwrap();
    }

    #[test]
    fn a_failed_step_leaves_what_was_there() {
        let cache = cache("failed");
        cache
            .install("step", "a", |folder| {
                fs::write(folder.join("file"), "kept").map_err(Into::into)
            })
            .unwrap();
        cache
            .install("step", "b", |_| Err(anyhow!("the registry is down")))
            .unwrap_err();
        assert_eq!(
            fs::read_to_string(cache.root().join("step/file")).unwrap(),
            "kept"
        );
        assert!(is_stamped(&cache.root().join("step"), "a"));
        clear(cache.root()).unwrap();
    }

    #[test]
    fn two_at_once_do_the_work_once() {
        let cache = cache("twice");
        let runs = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache
                        .install("step", "a", |_| {
                            runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(runs.into_inner(), 1);
        clear(cache.root()).unwrap();
    }
}
