//! `gantry supervise` and `gantry confine`: what stands between the gateway and a program that it runs. Nobody types
//! them.
//!
//! The gateway starts a supervisor, and the supervisor the program. Once the supervisor's input ends, which it does when
//! the gateway wants that and also when the gateway has been killed, the program gets the end of its own input, is
//! asked to end a moment later, and then ended, with all that it has started: whatever loses its parent becomes the
//! supervisor's child. The program itself ends with its supervisor.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getppid, kill_process, kill_process_group,
    set_child_subreaper, set_parent_process_death_signal, setrlimit, wait,
};

/// This program itself, also when its file has been replaced.
const SELF: &str = "/proc/self/exe";

/// How long a program may take to end after its input has, and then after it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it may take until all is gone that a program has started.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The exit code of a program that cannot be run.
const UNRUNNABLE: u8 = 127;

/// What a supervisor is told.
#[derive(Debug, clap::Args)]
pub struct Supervised {
    /// The bytes of memory that each process may have.
    #[arg(long)]
    memory: Option<u64>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    run: Vec<OsString>,
}

/// What is done to a process right before it becomes the program.
#[derive(Debug, clap::Args)]
pub struct Confined {
    /// The supervisor.
    #[arg(long)]
    parent: i32,
    /// The bytes of memory that each process may have.
    #[arg(long)]
    memory: Option<u64>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    run: Vec<OsString>,
}

enum Event {
    /// The gateway has nothing more to say.
    Closed,
    /// The program has ended.
    Ended,
}

/// Runs a program until it ends, or the input does.
pub fn supervise(arguments: &Supervised) -> ExitCode {
    match start(arguments) {
        Ok(child) => {
            watch(child);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot supervise a program: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes a program, within its bounds.
pub fn confine(arguments: &Confined) -> ExitCode {
    let confined = || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid().map(Pid::as_raw_pid) != Some(arguments.parent) {
            return Err(io::Error::other("the supervisor is gone"));
        }
        if let Some(bytes) = arguments.memory {
            let limit = Rlimit {
                current: Some(bytes),
                maximum: Some(bytes),
            };
            setrlimit(Resource::Data, limit)?;
        }
        Ok(())
    };
    let fault = match (confined(), arguments.run.split_first()) {
        (Ok(()), Some((program, rest))) => Command::new(program).args(rest).exec(),
        (Err(error), _) => error,
        (Ok(()), None) => io::Error::other("there is none"),
    };
    let program = arguments.run.first();
    eprintln!("cannot run {program:?}: {fault}");
    ExitCode::from(UNRUNNABLE)
}

fn start(arguments: &Supervised) -> io::Result<Child> {
    set_child_subreaper(Some(getpid()))?;
    let mut command = Command::new(SELF);
    command.args(["confine", "--parent", &getpid().as_raw_pid().to_string()]);
    if let Some(bytes) = arguments.memory {
        command.args(["--memory", &bytes.to_string()]);
    }
    command
        .arg("--")
        .args(&arguments.run)
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn watch(mut child: Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let (tell, events) = mpsc::channel();
    if let Some(input) = child.stdin.take() {
        let tell = tell.clone();
        thread::spawn(move || {
            pass(input);
            tell.send(Event::Closed)
        });
    }
    thread::spawn(move || {
        // Where another thread was faster, it has ended as well.
        let _ = child.wait();
        tell.send(Event::Ended)
    });
    if let Ok(Event::Closed) = events.recv() {
        for signal in [None, Some(Signal::TERM)] {
            if let (Some(group), Some(signal)) = (group, signal) {
                let _ = kill_process_group(group, signal);
            }
            match events.recv_timeout(PATIENCE) {
                Ok(_) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    end_all();
}

/// Passes on what the gateway says until it says no more, or the program does not listen.
fn pass(mut input: ChildStdin) {
    let mut from = io::stdin().lock();
    if io::copy(&mut from, &mut input).is_err() {
        drop(input);
        // Whether the gateway is there is seen here only.
        let _ = io::copy(&mut from, &mut io::sink());
    }
}

/// Ends every child, and those that thereby become children.
fn end_all() {
    let patience = Instant::now() + END_TIMEOUT;
    while Instant::now() < patience {
        let children = children();
        for child in &children {
            let _ = kill_process(*child, Signal::KILL);
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if children.is_empty() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The children of all threads of this process (proc(5)).
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let ids = lists.flat_map(|list| {
        let ids = list
            .split_whitespace()
            .filter_map(|id| Pid::from_raw(id.parse().ok()?));
        ids.collect::<Vec<_>>()
    });
    ids.collect()
}
