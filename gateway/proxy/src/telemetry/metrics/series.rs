//! The series of one server, kept at hand so that a call costs a few lookups and no allocation.
//!
//! Reading takes no lock: a table of handles is replaced as a whole when a new combination of
//! labels occurs, which the bounds below make rare and finally impossible.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arc_swap::ArcSwap;
use gantry_analytics::record::{Kind, Outcome};
use prometheus::{Histogram, IntCounter, IntGauge};

use super::{
    Families, Operation,
    labels::{self, OTHER, UNKNOWN},
};
use crate::telemetry::family::Family;

/// Tools of one server that have series of their own.
const TOOLS_MAX: usize = 200;
/// A longer tool name has no series of its own. (MCP recommends at most 128 characters.)
const TOOL_BYTES_MAX: usize = 128;
/// Endpoints of one server that have series of their own. More occur where names resolve to
/// addresses that keep changing.
const ENDPOINTS_MAX: usize = 64;

type Method = &'static str;
type ErrorType = &'static str;

/// Handles by label values. What comes first is from a closed set; names are looked up last.
#[derive(Clone, Default)]
struct Table {
    tools: HashSet<Arc<str>>,
    endpoints: HashSet<Arc<str>>,
    requests: HashMap<(Method, Outcome), HashMap<Arc<str>, IntCounter>>,
    server_duration: HashMap<(Method, ErrorType), Histogram>,
    client_duration: HashMap<(Method, ErrorType), HashMap<Arc<str>, Histogram>>,
}

/// One of the table's two sets of names.
#[derive(Clone, Copy)]
struct Set {
    get: fn(&Table) -> &HashSet<Arc<str>>,
    get_mut: fn(&mut Table) -> &mut HashSet<Arc<str>>,
}

const TOOLS: Set = Set {
    get: |table| &table.tools,
    get_mut: |table| &mut table.tools,
};

const ENDPOINTS: Set = Set {
    get: |table| &table.endpoints,
    get_mut: |table| &mut table.endpoints,
};

/// Everything that is counted for one server.
pub(super) struct ServerSeries {
    name: Arc<str>,
    families: Families,
    pub inflight: IntGauge,
    pub open_streams: IntGauge,
    request_bytes: IntCounter,
    response_bytes: IntCounter,
    table: ArcSwap<Table>,
}

impl ServerSeries {
    pub(super) fn new(name: &str, families: &Families) -> Self {
        Self {
            inflight: families.inflight.with_label_values(&[name]),
            open_streams: families.open_streams.with_label_values(&[name]),
            request_bytes: families.request_bytes.with_label_values(&[name]),
            response_bytes: families.response_bytes.with_label_values(&[name]),
            table: ArcSwap::default(),
            families: families.clone(),
            name: name.into(),
        }
    }

    pub(super) fn observe(&self, operation: &Operation<'_>) {
        self.request_bytes.inc_by(operation.request_bytes);
        self.response_bytes.inc_by(operation.response_bytes);
        let method = labels::method(operation.method);
        let error = labels::error_type(operation.outcome, operation.rpc_code);
        self.count(method, operation);
        if operation.endless {
            // How long two ends keep a stream open says nothing about anybody's speed.
            return;
        }
        self.time(method, error, operation);
        if let Some(upstream) = operation.upstream {
            let seconds = upstream.as_secs_f64();
            self.time_upstream(method, error, operation.endpoint, seconds);
        }
    }

    fn count(&self, method: Method, operation: &Operation<'_>) {
        let key = (method, operation.outcome);
        let tool = self.tool_label(operation);
        let table = self.table.load();
        let known = table
            .requests
            .get(&key)
            .and_then(|by_tool| by_tool.get(tool));
        if let Some(counter) = known {
            return counter.inc();
        }
        let values = [&*self.name, method, tool, operation.outcome.as_str()];
        let counter = self.families.requests.with_label_values(&values);
        counter.inc();
        self.learn(|table| {
            let by_tool = table.requests.entry(key).or_default();
            by_tool.insert(tool.into(), counter.clone());
        });
    }

    fn time(&self, method: Method, error: ErrorType, operation: &Operation<'_>) {
        let seconds = operation.duration.as_secs_f64();
        if let Some(histogram) = self.table.load().server_duration.get(&(method, error)) {
            return histogram.observe(seconds);
        }
        let values = [&*self.name, method, error];
        let histogram = self.families.server_duration.with_label_values(&values);
        histogram.observe(seconds);
        self.learn(|table| {
            let durations = &mut table.server_duration;
            durations.insert((method, error), histogram.clone());
        });
    }

    fn time_upstream(&self, method: Method, error: ErrorType, endpoint: &str, seconds: f64) {
        let key = (method, error);
        let endpoint = self.endpoint_label(endpoint);
        let table = self.table.load();
        let known = table
            .client_duration
            .get(&key)
            .and_then(|by| by.get(endpoint));
        if let Some(histogram) = known {
            return histogram.observe(seconds);
        }
        let values = [&*self.name, endpoint, method, error];
        let histogram = self.families.client_duration.with_label_values(&values);
        histogram.observe(seconds);
        self.learn(|table| {
            let by_endpoint = table.client_duration.entry(key).or_default();
            by_endpoint.insert(endpoint.into(), histogram.clone());
        });
    }

    /// A tool's name counts once a call of it has succeeded: until then a client made it up.
    fn tool_label<'a>(&self, operation: &Operation<'a>) -> &'a str {
        if operation.kind != Kind::Tool {
            return "";
        }
        let table = self.table.load();
        if table.tools.contains(operation.tool) {
            return operation.tool;
        }
        if operation.outcome != Outcome::Ok {
            return UNKNOWN;
        }
        let fits = operation.tool.len() <= TOOL_BYTES_MAX;
        if fits && self.admit(operation.tool, TOOLS_MAX, TOOLS) {
            return operation.tool;
        }
        self.overflow(Family::Requests);
        OTHER
    }

    fn endpoint_label<'a>(&self, endpoint: &'a str) -> &'a str {
        let known = self.table.load().endpoints.contains(endpoint);
        if known || self.admit(endpoint, ENDPOINTS_MAX, ENDPOINTS) {
            return endpoint;
        }
        self.overflow(Family::ClientDuration);
        OTHER
    }

    /// Adds a name to one of the sets unless it is full; whether it is in it now.
    fn admit(&self, name: &str, max: usize, set: Set) -> bool {
        // A full set stays full, and a copy for every call would be dear.
        if (set.get)(&self.table.load()).len() >= max {
            return false;
        }
        self.learn(|table| {
            let names = (set.get_mut)(table);
            if names.len() < max {
                names.insert(name.into());
            }
        });
        (set.get)(&self.table.load()).contains(name)
    }

    fn learn(&self, add: impl Fn(&mut Table)) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            add(&mut table);
            table
        });
    }

    fn overflow(&self, family: Family) {
        let values = [family.name()];
        self.families.overflow.with_label_values(&values).inc();
    }
}
