// Values as words: numbers by their unit, times in the reader's time zone.

// --- numbers ---

function shorten(value, suffixes, step) {
  let place = 0;
  while (Math.abs(value) >= step && place < suffixes.length - 1) [value, place] = [value / step, place + 1];
  return `${Number(value.toPrecision(3))}${suffixes[place]}`;
}

export function shown(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  switch (unit) {
    case "percentunit": return `${(value * 100).toFixed(2)} %`;
    case "s": return value < 1e-3 ? `${(value * 1e6).toFixed(0)} µs` : value < 1 ? `${Number((value * 1e3).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
    case "bytes": return shorten(value, [" B", " KiB", " MiB", " GiB", " TiB"], 1024);
    case "reqps": return `${Number(value.toPrecision(3))}/s`;
    case "string": return String(value);
    case "currencyUSD": return `$${value >= 1 ? shorten(value, ["", " K", " M"], 1000) : Number(value.toPrecision(3))}`;
    default: return shorten(value, ["", " K", " M", " G"], 1000);
  }
}

export const isTime = (type) => /^Date/.test(type);
export const isNumber = (type) => /^(Nullable\()?(SimpleAggregateFunction\(\w+, )?(U?Int|Float|Decimal)/.test(type);
export const seconds = (text) => Date.parse(`${String(text).replace(" ", "T")}Z`) / 1000;

// --- times, in the reader's time zone ---

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const two = (number) => String(number).padStart(2, "0");
export const day = (moment) => `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
export const clock = (moment) => moment.toLocaleTimeString([], { ...CLOCK, second: "2-digit" });

/** The words under an axis whose ticks are `step` seconds apart. */
export function ticks(times, step) {
  return times.map((time, at) => {
    const moment = new Date(time * 1000);
    if (step >= 86_400) return day(moment).slice(5);
    const text = step < 60 ? clock(moment) : moment.toLocaleTimeString([], CLOCK);
    return at === 0 || text.startsWith("00:00") ? `${text}\n${day(moment).slice(5)}` : text;
  });
}
