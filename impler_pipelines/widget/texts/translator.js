/** Turns keys into words of the user's language. Texts are flat objects of key → text. */

const LANGUAGES = { en: () => import("./en.js"), de: () => import("./de.js") };
const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"]);

/** A locale that Intl knows: the wanted one, the browser's, or English. */
export function usableLocale(wanted) {
  for (const candidate of [wanted, navigator.language, "en"]) {
    try {
      if (candidate) return Intl.getCanonicalLocales(candidate)[0];
    } catch {
      // Not a locale: the next one.
    }
  }
  return "en";
}

export const languageOf = (locale) => locale.split("-")[0];
export const directionOf = (locale) => (RIGHT_TO_LEFT.has(languageOf(locale)) ? "rtl" : "ltr");

/**
 * The texts of a locale: ours where there are some, English otherwise, below those of the host.
 * @param {string} locale
 * @param {Record<string, string>} [ofHost]
 * @returns {Promise<{texts: Record<string, string>, language: string}>} `language` is theirs
 */
export async function loadTexts(locale, ofHost) {
  const own = LANGUAGES[languageOf(locale)];
  const texts = (await (own || LANGUAGES.en)()).default;
  return { texts: { ...texts, ...ofHost }, language: own || ofHost ? locale : "en" };
}

/**
 * `t(key, values)`: `{name}` in a text is a value's place, numbers are written as the locale does.
 * With a `count`, the text is the key's plural form (`rows_one`, `rows_other`, …).
 * `t.has(key)` tells whether there is such a text.
 */
export function translator({ texts, language }, locale) {
  const plural = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(locale);
  const written = (value) => (typeof value === "number" ? numbers.format(value) : String(value));

  function t(key, values = {}) {
    const text = textOf(key, values.count);
    return text.replace(/\{(\w+)\}/g, (place, name) => name in values ? written(values[name]) : place);
  }

  function textOf(key, count) {
    if (typeof count !== "number") return texts[key] ?? key;
    return texts[`${key}_${plural.select(count)}`] ?? texts[`${key}_other`] ?? texts[key] ?? key;
  }

  t.has = (key) => key in texts;
  return t;
}
