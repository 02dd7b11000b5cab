//! A panel: one question, the query that answers it, and how the answer is drawn.

/// How an answer is drawn. Only what Grafana's npm libraries can draw without its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visual {
    TimeSeries { stacked: bool },
    Stat,
    BarGauge,
    Table,
}

/// What a number counts, in Grafana's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A count, shortened: 1.2 K.
    Count,
    /// 0 to 1, shown as per cent.
    Share,
    Seconds,
    Bytes,
    PerSecond,
    Dollars,
    /// Milliseconds since 1970, as date and time.
    Moment,
    /// Text, as it is.
    Text,
    /// 1 as yes, 0 as no.
    YesNo,
}

impl Unit {
    /// Grafana's id.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Share => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::PerSecond => "reqps",
            Self::Dollars => "currencyUSD",
            Self::Moment => "dateTimeAsSystem",
            Self::Text => "string",
            Self::YesNo => "bool_yes_no",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Target {
    /// SQL with the macros of Grafana's ClickHouse plugin.
    Sql(String),
    /// PromQL, and the legend of its series.
    PromQl { expr: String, legend: &'static str },
}

/// From which value on which colour; below the first step it is the base colour.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    pub base: &'static str,
    pub steps: &'static [(f64, &'static str)],
}

/// Where a click on a value leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drill {
    /// The value becomes the selection of `variable` on the dashboard `to`.
    Dashboard {
        to: &'static str,
        variable: &'static str,
        title: &'static str,
    },
    /// The value is a trace id, and the trace's page is at `$trace_url` followed by it.
    Trace,
}

/// How a column of a table, or a named series, is shown.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: &'static str,
    pub title: &'static str,
    pub unit: Option<Unit>,
    pub steps: Option<Steps>,
    pub drill: Vec<Drill>,
    /// In pixels.
    pub width: Option<u32>,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: &'static str,
    /// The question that it answers, and how to read the answer.
    pub question: &'static str,
    pub visual: Visual,
    pub unit: Unit,
    pub targets: Vec<Target>,
    /// Of 24.
    pub width: Option<u32>,
    pub steps: Option<Steps>,
    pub columns: Vec<Column>,
    /// The shortest interval between two points, such as `1m`: that of the table asked.
    pub interval: Option<&'static str>,
    /// How a series is named: a field's label.
    pub legend_label: Option<&'static str>,
    /// What is shown when there is nothing, where nothing is good news.
    pub nothing: Option<&'static str>,
    pub max: Option<f64>,
    pub decimals: Option<u8>,
}

impl Panel {
    fn new(
        visual: Visual,
        title: &'static str,
        question: &'static str,
        targets: Vec<Target>,
    ) -> Self {
        Self {
            title,
            question,
            visual,
            unit: Unit::Count,
            targets,
            width: None,
            steps: None,
            columns: Vec::new(),
            interval: None,
            legend_label: None,
            nothing: None,
            max: None,
            decimals: None,
        }
    }

    pub(crate) fn sql(
        visual: Visual,
        title: &'static str,
        question: &'static str,
        sql: &str,
    ) -> Self {
        Self::new(
            visual,
            title,
            question,
            vec![Target::Sql(crate::sql::fill(sql))],
        )
    }

    /// `queries`: pairs of PromQL and legend.
    pub(crate) fn promql(
        visual: Visual,
        title: &'static str,
        question: &'static str,
        queries: &[(&str, &'static str)],
    ) -> Self {
        let target = |(expr, legend): &(&str, &'static str)| Target::PromQl {
            expr: crate::promql::fill(expr),
            legend,
        };
        Self::new(
            visual,
            title,
            question,
            queries.iter().map(target).collect(),
        )
    }

    pub(crate) fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(crate) fn width(self, width: u32) -> Self {
        Self {
            width: Some(width),
            ..self
        }
    }

    pub(crate) fn steps(self, base: &'static str, steps: &'static [(f64, &'static str)]) -> Self {
        Self {
            steps: Some(Steps { base, steps }),
            ..self
        }
    }

    pub(crate) fn every(self, interval: &'static str) -> Self {
        Self {
            interval: Some(interval),
            ..self
        }
    }

    pub(crate) fn by(self, label: &'static str) -> Self {
        Self {
            legend_label: Some(label),
            ..self
        }
    }

    pub(crate) fn nothing(self, words: &'static str) -> Self {
        Self {
            nothing: Some(words),
            ..self
        }
    }

    pub(crate) fn max(self, max: f64) -> Self {
        Self {
            max: Some(max),
            ..self
        }
    }

    pub(crate) fn decimals(self, decimals: u8) -> Self {
        Self {
            decimals: Some(decimals),
            ..self
        }
    }

    pub(crate) fn columns<const N: usize>(self, columns: [Column; N]) -> Self {
        Self {
            columns: columns.into(),
            ..self
        }
    }
}

/// A column under a title of its own.
pub(crate) const fn column(name: &'static str, title: &'static str) -> Column {
    Column {
        name,
        title,
        unit: None,
        steps: None,
        drill: Vec::new(),
        width: None,
    }
}

impl Column {
    pub(crate) fn unit(self, unit: Unit) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }

    pub(crate) fn steps(self, base: &'static str, steps: &'static [(f64, &'static str)]) -> Self {
        Self {
            steps: Some(Steps { base, steps }),
            ..self
        }
    }

    pub(crate) fn drill(mut self, drill: Drill) -> Self {
        self.drill.push(drill);
        self
    }

    pub(crate) fn width(self, width: u32) -> Self {
        Self {
            width: Some(width),
            ..self
        }
    }
}
