//! What people look at: seven dashboards over the trail in ClickHouse and the metrics in Prometheus.
//!
//! [`source`] is what one reads and edits. [`grafana`] writes it as Grafana's Classic JSON, which is
//! checked in under `json/` and held to the source by a test. [`question`] turns a panel's query
//! into the SQL for one reader's range and selection, by the rules of Grafana and its ClickHouse
//! plugin. This crate never opens a connection.

mod dashboard;
pub mod grafana;
pub mod macros;
mod panel;
pub mod promql;
pub mod question;
pub mod source;
mod sql;
mod variable;

pub use dashboard::{Dashboard, Line, Store};
pub use panel::{Column, Drill, Panel, Steps, Target, Unit, Visual};
pub use variable::{Kind, Variable};
