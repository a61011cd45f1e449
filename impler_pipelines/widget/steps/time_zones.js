/** The time zones that the browser knows, as options of a combobox. */

/**
 * @param {string} locale
 * @param {string} current is in the list, whatever the browser says
 */
export function zoneOptions(locale, current) {
  const names = new Set([...Intl.supportedValuesOf("timeZone"), "UTC", current]);
  return [...names].sort().map((name) => {
    const [label, offset] = [name.replaceAll("_", " "), offsetOf(name, locale)];
    return { value: name, label, offset, search: `${name} ${label} ${offset}`.toLowerCase() };
  });
}

const known = new Map();

/** `GMT+2`, as it is now. */
function offsetOf(timeZone, locale) {
  const key = `${locale} ${timeZone}`;
  if (!known.has(key)) {
    let name = "";
    try {
      const parts = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "shortOffset" }).formatToParts();
      name = parts.find((part) => part.type === "timeZoneName").value;
    } catch {
      // A zone that this browser does not know yet; the server does.
    }
    known.set(key, name);
  }
  return known.get(key);
}
