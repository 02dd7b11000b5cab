//! Keeps the cores awake while latency is measured.
//!
//! Waking an idle core takes a virtual machine up to milliseconds, which would drown what a proxy adds. The spinners run
//! under the kernel's idle policy, so that they give way to everything else of this session at once.

use std::process::{Child, Command, Stdio};

use super::machine;
use crate::command;

/// One spinner per core, ended when dropped. There are none where a tool for it is missing.
pub(crate) struct Spinners(Vec<Child>);

impl Spinners {
    pub(crate) fn start() -> Self {
        if ["setpriv", "taskset", "chrt"]
            .iter()
            .any(|tool| command::find(tool).is_none())
        {
            return Self(Vec::new());
        }
        Self((0..machine::cores()).filter_map(spin).collect())
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for spinner in &mut self.0 {
            // It may have ended already.
            let _ = spinner.kill();
            let _ = spinner.wait();
        }
    }
}

/// A loop that keeps one core busy, and that the kernel kills when this program dies.
fn spin(core: usize) -> Option<Child> {
    let mut command = Command::new("setpriv");
    command.args([
        "--pdeathsig",
        "KILL",
        "--",
        "taskset",
        "--cpu-list",
        &core.to_string(),
    ]);
    command.args(["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
