//! How programs end, and that nothing is left of them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{AUDIT, call, command, programs, returned, within};
use crate::{
    gateway::{Gateway, client},
    message::tool_call,
    peer::{python, scripts},
    traffic::Session,
};

/// How long anything may take to be gone on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The state of a process (proc(5)): its letter and its parent; `None` where there is none.
fn state(pid: u64) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

async fn gone(pids: &[u64]) {
    let deadline = Instant::now() + PATIENCE;
    while let Some(left) = pids.iter().find(|pid| state(**pid).is_some()) {
        assert!(
            Instant::now() < deadline,
            "{left} is still there: {:?}",
            state(*left)
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Itself, its child, and one that has left: all of them are there.
async fn family(gateway: &Gateway) -> Vec<u64> {
    let answer = call(gateway, "family", json!({})).await;
    let pids: Vec<u64> = returned(&answer)
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|pid| pid.as_u64().unwrap())
        .collect();
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| state(*pid).is_some()), "{pids:?}");
    pids
}

/// The children of a process that have ended and were not waited for.
fn zombies(parent: u64) -> Vec<u64> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| state(*pid) == Some(('Z', parent)))
        .collect()
}

#[tokio::test]
async fn everything_ends_with_a_gateway_that_is_killed() {
    let mut gateway = programs("");
    let mut pids = family(&gateway).await;
    // The supervisor is the program's parent.
    let (_, supervisor) = state(pids[0]).unwrap();
    gateway.process().kill();
    gone(&pids).await;
    // Whoever adopts it reaps it in its own time.
    pids = vec![supervisor];
    let deadline = Instant::now() + PATIENCE;
    while pids
        .iter()
        .any(|pid| state(*pid).is_some_and(|(state, _)| state != 'Z'))
    {
        assert!(Instant::now() < deadline, "the supervisor is still there");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn everything_ends_with_a_gateway_that_is_told_to_end() {
    let mut gateway = programs(", per: gateway");
    let pids = family(&gateway).await;
    assert!(gateway.process().terminate().success());
    gone(&pids).await;
}

/// The program itself does, whatever happens to what watches it.
#[tokio::test]
async fn a_program_ends_with_its_supervisor() {
    let gateway = programs("");
    let pid = returned(&call(&gateway, "pid", json!({})).await)
        .as_u64()
        .unwrap();
    let (_, supervisor) = state(pid).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", &supervisor.to_string()])
        .status();
    assert!(killed.unwrap().success());
    gone(&[pid, supervisor]).await;
}

#[tokio::test]
async fn everything_ends_with_its_session() {
    let mut gateway = programs("");
    let session = Session::open_with(&gateway.url("server"), json!({})).await;
    let (_, answer) = within(&session, "family", json!({})).await;
    let pids: Vec<u64> = serde_json::from_value(returned(&answer).clone()).unwrap();
    let (_, supervisor) = state(pids[0]).unwrap();
    let ended = session
        .within(client().delete(gateway.url("server")))
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 200);
    let mut all = pids.clone();
    all.push(supervisor);
    gone(&all).await;
    let (status, _) = within(&session, "pid", json!({})).await;
    assert_eq!(status, 404);
    let gateway = u64::from(gateway.process().id());
    assert_eq!(zombies(gateway), Vec::<u64>::new());
}

#[tokio::test]
async fn a_program_without_work_ends() {
    let gateway = programs(", idle: 1s");
    let pids = family(&gateway).await;
    gone(&pids).await;
    // The next call has another one.
    let pid = returned(&call(&gateway, "pid", json!({})).await).as_u64();
    assert_ne!(pid, Some(pids[0]));
    assert!(pid.is_some());
}

#[tokio::test]
async fn an_old_program_ends_when_it_has_no_work() {
    let gateway = programs(", lifetime: 1s");
    let first = returned(&call(&gateway, "pid", json!({})).await)
        .as_u64()
        .unwrap();
    // It is let finish what it has begun, though it is old by then.
    let answer = call(&gateway, "wait", json!({"seconds": 2})).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    gone(&[first]).await;
}

#[tokio::test]
async fn programs_outlive_a_reload_that_leaves_them_as_they_are() {
    let gateway = programs("");
    let first = family(&gateway).await;
    let path = gateway.folder.path().join("gantry.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let reload = || {
        client()
            .post(format!("http://{}/reload", gateway.admin))
            .send()
    };
    std::fs::write(
        &path,
        format!("{text}limits: [{{per: [agent], calls: 1000/min}}]\n"),
    )
    .unwrap();
    assert_eq!(reload().await.unwrap().status(), 200);
    let pid = returned(&call(&gateway, "pid", json!({})).await).as_u64();
    assert_eq!(pid, Some(first[0]));
    // Another environment is another program, and the old one ends with its configuration.
    std::fs::write(
        &path,
        text.replace("command: {", "command: {env: {NEW: '1'}, "),
    )
    .unwrap();
    assert_eq!(reload().await.unwrap().status(), 200);
    gone(&first).await;
    let environment = call(&gateway, "environment", json!({})).await;
    assert_eq!(
        environment["result"]["structuredContent"]["NEW"], "1",
        "{environment}"
    );
}

#[tokio::test]
async fn a_program_that_ends_by_itself() {
    let gateway = programs("");
    let session = Session::open_with(&gateway.url("server"), json!({})).await;
    let (status, answer) = within(&session, "die", json!({})).await;
    // It is the caller's own affair: others must not find the server broken for it.
    assert_eq!(
        (status, &answer["error"]["code"]),
        (200, &json!(-32603)),
        "{answer}"
    );
    // Its session is over, and its client can begin another one.
    let (status, _) = within(&session, "pid", json!({})).await;
    assert_eq!(status, 404);
    let session = Session::open_with(&gateway.url("server"), json!({})).await;
    assert_eq!(within(&session, "pid", json!({})).await.0, 200);
}

#[tokio::test]
async fn a_shared_program_is_started_again_after_a_while() {
    let gateway = programs(", per: gateway");
    let status = |tool: &'static str| {
        let url = gateway.url("server");
        async move {
            tool_call(&url, &json!(1), tool, json!({}))
                .send()
                .await
                .unwrap()
        }
    };
    assert_eq!(status("die").await.status(), 502);
    let deadline = Instant::now() + PATIENCE;
    let mut waited = 0;
    loop {
        let answer = status("pid").await;
        if answer.status() == 200 {
            break;
        }
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(Instant::now() < deadline, "it does not come back");
        waited += 1;
        sleep(Duration::from_millis(20)).await;
    }
    assert!(waited > 0, "it was started again at once");
}

