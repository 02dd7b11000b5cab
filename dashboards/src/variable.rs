//! What a reader selects above the panels.

/// One variable.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
}

/// Where a variable's values come from.
#[derive(Clone, Debug)]
pub enum Kind {
    /// One of Grafana's data sources, of this plugin.
    DataSource(&'static str),
    /// The values that a statement finds; several or All can be selected.
    Query(String),
    /// The values of a label of a metric: `label_values(metric, label)`; several or All.
    Labels {
        metric: &'static str,
        label: &'static str,
    },
    /// Text that the reader types.
    Text(&'static str),
}

impl Variable {
    pub(crate) const fn data_source(
        name: &'static str,
        label: &'static str,
        plugin: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            kind: Kind::DataSource(plugin),
        }
    }

    pub(crate) fn query(name: &'static str, label: &'static str, sql: &str) -> Self {
        Self {
            name,
            label,
            kind: Kind::Query(crate::sql::fill(sql)),
        }
    }

    pub(crate) const fn labels(
        name: &'static str,
        label: &'static str,
        metric: &'static str,
        of: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            kind: Kind::Labels { metric, label: of },
        }
    }

    pub(crate) const fn text(
        name: &'static str,
        label: &'static str,
        initial: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            kind: Kind::Text(initial),
        }
    }
}
