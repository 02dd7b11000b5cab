//! A dashboard: its name, what one can select, and its lines of panels.

use crate::{Panel, Variable};

/// Where a dashboard's panels ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The trail.
    ClickHouse,
    /// The metrics.
    Prometheus,
}

/// Panels side by side.
#[derive(Clone, Debug)]
pub struct Line {
    /// In Grafana's rows of 30 pixels.
    pub height: u32,
    pub panels: Vec<Panel>,
}

/// One dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// The file's name without its ending, and the name under `/usage`.
    pub name: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub store: Store,
    /// The beginning of the range that is shown at first, such as `now-6h`.
    pub from: &'static str,
    pub variables: Vec<Variable>,
    pub lines: Vec<Line>,
}

impl Dashboard {
    /// Grafana's identity of the dashboard, and a part of links to it.
    pub fn uid(&self) -> String {
        format!("gantry-{}", self.name)
    }

    /// All panels, in the order of reading; a panel's id is its place here, from 1.
    pub fn panels(&self) -> impl Iterator<Item = (u32, &Panel)> {
        (1..).zip(self.lines.iter().flat_map(|line| &line.panels))
    }

    /// The panel of that id.
    pub fn panel(&self, id: u32) -> Option<&Panel> {
        self.panels()
            .find_map(|(place, panel)| (place == id).then_some(panel))
    }

    /// The variable of that name.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }
}