#[tokio::test]
async fn there_are_no_more_programs_than_there_may_be() {
    let gateway = programs(", processes_max: 1");
    let session = Session::open_with(&gateway.url("server"), json!({})).await;
    let refused = tool_call(&gateway.url("server"), &json!(1), "pid", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(within(&session, "pid", json!({})).await.0, 200);
}

#[tokio::test]
async fn a_program_has_what_is_listed_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let keys = format!(
        ", env: {{LISTED: 'hunter2', EMPTY: ''}}, cwd: '{}', memory_max: 768MiB",
        root.display()
    );
    let gateway = programs(&keys);
    let environment = call(&gateway, "environment", json!({})).await;
    let environment = environment["result"]["structuredContent"]
        .as_object()
        .unwrap()
        .clone();
    let mut names: Vec<&str> = environment.keys().map(String::as_str).collect();
    // What the interpreter itself adds for its locale.
    names.retain(|name| *name != "LC_CTYPE");
    assert_eq!(names, ["EMPTY", "LISTED", "PATH"]);
    assert_eq!(environment["LISTED"], "hunter2");
    let place = call(&gateway, "folder", json!({})).await;
    assert_eq!(*returned(&place), json!(root.display().to_string()));
    let small = call(&gateway, "hog", json!({"mebibytes": 16})).await;
    assert_eq!(small["result"]["isError"], false, "{small}");
    let large = call(&gateway, "hog", json!({"mebibytes": 2048})).await;
    assert_eq!(large["result"]["isError"], true, "{large}");
    assert!(!gateway.log().contains("hunter2"));
    let shown = gateway.admin("/config").await.1;
    assert!(
        shown.contains("LISTED") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_a_program_says_beside_its_messages() {
    let gateway = programs("");
    call(
        &gateway,
        "complain",
        json!({"text": "\u{1b}[31mred\u{202e} \"quoted\""}),
    )
    .await;
    gateway.logs("red").await;
    let log = gateway.log();
    assert!(
        !log.contains('\u{1b}') && !log.contains('\u{202e}'),
        "{log}"
    );
    let before = gateway.log().matches("a local server says").count();
    call(
        &gateway,
        "complain",
        json!({"text": "again", "times": 1000}),
    )
    .await;
    assert!(gateway.log().matches("a local server says").count() - before <= 200);
}

/// Programs greet, and warn, where only messages belong.
#[tokio::test]
async fn what_is_no_message_is_left_out() {
    let script = format!(
        "echo Welcome; echo '{{}}'; echo '[]'; printf '\\377\\n'; exec \"{}\" -B \"{}\"",
        python().display(),
        scripts().join("programs.py").display()
    );
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{command: [sh, -c, '{}']}}}}\n{AUDIT}",
        script.replace('\'', "''")
    ));
    let answer = call(&gateway, "echo", json!({"text": "x"})).await;
    assert_eq!(*returned(&answer), json!("x"), "{answer}");
    gateway.logs("wrote what is no message").await;
    assert!(!gateway.log().contains("Welcome"));
}

#[tokio::test]
async fn a_program_that_there_is_not() {
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{command: [/nowhere/program]}}, other: {{{}}}}}\n{AUDIT}",
        command("")
    ));
    let answer = tool_call(&gateway.url("server"), &json!(1), "pid", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
    let body: Value = answer.json().await.unwrap();
    assert!(!body.to_string().contains("nowhere"), "{body}");
    gateway.logs("cannot run").await;
    let other = tool_call(&gateway.url("other"), &json!(1), "pid", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 200);
}
