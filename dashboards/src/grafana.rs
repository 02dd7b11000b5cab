//! A dashboard as Grafana's Classic JSON (schema version 41), which Grafana 11.6 and later load.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Column, Dashboard, Drill, Kind, Panel, Steps, Store, Target, Unit, Variable, Visual};

const SCHEMA_VERSION: u32 = 41;
const PLUGIN: &str = "grafana-clickhouse-datasource";
/// The version whose query shape is written.
const PLUGIN_VERSION: &str = "4.20.0";
/// Columns of Grafana's grid.
const GRID: u32 = 24;

/// The file's text. Keys are sorted, so that it is the same whatever maps the build uses.
pub fn text(dashboard: &Dashboard) -> String {
    format!("{:#}\n", sorted(json(dashboard)))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let keys: BTreeMap<_, _> = map.into_iter().collect();
            Value::Object(
                keys.into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        value => value,
    }
}

/// The dashboard as a value.
pub fn json(dashboard: &Dashboard) -> Value {
    let tag = match dashboard.store {
        Store::ClickHouse => "trail",
        Store::Prometheus => "metrics",
    };
    json!({
        "uid": dashboard.uid(),
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["gantry", "mcp", tag],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": false,
        // A shared crosshair: the same moment is marked in every panel.
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": dashboard.from, "to": "now"},
        "links": [{
            "type": "dashboards", "title": "Gantry", "tags": ["gantry"], "asDropdown": true,
            "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "url": "", "tooltip": "",
        }],
        "annotations": {"list": []},
        "templating": {"list": dashboard.variables.iter().map(|it| variable(dashboard.store, it)).collect::<Vec<_>>()},
        "panels": panels(dashboard),
    })
}

fn source(store: Store) -> Value {
    match store {
        Store::ClickHouse => json!({"type": PLUGIN, "uid": "${datasource}"}),
        Store::Prometheus => json!({"type": "prometheus", "uid": "${prometheus}"}),
    }
}

fn variable(store: Store, variable: &Variable) -> Value {
    let mut value =
        json!({"name": variable.name, "label": variable.label, "hide": 0, "skipUrlSync": false});
    let all = json!({
        "datasource": source(store), "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "regex": "",
        "current": {"selected": true, "text": ["All"], "value": ["$__all"]}, "options": [],
    });
    let further = match &variable.kind {
        Kind::DataSource(plugin) => json!({
            "type": "datasource", "query": plugin, "refresh": 1, "regex": "", "multi": false, "includeAll": false,
            "current": {}, "options": [],
        }),
        Kind::Query(sql) => merged(all, json!({"type": "query", "query": sql})),
        Kind::Labels { metric, label } => {
            let query = format!("label_values({metric}, {label})");
            let asked = json!({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"});
            merged(
                all,
                json!({"type": "query", "query": asked, "allValue": ".*"}),
            )
        }
        Kind::Text(initial) => json!({
            "type": "textbox", "query": initial, "current": {"text": initial, "value": initial},
            "options": [{"selected": true, "text": initial, "value": initial}],
        }),
    };
    value = merged(value, further);
    value
}

fn merged(mut value: Value, further: Value) -> Value {
    if let (Some(into), Value::Object(further)) = (value.as_object_mut(), further) {
        into.extend(further);
    }
    value
}

fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let mut written = Vec::new();
    let (mut id, mut y) = (1, 0);
    for line in &dashboard.lines {
        let mut x = 0;
        for (panel, width) in line.panels.iter().zip(widths(&line.panels)) {
            let place = json!({"x": x, "y": y, "w": width, "h": line.height});
            written.push(self::panel(dashboard.store, id, panel, place));
            (id, x) = (id + 1, x + width);
        }
        y += line.height;
    }
    written
}

/// Those that say nothing share what the others leave; the last one takes what does not divide.
fn widths(panels: &[Panel]) -> Vec<u32> {
    let said: u32 = panels.iter().filter_map(|panel| panel.width).sum();
    let silent = panels.iter().filter(|panel| panel.width.is_none()).count();
    let mut left = GRID.saturating_sub(said);
    let mut silent = u32::try_from(silent).unwrap_or(GRID);
    let width = |panel: &Panel| {
        panel.width.unwrap_or_else(|| {
            let width = left.div_ceil(silent.max(1)).max(1);
            (left, silent) = (left.saturating_sub(width), silent.saturating_sub(1));
            width
        })
    };
    panels.iter().map(width).collect()
}

fn panel(store: Store, id: u32, panel: &Panel, place: Value) -> Value {
    let targets: Vec<_> = ('A'..='Z')
        .zip(&panel.targets)
        .map(|(name, it)| target(store, panel.visual, name, it))
        .collect();
    let mut value = json!({
        "id": id,
        "type": kind(panel.visual),
        "title": panel.title,
        "description": panel.question,
        "datasource": source(store),
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": defaults(panel), "overrides": panel.columns.iter().map(|it| column(panel, it)).collect::<Vec<_>>()},
        "options": options(panel),
        "transformations": [],
    });
    if let (Some(interval), Some(into)) = (panel.interval, value.as_object_mut()) {
        into.insert("interval".to_owned(), json!(interval));
    }
    value
}

const fn kind(visual: Visual) -> &'static str {
    match visual {
        Visual::TimeSeries { .. } => "timeseries",
        Visual::Stat => "stat",
        Visual::BarGauge => "bargauge",
        Visual::Table => "table",
    }
}

