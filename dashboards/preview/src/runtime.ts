// What Grafana's front end expects of Grafana: a registry of data sources, templates, a backend. Small and true.
import { EventBusSrv, LoadingState, locationUtil } from "@grafana/data";
import { config, setAppEvents, setBackendSrv, setDataSourceSrv, setLocationSrv, setPluginImportUtils, setRunRequest, setTemplateSrv } from "@grafana/runtime";
import { sceneGraph } from "@grafana/scenes";
import { of } from "rxjs";
import { catchError, map } from "rxjs/operators";
import { panelPlugin } from "./panels";
import { journal, page, sourceOf, sources } from "./sources";

const settings = (source: (typeof sources)[number]) =>
  ({ uid: source.plugin, type: source.plugin, name: source.name, meta: { id: source.plugin }, jsonData: {}, access: "proxy", readOnly: true }) as any;

export function install(theme: any) {
  config.theme2 = theme;
  (config as any).bootData = (window as any).grafanaBootData;
  locationUtil.initialize({
    config: { appSubUrl: "" } as any,
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => sceneGraph.getTimeRange(page.scene!).state.value.raw as any,
  });
  setAppEvents(new EventBusSrv() as any);
  setLocationSrv({ update() {} } as any);
  setBackendSrv({ get: async () => ({}), fetch: () => of({}) } as any);
  setDataSourceSrv({
    get: async (reference: any) => sourceOf(reference),
    getInstanceSettings: (reference: any) => settings(sourceOf(reference)),
    getList: ({ pluginId }: any = {}) => sources.filter((source) => !pluginId || source.plugin === pluginId).map(settings),
    reload() {},
    registerRuntimeDataSource() {},
  } as any);
  setTemplateSrv({
    replace: (text: string, scoped?: any, format?: any) => (page.scene ? sceneGraph.interpolate(page.scene, text, scoped, format) : text),
    getVariables: () => [],
    containsTemplate: (text?: string) => !!text?.includes("$"),
    updateTimeRange() {},
  } as any);
  setPluginImportUtils({
    importPanelPlugin: async (id: string) => panelPlugin(id),
    getPanelPluginFromCache: (id: string) => panelPlugin(id),
  } as any);
  setRunRequest((source: any, request: any) =>
    source.query(request).pipe(
      map((answer: any) => ({ state: LoadingState.Done, series: answer.data, annotations: [], timeRange: request.range, request, structureRev: 1 })),
      catchError((fault: Error) => {
        journal.faults.push(String(fault));
        return of({ state: LoadingState.Error, series: [], error: { message: fault.message }, timeRange: request.range });
      }),
    ),
  );
}
