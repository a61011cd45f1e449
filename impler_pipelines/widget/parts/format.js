/** Numbers, sizes and times as the user's locale writes them. */

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte"];

/** @param {string} locale */
export function formats(locale) {
  const numbers = new Intl.NumberFormat(locale);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const lists = new Intl.ListFormat(locale, { type: "conjunction" });
  const dateTime = (options) => new Intl.DateTimeFormat(locale, options);
  const values = new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 17 });
  const loaded = dateTime({ dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
  const loadedDate = dateTime({ dateStyle: "medium", timeZone: "UTC" });
  const short = dateTime({ dateStyle: "medium", timeStyle: "short" });

  return {
    locale,
    number: (value) => numbers.format(value),
    list: (items) => lists.format(items),

    /** `12.3 MB` */
    bytes(count) {
      const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), SIZES.length - 1);
      return new Intl.NumberFormat(locale, {
        style: "unit", unit: SIZES[power], unitDisplay: power ? "short" : "long",
        maximumFractionDigits: power > 1 ? 1 : 0,
      }).format(count / 1000 ** power);
    },

    /** A number as it is loaded: every digit, ungrouped. */
    value: (number) => values.format(number),

    /** A moment as it is loaded: in UTC; midnight is a date. */
    loadedMoment: (iso) => (iso.includes("T00:00:00Z") ? loadedDate : loaded).format(new Date(iso)),

    /** A moment (ISO 8601) in the user's own zone. */
    moment: (iso) => short.format(new Date(iso)),

    /** A moment in the zone of a schedule, with its weekday. */
    momentIn: (iso, timeZone) => dateTime({
      timeZone, weekday: "long", day: "numeric", month: "long", year: "numeric",
      hour: "numeric", minute: "2-digit",
    }).format(new Date(iso)),

    /** `in 5 hours`, `3 days ago` */
    fromNow(iso) {
      const away = (new Date(iso) - Date.now()) / 1000;
      const [unit, size] = UNITS.find(([, one]) => Math.abs(away) >= one * 0.95) || UNITS.at(-1);
      return relative.format(Math.round(away / size), unit);
    },

    /** `1 min, 20 sec` between two moments. */
    duration(from, to) {
      const total = Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000));
      const [minutes, rest] = [Math.floor(total / 60), total % 60];
      const part = (value, unit) =>
        new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
      if (!minutes) return part(rest, "second");
      return rest ? `${part(minutes, "minute")} ${part(rest, "second")}` : part(minutes, "minute");
    },

    /** A date (YYYY-MM-DD), whatever the zone. */
    date: (day) => dateTime({ dateStyle: "long", timeZone: "UTC" }).format(new Date(`${day}T00:00Z`)),

    /** `09:30` or `9:30 AM` for the wall time `09:30`. */
    time: (at) =>
      dateTime({ timeStyle: "short", timeZone: "UTC" }).format(new Date(`2024-01-01T${at}Z`)),

    /** Names of the weekdays, Monday first: `weekday(0, "short")`. */
    weekday: (index, style) =>
      dateTime({ weekday: style, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + index))),
  };
}
