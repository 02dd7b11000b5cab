// Answers of ClickHouse and Prometheus as Grafana's data frames, as the plugins' backends make them.
import { type DataFrame, type Field, FieldType, type Labels, toDataFrame } from "@grafana/data";

/** ClickHouse's format JSONCompact. */
export interface Answer {
  meta: { name: string; type: string }[];
  data: unknown[][];
}

/** A Prometheus answer: a matrix or a vector. */
export interface Series {
  metric: Labels;
  values?: [number, string][];
  value?: [number, string];
}

export function table(refId: string, answer: Answer): DataFrame {
  const fields = answer.meta.map(({ name, type }, column): Field => {
    const kind = fieldType(type);
    return { name, type: kind, config: {}, values: answer.data.map((row) => convert(kind, row[column])) };
  });
  return toDataFrame({ refId, fields, meta: { preferredVisualisationType: "table" } });
}

function fieldType(type: string): FieldType {
  const inner = type.replace(/^(?:LowCardinality|Nullable)\((.*)\)$/, "$1").replace(/^SimpleAggregateFunction\(\w+, (.*)\)$/, "$1");
  if (/^Date/.test(inner)) return FieldType.time;
  if (/^(U?Int|Float|Decimal)/.test(inner)) return FieldType.number;
  return FieldType.string;
}

function convert(kind: FieldType, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (kind === FieldType.time) return Date.parse(`${String(value).replace(" ", "T")}Z`);
  if (kind === FieldType.number) return Number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Long to wide: one series for each combination of the text columns, over the same times. */
export function curves(frame: DataFrame): DataFrame {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const names = frame.fields.filter((field) => field.type === FieldType.string);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  if (!time || names.length === 0) return frame;
  const times = [...new Set<number>(time.values)].sort((a, b) => a - b);
  const place = new Map(times.map((moment, index) => [moment, index]));
  const series = new Map<string, Field>();
  time.values.forEach((moment: number, row: number) => {
    const labels = Object.fromEntries(names.map((field) => [field.name, String(field.values[row])]));
    for (const number of numbers) {
      const key = JSON.stringify([number.name, labels]);
      const field = series.get(key) ?? { name: number.name, labels, type: FieldType.number, config: {}, values: new Array(times.length).fill(null) };
      field.values[place.get(moment)!] = number.values[row];
      series.set(key, field);
    }
  });
  return toDataFrame({ refId: frame.refId, fields: [{ name: time.name, type: FieldType.time, config: {}, values: times }, ...series.values()] });
}

export function metrics(refId: string, legend: string, result: Series[]): DataFrame[] {
  return result.map(({ metric, values, value }) => {
    const points = values ?? (value ? [value] : []);
    const displayNameFromDS = legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? "");
    return toDataFrame({
      refId,
      fields: [
        { name: "Time", type: FieldType.time, values: points.map(([moment]) => moment * 1000) },
        { name: "Value", type: FieldType.number, labels: metric, config: { displayNameFromDS }, values: points.map(([, text]) => finite(text)) },
      ],
    });
  });
}

/** Prometheus writes 0/0 as NaN; a curve has a gap there. */
function finite(text: string): number | null {
  const value = Number(text);
  return Number.isNaN(value) ? null : value;
}
