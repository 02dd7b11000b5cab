// The four panel types, drawn by Grafana's own components.
import {
  cacheFieldDisplayNames, type DisplayValueAlignmentFactors, type FieldConfigOptionsRegistry, getDisplayValueAlignmentFactors, getFieldDisplayValues, displayNameOverrideProcessor, identityOverrideProcessor, PanelPlugin, type PanelProps, ReducerID,
  standardEditorsRegistry, standardFieldConfigEditorRegistry, VizOrientation, FieldType, formattedValueToString, getFieldDisplayName,
} from "@grafana/data";
import { config } from "@grafana/runtime";
import { BarGaugeDisplayMode, DashboardCursorSync } from "@grafana/schema";
import { BarGauge, BigValue, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, SeriesTable, TimeSeries, TooltipPlugin2, usePanelContext, useTheme2, VizRepeater } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";

/** An option without an editor: only its path and its default matter for drawing. */
const option = (category: string, id: string, defaultValue?: unknown) =>
  ({ id, path: id, name: id, category: [category], editor: () => null, override: () => null, process: identityOverrideProcessor, settings: {}, defaultValue, shouldApply: () => true, getItemsCount: () => 0 }) as any;

standardEditorsRegistry.setInit(() => []);
standardFieldConfigEditorRegistry.setInit(() => [
  ...["unit", "min", "max", "fieldMinMax", "decimals", "noValue", "actions", "filterable"].map((id) => option("Standard", id)),
  // A name may hold variables, such as a label of its field.
  { ...option("Standard", "displayName"), process: displayNameOverrideProcessor, settings: { expandTemplateVars: true } },
  option("Standard", "color", { mode: "palette-classic" }),
  option("Standard", "thresholds", { mode: "absolute", steps: [{ value: -Infinity, color: "text" }] }),
  option("Standard", "mappings", []),
  option("Standard", "links", []),
]);

/** `TooltipHoverMode.xAll`, which the package does not export: all series of the moment. */
const ALL_SERIES = 1;
const NOTHING = "No data";

function Nothing({ words }: { words?: string }) {
  return (
    <div data-testid={words ? "nothing" : "no-data"} style={{ display: "grid", placeItems: "center", height: "100%", opacity: 0.7 }}>
      {words ?? NOTHING}
    </div>
  );
}

const noValue = (props: PanelProps<any>) => props.fieldConfig.defaults.noValue;

function Curves(props: PanelProps<any>) {
  const { sync, eventsScope } = usePanelContext();
  const frames = props.data.series.filter((frame) => frame.length > 0 && frame.fields.some((field) => field.type === FieldType.number));
  if (frames.length === 0) return <Nothing words={noValue(props)} />;
  return (
    <TimeSeries
      frames={frames} structureRev={props.data.structureRev} timeRange={props.timeRange} timeZone={props.timeZone}
      width={props.width} height={props.height} legend={props.options.legend} options={props.options}
    >
      {(builder, aligned) => (
        <TooltipPlugin2
          config={builder} hoverMode={ALL_SERIES} syncMode={sync?.() ?? DashboardCursorSync.Off} syncScope={eventsScope}
          queryZoom={props.onChangeTimeRange}
          render={(_plot, points) => <Hover frame={aligned} points={points} />}
        />
      )}
    </TimeSeries>
  );
}

function Hover({ frame, points }: { frame: any; points: (number | null)[] }) {
  const time = frame.fields[0];
  const at = points.find((point) => point !== null && point !== undefined);
  if (at === undefined || at === null) return null;
  const series = frame.fields.slice(1).map((field: any) => ({
    color: field.display?.(field.values[at]).color,
    label: getFieldDisplayName(field, frame),
    value: field.values[at] == null ? "–" : formattedValueToString(field.display(field.values[at])),
  }));
  return <SeriesTable timestamp={formattedValueToString(time.display(time.values[at]))} series={series} />;
}

function useValues(props: PanelProps<any>) {
  const theme = useTheme2();
  const reduceOptions = props.options.reduceOptions ?? { calcs: [ReducerID.lastNotNull] };
  return () =>
    getFieldDisplayValues({
      fieldConfig: props.fieldConfig, reduceOptions, replaceVariables: props.replaceVariables, theme, data: props.data.series, timeZone: props.timeZone,
    });
}

