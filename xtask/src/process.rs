//! Programs that stay up while a task runs, and never longer: not after a failure, Ctrl-C or a kill of the task itself.
//!
//! Each is the leader of its own process group, so that Ctrl-C reaches this program only, which ends the others in the
//! reverse order of their start; and the kernel kills each when this program dies without having done so.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::command;

/// How long a program may take until it listens.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// How long a program may take to end when asked to, before it is killed: the gateway lets calls under way finish.
const STOP_DEADLINE: Duration = Duration::from_secs(15);
const STOP_CHECK: Duration = Duration::from_millis(20);
/// What a program prints before its URL once it can be reached.
const READY: &str = "listening on ";

/// The running programs.
pub(crate) struct Cast {
    parts: Arc<Mutex<Vec<Part>>>,
    logs: PathBuf,
    ended: (Sender<String>, Receiver<String>),
}

struct Part {
    name: String,
    child: Child,
}

impl Cast {
    /// No program yet. Each will log into a file of the folder `logs`.
    /// From here on Ctrl-C, SIGTERM and SIGHUP end the programs and then this one.
    pub(crate) fn gather(logs: &Path) -> Result<Cast> {
        let parts = Arc::new(Mutex::new(Vec::new()));
        end_on_signal(Arc::clone(&parts))?;
        Ok(Cast {
            parts,
            logs: logs.to_path_buf(),
            ended: channel(),
        })
    }

    /// Starts a program that prints `listening on URL`, and returns the URL.
    pub(crate) fn start(&self, name: &str, command: &Command) -> Result<String> {
        let heard = self.spawn(name, command)?;
        match heard.recv_timeout(READY_DEADLINE) {
            Ok(url) => Ok(url),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("{name} ended at once:\n{}", self.last_words(name))
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{name} did not listen within {READY_DEADLINE:?}:\n{}",
                    self.last_words(name)
                )
            }
        }
    }

    /// Starts a program that says nothing; `is_ready` is asked until it is so.
    pub(crate) fn start_until(
        &self,
        name: &str,
        command: &Command,
        is_ready: impl Fn() -> bool,
    ) -> Result<()> {
        let heard = self.spawn(name, command)?;
        let deadline = Instant::now() + READY_DEADLINE;
        while !is_ready() {
            if let Err(RecvTimeoutError::Disconnected) =
                heard.recv_timeout(Duration::from_millis(50))
            {
                bail!("{name} ended at once:\n{}", self.last_words(name));
            }
            if Instant::now() > deadline {
                bail!(
                    "{name} was not ready within {READY_DEADLINE:?}:\n{}",
                    self.last_words(name)
                );
            }
        }
        Ok(())
    }

    /// The process id of a program that was started.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let parts = lock(&self.parts);
        parts
            .iter()
            .find(|part| part.name == name)
            .map(|part| part.child.id())
    }

    /// Waits until one of the programs ends by itself, which none should.
    pub(crate) fn wait(&self) -> Result<()> {
        let name = self.ended.1.recv().context("no program was started")?;
        // Waits for ever where a signal has ended it.
        drop(lock(&self.parts));
        bail!("{name} ended:\n{}", self.last_words(&name))
    }

    fn spawn(&self, name: &str, command: &Command) -> Result<Receiver<String>> {
        let path = self.log(name);
        let log =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let copy = log
            .try_clone()
            .with_context(|| format!("cannot open {} twice", path.display()))?;
        let mut command = tied(command);
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(copy);
        // Held from before the start, so that a signal finds every program that runs.
        let mut parts = lock(&self.parts);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name} as {command:?}"))?;
        let output = child.stdout.take();
        parts.push(Part {
            name: name.to_owned(),
            child,
        });
        drop(parts);
        let (said, heard) = channel();
        let (name, ended) = (name.to_owned(), self.ended.0.clone());
        if let Some(output) = output {
            thread::spawn(move || {
                follow(output, log, said);
                // The task may be over already.
                let _ = ended.send(name);
            });
        }
        Ok(heard)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn last_words(&self, name: &str) -> String {
        let path = self.log(name);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        format!("{}\n(from {})", command::tail(&text), path.display())
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        stop(&mut lock(&self.parts));
    }
}

