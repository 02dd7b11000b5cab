// A dashboard's Classic JSON as a scene.
import {
  DataSourceVariable, EmbeddedScene, QueryVariable, SceneControlsSpacer, SceneDataTransformer, SceneGridItem, SceneGridLayout, SceneQueryRunner,
  SceneRefreshPicker, SceneTimePicker, SceneTimeRange, SceneVariableSet, TextBoxVariable, VariableValueSelectors, VizPanel, behaviors,
} from "@grafana/scenes";
import { DashboardCursorSync } from "@grafana/schema";

/** `address`: the page's query, where links and readers put `from`, `to` and `var-…`. */
export function scene(dashboard: any, address: URLSearchParams): EmbeddedScene {
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({
      from: address.get("from") ?? dashboard.time.from,
      to: address.get("to") ?? dashboard.time.to,
    }),
    $variables: new SceneVariableSet({ variables: dashboard.templating.list.map((it: any) => variable(it, address)) }),
    $behaviors: [new behaviors.CursorSync({ key: "crosshair", sync: DashboardCursorSync.Crosshair })],
    controls: [
      new VariableValueSelectors({}),
      new SceneControlsSpacer(),
      new SceneTimePicker({}),
      new SceneRefreshPicker({ refresh: address.get("refresh") ?? dashboard.refresh, intervals: ["5s", "30s", "5m"] }),
    ],
    body: new SceneGridLayout({ isDraggable: false, isResizable: false, isLazy: false, children: dashboard.panels.map(panel) }),
  });
}

function variable(it: any, address: URLSearchParams) {
  const asked = address.getAll(`var-${it.name}`).filter((value) => value !== "");
  const common = { name: it.name, label: it.label, hide: it.hide };
  if (it.type === "datasource") return new DataSourceVariable({ ...common, pluginId: it.query, value: it.query });
  if (it.type === "textbox") return new TextBoxVariable({ ...common, value: asked[0] ?? it.query });
  const chosen = asked.length > 0 ? asked : it.current.value;
  return new QueryVariable({
    ...common, query: it.query, datasource: it.datasource, refresh: it.refresh, sort: it.sort, isMulti: it.multi, includeAll: it.includeAll,
    allValue: it.allValue, defaultToAll: it.includeAll, value: chosen, text: asked.length > 0 ? asked : it.current.text,
  });
}

function panel(it: any) {
  // A query names its panel, by which the server finds it.
  const queries = it.targets.map((target: any) => ({ ...target, panel: it.id }));
  const asked = new SceneQueryRunner({ queries, datasource: it.datasource, minInterval: it.interval });
  return new SceneGridItem({
    x: it.gridPos.x, y: it.gridPos.y, width: it.gridPos.w, height: it.gridPos.h, isDraggable: false, isResizable: false,
    body: new VizPanel({
      key: `panel-${it.id}`, title: it.title, description: it.description, pluginId: it.type, options: it.options, fieldConfig: it.fieldConfig,
      $data: it.transformations.length > 0 ? new SceneDataTransformer({ $data: asked, transformations: it.transformations }) : asked,
    }),
  });
}
