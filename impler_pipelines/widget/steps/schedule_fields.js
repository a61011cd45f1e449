/**
 * A schedule as its form's fields, and as requests have it. Pure.
 *
 * @typedef {{
 *   every: number|"", unit: "minutes"|"hours"|"days"|"weeks"|"months"|"cron",
 *   at: string, weekdays: string[], dayOfMonth: number, startsOn: string|null,
 *   cron: string|null,          only of an import job that came with one
 *   timezone: string, endsOn: string|null,   a date, YYYY-MM-DD
 * }} ScheduleFields
 */

export const UNITS = ["minutes", "hours", "days", "weeks", "months"];
export const WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/** Every day at nine, where the user is. @returns {ScheduleFields} */
export const defaultSchedule = () => ({
  every: 1,
  unit: "days",
  at: "09:00",
  weekdays: ["MON"],
  dayOfMonth: 1,
  startsOn: null,
  cron: null,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
  endsOn: null,
});

/** The schedule of an import job as fields. @returns {ScheduleFields} */
export function scheduleOf(job) {
  const { interval, cron, timezone, endsOn } = job;
  const fields = { ...defaultSchedule(), timezone, endsOn: endsOn && dayIn(endsOn, timezone) };
  if (cron) return { ...fields, unit: "cron", cron };
  if (!interval) return { ...fields, timezone: defaultSchedule().timezone };
  return { ...fields, ...interval };
}

/** `{interval | cron, timezone, endsOn?}` as requests have it. */
export function scheduleBody(fields) {
  const { every, unit, at, weekdays, dayOfMonth, startsOn, cron, timezone, endsOn } = fields;
  const rest = { timezone, ...(endsOn && { endsOn }) };
  if (unit === "cron") return { cron, ...rest };
  const interval = { every: Number(every), unit };
  if (unit === "days" || unit === "weeks" || unit === "months") interval.at = at;
  if (unit === "weeks") interval.weekdays = WEEKDAYS.filter((day) => weekdays.includes(day));
  if (unit === "months") interval.dayOfMonth = Number(dayOfMonth);
  if (startsOn) interval.startsOn = startsOn;
  return { interval, ...rest };
}

/** The date of a moment in a zone: YYYY-MM-DD. */
export function dayIn(iso, timeZone) {
  return new Intl.DateTimeFormat("en-CA", { timeZone }).format(new Date(iso));
}

/**
 * The schedule in words. The server writes English; a language whose texts have sentences of their
 * own (`sentence.days`, …) has those instead.
 *
 * @param {{interval?: object|null, timezone: string, endsOn?: string|null, scheduleText: string|null}}
 *   schedule `endsOn` a date or a moment
 */
export function sentence(t, format, schedule) {
  const { interval, timezone, endsOn, scheduleText } = schedule;
  if (!interval || !t.has(`sentence.${interval.unit}_other`)) return scheduleText || "";
  const words = t(`sentence.${interval.unit}`, {
    count: interval.every,
    at: interval.at ? format.time(interval.at) : "",
    weekdays: format.list((interval.weekdays || []).map(
      (day) => format.weekday(WEEKDAYS.indexOf(day), "long"),
    )),
    day: interval.dayOfMonth ?? "",
    zone: timezone,
  });
  if (!endsOn) return words;
  const day = endsOn.includes("T") ? dayIn(endsOn, timezone) : endsOn;
  return words + t("sentence.until", { date: format.date(day) });
}