/// Copies what a program prints into its log, and passes the URL on that it says it listens on.
/// Hangs up when the program closes its output, which is when it ends.
fn follow(output: ChildStdout, mut log: File, said: Sender<String>) {
    for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
        // A log that cannot be written is no reason to stop the program, nor is nobody asking for its URL.
        let _ = writeln!(log, "{line}");
        if let Some(url) = line.strip_prefix(READY) {
            let _ = said.send(url.to_owned());
        }
    }
}

/// The command, such that the kernel kills it when this program dies; util-linux's `setpriv` asks for that.
fn tied(command: &Command) -> Command {
    let mut tied = match command::find("setpriv") {
        Some(setpriv) => {
            let mut tied = Command::new(setpriv);
            tied.args(["--pdeathsig", "KILL", "--"])
                .arg(command.get_program());
            tied
        }
        None => Command::new(command.get_program()),
    };
    tied.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}

fn end_on_signal(parts: Arc<Mutex<Vec<Part>>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    let entered = runtime.enter();
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("cannot wait for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    drop(entered);
    thread::spawn(move || {
        let code = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
                _ = hang_up.recv() => 129,
            }
        });
        println!("\nstopping");
        // Kept locked to the end, so that nothing is started or reported any more.
        let mut parts = lock(&parts);
        stop(&mut parts);
        std::process::exit(code);
    });
    Ok(())
}

/// Ends the programs, the last one started first: it may still be writing to those before it.
fn stop(parts: &mut Vec<Part>) {
    while let Some(mut part) = parts.pop() {
        if end(&mut part).is_none() {
            eprintln!("{} did not end when asked to, and was killed", part.name);
        }
    }
}

/// Whether it ended when asked to.
fn end(part: &mut Part) -> Option<()> {
    let group = i32::try_from(part.child.id())
        .ok()
        .and_then(Pid::from_raw)?;
    if matches!(part.child.try_wait(), Ok(Some(_))) {
        return Some(());
    }
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + STOP_DEADLINE;
    while Instant::now() < deadline {
        if matches!(part.child.try_wait(), Ok(Some(_))) {
            return Some(());
        }
        thread::sleep(STOP_CHECK);
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = part.child.wait();
    None
}

fn lock(parts: &Mutex<Vec<Part>>) -> MutexGuard<'_, Vec<Part>> {
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("gantry-cast-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn until(condition: impl Fn() -> bool, said: &str) {
        let deadline = Instant::now() + STOP_DEADLINE;
        while !condition() {
            assert!(Instant::now() < deadline, "{said}");
            thread::sleep(STOP_CHECK);
        }
    }

    fn is_alive(pid: &str) -> bool {
        // A zombie has a folder and no command line.
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn a_program_says_where_it_listens_and_ends_with_its_children_when_dropped() {
        let logs = logs("dropped");
        let cast = Cast::gather(&logs).unwrap();
        let said = cast
            .start(
                "shell",
                &shell("sleep 600 & echo \"listening on $! $$\"; wait"),
            )
            .unwrap();
        let pids: Vec<&str> = said.split(' ').collect();
        // For a moment between fork and exec a program has no command line either.
        until(|| pids.iter().all(|pid| is_alive(pid)), &said);
        drop(cast);
        // A grandchild is signalled with the others but not waited for.
        until(|| !pids.iter().any(|pid| is_alive(pid)), &said);
        assert_eq!(
            std::fs::read_to_string(logs.join("shell.log")).unwrap(),
            format!("listening on {said}\n")
        );
        std::fs::remove_dir_all(logs).unwrap();
    }

    #[test]
    fn a_program_that_ends_at_once_is_quoted() {
        let logs = logs("ended");
        let cast = Cast::gather(&logs).unwrap();
        let error = cast
            .start("shell", &shell("echo the port is taken >&2; exit 1"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("shell ended at once") && error.contains("the port is taken"),
            "{error}"
        );
        let error = cast
            .start_until("other", &shell("exit 1"), || false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("other ended at once"), "{error}");
        std::fs::remove_dir_all(logs).unwrap();
    }
}
