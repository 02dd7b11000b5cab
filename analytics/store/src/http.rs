//! The HTTP side: who may come in, how many at once, and how long each may take.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{any, get};
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::exception::Exception;
use crate::intake::Intake;
use crate::password::Password;
use crate::request::Request;
use crate::respond::{self, Identity};
use crate::{outlet, run};

/// Requests past the password at once, at most; the next is refused at once.
const REQUESTS_MAX: usize = 64;
/// Statements running at once, at most; the next waits among the requests.
const STATEMENTS_MAX: usize = 8;

/// The store behind its HTTP interface.
pub(crate) struct Store {
    pub(crate) engine: Arc<Engine>,
    pub(crate) password: Password,
    pub(crate) identity: Identity,
    requests: Semaphore,
    intake: Intake,
    statements: Arc<Semaphore>,
}

impl Store {
    pub(crate) fn new(engine: Engine, password: Password, identity: Identity) -> Self {
        Self {
            engine: Arc::new(engine),
            password,
            identity,
            requests: Semaphore::new(REQUESTS_MAX),
            intake: Intake::new(),
            statements: Arc::new(Semaphore::new(STATEMENTS_MAX)),
        }
    }
}

/// The routes: `/` takes statements, `/ping` says that the store is up.
pub(crate) fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", any(root))
        .route("/ping", get(async || respond::alive()))
        .with_state(store)
}

async fn root(State(store): State<Arc<Store>>, request: HttpRequest) -> Response {
    let reads = *request.method() == Method::GET || *request.method() == Method::HEAD;
    if reads && request.uri().query().is_none() {
        return respond::alive();
    }
    let (parts, body) = request.into_parts();
    let request = match Request::read(&parts) {
        Ok(request) => request,
        Err(exception) => return respond::fail(&store.identity, "", &exception),
    };
    let query_id = request.query_id.clone();
    match answer(&store, request, &parts, body).await {
        Ok(response) => response,
        Err(exception) => respond::fail(&store.identity, &query_id, &exception),
    }
}

async fn answer(
    store: &Arc<Store>,
    request: Request,
    parts: &Parts,
    body: Body,
) -> Result<Response, Exception> {
    store.password.check(request.credentials.as_ref())?;
    if ![Method::GET, Method::HEAD, Method::POST].contains(&parts.method) {
        return Err(Exception::bad_arguments("statements come by GET or POST")
            .with_status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let _admitted = store
        .requests
        .try_acquire()
        .map_err(|_| Exception::busy())?;
    let upload = store.intake.take(&parts.headers, body).await?;
    let running = Arc::clone(&store.statements)
        .acquire_owned()
        .await
        .map_err(|_| Exception::busy())?;

    let (query_id, compress) = (request.query_id.clone(), request.compress);
    let (outlet, inlet) = outlet::channel();
    let engine = Arc::clone(&store.engine);
    // Not awaited: if the client goes away, the thread notices by its outlet and ends by itself.
    drop(tokio::task::spawn_blocking(move || {
        run::run(&engine, request, upload.bytes.clone(), outlet);
        drop((upload, running));
    }));
    let opening = inlet.opening.await.map_err(|_| {
        Exception::from_engine("the statement ended without an answer".to_owned())
    })??;
    Ok(respond::succeed(
        &store.identity,
        &query_id,
        opening,
        inlet.pieces,
        compress,
    ))
}