function Figure(props: PanelProps<any>) {
  const theme = useTheme2();
  const getValues = useValues(props);
  if (!props.data.series.some((frame) => frame.length > 0)) return <Nothing words={noValue(props)} />;
  return (
    <VizRepeater
      getValues={getValues} width={props.width} height={props.height} source={props.data} autoGrid renderCounter={props.renderCounter}
      orientation={props.options.orientation ?? VizOrientation.Auto}
      renderValue={({ value, width, height, count }: any) => (
        <BigValue
          value={value.display} count={count} width={width} height={height} theme={theme} colorMode={props.options.colorMode ?? BigValueColorMode.Value}
          graphMode={BigValueGraphMode.None} justifyMode={BigValueJustifyMode.Auto} textMode={props.options.textMode ?? BigValueTextMode.Auto}
        />
      )}
    />
  );
}

function Bars(props: PanelProps<any>) {
  const theme = useTheme2();
  const getValues = useValues(props);
  if (!props.data.series.some((frame) => frame.length > 0)) return <Nothing words={noValue(props)} />;
  return (
    <VizRepeater
      getValues={getValues} width={props.width} height={props.height} source={props.data} renderCounter={props.renderCounter} itemSpacing={8}
      getAlignmentFactors={getDisplayValueAlignmentFactors} orientation={VizOrientation.Horizontal} minVizHeight={props.options.minVizHeight} maxVizHeight={props.options.maxVizHeight}
      renderValue={({ value, width, height, orientation, alignmentFactors }: any) => (
        <BarGauge
          alignmentFactors={alignmentFactors as DisplayValueAlignmentFactors}
          value={value.display} width={width} height={height} theme={theme} field={value.field} orientation={orientation} itemSpacing={8} lcdCellWidth={12}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)} displayMode={props.options.displayMode ?? BarGaugeDisplayMode.Basic}
          valueDisplayMode={props.options.valueMode} namePlacement={props.options.namePlacement} showUnfilled={props.options.showUnfilled}
        />
      )}
    />
  );
}

function Rows(props: PanelProps<any>) {
  const frame = props.data.series[0];
  if (!frame || frame.length === 0) return <Nothing words={noValue(props)} />;
  // The table takes its headings from there.
  cacheFieldDisplayNames(props.data.series);
  return (
    <TableNG
      data={frame} width={props.width} height={props.height} cellHeight={props.options.cellHeight} fieldConfig={props.fieldConfig} timeRange={props.timeRange}
      structureRev={props.data.structureRev} getActions={() => []} enableVirtualization contentAwareWidthsEnabled
    />
  );
}

const CURVE_OPTIONS: Record<string, unknown> = {
  drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, fillOpacity: 0, gradientMode: "none", lineStyle: undefined, showPoints: "auto", pointSize: 5,
  spanNulls: false, insertNulls: false, barAlignment: 0, axisPlacement: "auto", axisLabel: "", axisColorMode: "text", axisBorderShow: false,
  axisCenteredZero: false, axisGridShow: true, axisSoftMin: undefined, axisSoftMax: undefined, scaleDistribution: { type: "linear" },
  stacking: { mode: "none", group: "A" }, hideFrom: { legend: false, tooltip: false, viz: false }, thresholdsStyle: { mode: "off" }, transform: undefined,
  lineColor: undefined, fillColor: undefined, fillBelowTo: undefined,
};
const TABLE_OPTIONS: Record<string, unknown> = { align: "auto", cellOptions: { type: "auto" }, inspect: false, width: undefined, minWidth: undefined, filterable: false };

function plugin(id: string, component: any, options: Record<string, unknown> = {}): PanelPlugin {
  const made = new PanelPlugin<any, any>(component);
  made.useFieldConfig({
    useCustomConfig: (builder: FieldConfigOptionsRegistry | any) => {
      for (const [name, value] of Object.entries(options)) builder.addCustomEditor(option("Custom", name, value));
    },
  });
  const logos = { small: "", large: "" };
  const meta: any = { id, name: id, module: "", baseUrl: "", sort: 1, type: "panel", info: { author: {}, description: "", links: [], logos, screenshots: [], updated: "", version: "" } };
  made.meta = meta;
  (config.panels as any)[id] = meta;
  return made;
}

const PLUGINS: Record<string, PanelPlugin> = {
  timeseries: plugin("timeseries", Curves, CURVE_OPTIONS),
  stat: plugin("stat", Figure),
  bargauge: plugin("bargauge", Bars),
  table: plugin("table", Rows, TABLE_OPTIONS),
};

export function panelPlugin(id: string): PanelPlugin {
  const found = PLUGINS[id];
  if (!found) throw new Error(`there is no panel of the type ${id}`);
  return found;
}
