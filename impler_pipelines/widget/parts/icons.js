/** The few icons there are, as SVG in the text's colour. They are decoration: words stand beside. */

import { html } from "../vendor/preact-htm.js";

const PATHS = {
  check: "M4 10.5l4 4 8-9",
  close: "M5 5l10 10M15 5L5 15",
  chevron: "M5 8l5 5 5-5",
  alert: "M10 6v5M10 14v.5M10 2.5l8 14.5H2z",
  info: "M10 9v5M10 6v.5M10 18a8 8 0 100-16 8 8 0 000 16z",
  clock: "M10 5v5l3 2M10 18a8 8 0 100-16 8 8 0 000 16z",
  arrow: "M16 10H4M9 5l-5 5 5 5",
  feed: "M4 4a12 12 0 0112 12M4 9a7 7 0 017 7M5 15.5v.5",
  file: "M5 2.5h6l4 4v11H5zM11 2.5v4h4",
  download: "M10 3v9M6 8.5l4 4 4-4M4 16.5h12",
  plus: "M10 4v12M4 10h12",
};

/** @param {{name: keyof PATHS}} props */
export function Icon({ name }) {
  return html`
    <svg class=${`icon icon-${name}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d=${PATHS[name]} />
    </svg>
  `;
}
