/**
 * Applies what a host chose: light or dark, accent, corner radius, font. It goes through
 * `style.setProperty`, which a strict Content-Security-Policy permits.
 *
 * A host's accent is kept readable: text on it is black or white, whichever contrasts more, and
 * text in its colour is darkened or lightened until it contrasts 4.5 : 1 with the page.
 */

const PAGE = { light: [255, 255, 255], dark: [20, 23, 28] };
const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];
const READABLE = 4.5;

/** @param {"light"|"dark"|"auto"|{mode?: string, accent?: string, radius?: string, font?: string}} [theme] */
export function applyTheme(theme) {
  const { mode, accent, radius, font } = typeof theme === "string" ? { mode: theme } : theme ?? {};
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const set = (name, value, property) =>
    value && CSS.supports(property, value) && root.style.setProperty(name, value);
  set("--radius", radius, "border-radius");
  set("--font", font, "font-family");

  function paint() {
    const shade = mode === "light" || mode === "dark" ? mode : prefersDark.matches ? "dark" : "light";
    root.dataset.theme = shade;
    const color = accent && rgbOf(accent);
    if (!color) return;
    const onAccent = contrast(color, WHITE) >= contrast(color, BLACK) ? WHITE : BLACK;
    const asText = readable(color, PAGE[shade], shade === "dark" ? WHITE : BLACK);
    root.style.setProperty("--accent", css(color));
    root.style.setProperty("--on-accent", css(onAccent));
    root.style.setProperty("--accent-text", css(asText));
  }
  paint();
  prefersDark.addEventListener("change", paint);
}

/** Any CSS colour as red, green and blue; null if it is none. */
function rgbOf(color) {
  if (!CSS.supports("color", color)) return null;
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

const css = (color) => `rgb(${color.map(Math.round).join(" ")})`;
const mixed = (a, b, share) => a.map((value, at) => value + (b[at] - value) * share);

function readable(color, page, towards) {
  for (let share = 0; share < 1; share += 0.05) {
    const candidate = mixed(color, towards, share);
    // A little more than on the page itself, for the tinted surfaces on it.
    if (contrast(candidate, page) >= READABLE + 0.5) return candidate;
  }
  return towards;
}

/** The contrast of two colours, from 1 to 21 (WCAG 2, 1.4.3). */
function contrast(a, b) {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((one, other) => one - other);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(color) {
  const [red, green, blue] = color.map((value) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
