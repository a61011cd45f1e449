/** Headings of a feed as people read them. Pure: it shows nothing. */

const BETWEEN = " > ";

/** A heading within its record: `g:price` for `rss > channel > item > g:price`. */
export function shortPath(path, recordPath) {
  const start = recordPath + BETWEEN;
  return recordPath && path.startsWith(start) ? path.slice(start.length) : path;
}

/**
 * Headings as options of a combobox.
 * @param {{path: string, samples: string[], count: number, repeated: boolean}[]} headings
 */
export function headingOptions(headings, recordPath) {
  return headings.map((heading) => ({
    ...heading,
    value: heading.path,
    label: shortPath(heading.path, recordPath),
    search: `${heading.path} ${heading.samples.join(" ")}`.toLowerCase(),
  }));
}

/**
 * The mapping to begin with: what was mapped before where the feed still has it, otherwise what is
 * suggested. A column that was left out on purpose (null) stays so.
 * @param {Record<string, {path: string, repeated: string}|null>} before by column key
 * @param {{headings: object[], suggestions?: {key: string, path: string|null, score?: number}[]}} feed
 */
export function startingMappings(before, feed) {
  const paths = new Set(feed.headings.map((heading) => heading.path));
  const mappings = {};
  for (const { key, path } of feed.suggestions || []) {
    if (path) mappings[key] = { path, repeated: "first" };
  }
  for (const [key, mapping] of Object.entries(before)) {
    if (mapping === null || paths.has(mapping.path)) mappings[key] = mapping;
  }
  return mappings;
}

/** Columns that have to be mapped and aren't: a default value fills a column by itself. */
export function missingColumns(columns, mappings) {
  return columns.filter(
    (column) => column.isRequired && !column.defaultValue && !mappings[column.key],
  );
}

/** Whether an import can be made of these mappings. */
export const isMapped = (columns, mappings) =>
  missingColumns(columns, mappings).length === 0 && Object.values(mappings).some(Boolean);

/** Mappings as requests send them, in the columns' order. */
export function mappingList(columns, mappings) {
  return columns
    .filter((column) => mappings[column.key])
    .map((column) => ({ key: column.key, ...mappings[column.key] }));
}
