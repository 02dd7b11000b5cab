// The two data sources, over the preview's own server. The page never sends SQL: it names a panel and what is selected,
// and the server fills in the query that the panel's JSON holds.
import { type DataQueryRequest, type DataQueryResponse, DataSourceApi, LoadingState, type MetricFindValue, type TimeRange } from "@grafana/data";
import { sceneGraph, type SceneObject } from "@grafana/scenes";
import { from, type Observable } from "rxjs";
import { type Answer, curves, metrics, type Series, table } from "./frames";

/** For the screenshots: what was asked, and what went wrong. */
export const journal = { asked: 0, answered: 0, panels: new Set<number>(), faults: [] as string[] };

/** What the data sources need to know of the page. */
export const page: { dashboard: string; scene?: SceneObject } = { dashboard: "overview" };

type Selection = Record<string, string[]>;

function selection(): Selection {
  const chosen: Selection = {};
  for (const variable of sceneGraph.getVariables(page.scene!).state.variables) {
    // The state has Grafana's own word for All; the value would be a list of all that there is.
    const { value } = variable.state as { value?: unknown };
    chosen[variable.state.name] = (Array.isArray(value) ? value : [value]).filter((it) => it !== undefined && it !== null).map(String);
  }
  return chosen;
}

async function ask<T>(path: string, question: object): Promise<T> {
  journal.asked += 1;
  try {
    const answer = await fetch(`/api/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ dashboard: page.dashboard, selection: selection(), ...question }),
    });
    if ("panel" in question) journal.panels.add(question.panel as number);
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return await answer.json();
  } catch (fault) {
    journal.faults.push(String(fault));
    throw fault;
  } finally {
    journal.answered += 1;
  }
}

function range({ from, to }: TimeRange) {
  return { from_ms: from.valueOf(), to_ms: to.valueOf() };
}

abstract class Source extends DataSourceApi<any> {
  constructor(public readonly plugin: string, name: string) {
    super({ id: 1, uid: plugin, type: plugin, name, meta: { id: plugin } as any, jsonData: {}, access: "proxy", readOnly: true } as any);
  }

  query(request: DataQueryRequest<any>): Observable<DataQueryResponse> {
    const targets = request.targets.map((target, place) => this.answer(target, place, request));
    return from(Promise.all(targets).then((frames) => ({ data: frames.flat(), state: LoadingState.Done })));
  }

  async metricFindQuery(_query: unknown, options?: { variable?: { name: string }; range?: TimeRange }): Promise<MetricFindValue[]> {
    const during = options?.range ?? sceneGraph.getTimeRange(page.scene!).state.value;
    const values = await ask<string[]>("values", { variable: options?.variable?.name, ...range(during) });
    return values.map((text) => ({ text }));
  }

  async testDatasource() {
    return { status: "success", message: "" };
  }

  protected abstract answer(target: any, place: number, request: DataQueryRequest<any>): Promise<any>;
}

class Trail extends Source {
  protected async answer(target: any, place: number, request: DataQueryRequest<any>) {
    const question = { panel: target.panel, target: place, interval_ms: request.intervalMs, ...range(request.range) };
    const frame = table(target.refId, await ask<Answer>("panel", question));
    return target.format === 0 ? curves(frame) : frame;
  }
}

class Metrics extends Source {
  protected async answer(target: any, place: number, request: DataQueryRequest<any>) {
    const question = { panel: target.panel, target: place, interval_ms: request.intervalMs, ...range(request.range) };
    const answer = await ask<{ data: { result: Series[] } }>("panel", question);
    return metrics(target.refId, target.legendFormat, answer.data.result);
  }
}

export const sources: Source[] = [
  new Trail("grafana-clickhouse-datasource", "Trail"),
  new Metrics("prometheus", "Metrics"),
];

/** The source that a query names, by its plugin, by itself or by a variable. */
export function sourceOf(reference: any): Source {
  const name = typeof reference === "string" ? reference : (reference?.type ?? reference?.uid ?? "");
  return sources.find((source) => source.plugin === name) ?? sources[0];
}