fn target(store: Store, visual: Visual, name: char, target: &Target) -> Value {
    let over_time = matches!(visual, Visual::TimeSeries { .. });
    match target {
        Target::Sql(sql) => json!({
            "refId": name, "datasource": source(store), "editorType": "sql", "rawSql": sql,
            "format": if over_time { 0 } else { 1 },
            "queryType": if over_time { "timeseries" } else { "table" },
            "pluginVersion": PLUGIN_VERSION,
        }),
        Target::PromQl { expr, legend } => json!({
            "refId": name, "datasource": source(store), "expr": expr, "legendFormat": legend,
            "editorMode": "code", "range": over_time, "instant": !over_time, "exemplar": over_time && expr.contains("_bucket"),
        }),
    }
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = json!({
        "unit": panel.unit.id(),
        "color": {"mode": match panel.visual {
            Visual::TimeSeries { .. } => "palette-classic",
            _ => "thresholds",
        }},
        "thresholds": thresholds(panel.steps),
        "mappings": [],
        "custom": custom(panel),
    });
    let mut set = |key: &str, value: Value| {
        if let Some(defaults) = defaults.as_object_mut() {
            defaults.insert(key.to_owned(), value);
        }
    };
    if panel.visual != Visual::Table {
        // A bar or an axis that begins elsewhere exaggerates.
        set("min", json!(0));
    }
    if let Some(max) = panel.max {
        set("max", json!(max));
    }
    if let Some(decimals) = panel.decimals {
        set("decimals", json!(decimals));
    }
    if let Some(label) = panel.legend_label {
        set("displayName", json!(format!("${{__field.labels.{label}}}")));
    }
    if let Some(words) = panel.nothing {
        set("noValue", json!(words));
    }
    defaults
}

fn thresholds(steps: Option<Steps>) -> Value {
    let base = steps.map_or("text", |steps| steps.base);
    let mut list = vec![json!({"color": base, "value": null})];
    list.extend(
        steps
            .iter()
            .flat_map(|steps| steps.steps)
            .map(|(value, color)| json!({"color": color, "value": value})),
    );
    json!({"mode": "absolute", "steps": list})
}

fn custom(panel: &Panel) -> Value {
    match panel.visual {
        Visual::TimeSeries { stacked } => json!({
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
            "fillOpacity": if stacked { 30 } else { 8 }, "gradientMode": "none",
            "showPoints": "auto", "pointSize": 4, "spanNulls": false, "insertNulls": false, "barAlignment": 0,
            "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
            "axisPlacement": "auto", "axisLabel": "", "axisColorMode": "text", "axisBorderShow": false, "axisCenteredZero": false,
            "scaleDistribution": {"type": "linear"}, "hideFrom": {"legend": false, "tooltip": false, "viz": false},
            "thresholdsStyle": {"mode": "off"},
        }),
        Visual::Table => {
            json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false, "filterable": false})
        }
        Visual::Stat | Visual::BarGauge => json!({}),
    }
}

fn options(panel: &Panel) -> Value {
    let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
    match panel.visual {
        Visual::TimeSeries { .. } => json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": false},
        }),
        Visual::Stat => json!({
            "reduceOptions": last, "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "textMode": "value", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
        }),
        Visual::BarGauge => {
            let every_row =
                json!({"calcs": ["lastNotNull"], "fields": "", "values": true, "limit": 20});
            let of_sql = panel
                .targets
                .iter()
                .any(|target| matches!(target, Target::Sql(_)));
            json!({
                "reduceOptions": if of_sql { every_row } else { last },
                "displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "namePlacement": "top", "showUnfilled": true,
                "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 48,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []},
            })
        }
        Visual::Table => {
            json!({"showHeader": true, "cellHeight": "sm", "frozenColumns": {"left": 0}})
        }
    }
}

fn column(panel: &Panel, column: &Column) -> Value {
    let mut properties = vec![property("displayName", json!(column.title))];
    if let Some(unit) = column.unit {
        properties.push(property("unit", json!(unit.id())));
        if unit == Unit::Share {
            properties.push(property("decimals", json!(2)));
        }
    }
    match column.steps {
        Some(steps) if matches!(panel.visual, Visual::TimeSeries { .. }) => {
            properties.push(property(
                "color",
                json!({"mode": "fixed", "fixedColor": steps.base}),
            ));
        }
        Some(steps) => {
            properties.push(property("thresholds", thresholds(Some(steps))));
            properties.push(property(
                "custom.cellOptions",
                json!({"type": "color-text"}),
            ));
        }
        None => {}
    }
    if panel.visual == Visual::Table && panel.nothing.is_some() {
        // Those words are for an empty table; Grafana would put them into empty cells, too.
        properties.push(property("noValue", json!("")));
    }
    if let Some(width) = column.width {
        properties.push(property("custom.width", json!(width)));
    }
    if !column.drill.is_empty() {
        let links: Vec<_> = column.drill.iter().map(|drill| link(*drill)).collect();
        properties.push(property("links", json!(links)));
    }
    json!({"matcher": {"id": "byName", "options": column.name}, "properties": properties})
}

fn property(id: &str, value: Value) -> Value {
    let mut property = Map::new();
    property.insert("id".to_owned(), json!(id));
    property.insert("value".to_owned(), value);
    Value::Object(property)
}

fn link(drill: Drill) -> Value {
    match drill {
        Drill::Dashboard {
            to,
            variable,
            title,
        } => json!({
            "title": title,
            "url": format!("/d/gantry-{to}?${{datasource:queryparam}}&${{__url_time_range}}&var-{variable}=${{__value.raw:percentencode}}"),
        }),
        Drill::Trace => json!({
            "title": "This trace",
            "url": "${trace_url:raw}${__value.raw}",
            "targetBlank": true,
        }),
    }
}
