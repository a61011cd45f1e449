/**
 * A text field that searches a list (WAI-ARIA's combobox with a listbox). Of thousands of options
 * only those in sight are in the page: rows have one height.
 */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { useShell } from "./shell.js";

const MOST_ROWS = 6;
const SPARE_ROWS = 4;

/**
 * @typedef {{value: string, label: string, search: string}} Option `label` is what the field shows,
 *   `search` what typed words are looked for in, in lower case
 *
 * @param {{
 *   id: string, options: Option[], value: string|null, onChoose: (value: string|null) => void,
 *   row: (option: Option) => unknown, rowHeight: number, listLabel: string, placeholder?: string,
 *   clearLabel?: string, dir?: "ltr", attributes?: object,
 * }} props with `clearLabel` the value can be taken away; `dir` is that of the options' labels, where
 *   it is not the page's; `attributes` go to the field
 */
export function Combobox(props) {
  const { id, options, value, onChoose, row, rowHeight, listLabel, placeholder, clearLabel } = props;
  const { t } = useShell();
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState(null);
  const [active, setActive] = useState(0);
  const [isAbove, setAbove] = useState(false);
  const field = useRef(null);
  const chosen = useMemo(() => options.find((option) => option.value === value), [options, value]);
  const found = useMemo(() => matching(options, typed), [options, typed]);

  function open() {
    if (isOpen) return;
    const box = field.current.getBoundingClientRect();
    const needed = MOST_ROWS * rowHeight + 16;
    const below = window.innerHeight - box.bottom;
    setAbove(below < needed && box.top > below);
    setActive(Math.max(0, options.indexOf(chosen)));
    setOpen(true);
  }

  function shut() {
    setOpen(false);
    setTyped(null);
  }

  function choose(option) {
    if (option) onChoose(option.value);
    shut();
  }

  function type(text) {
    open();
    setTyped(text);
    setActive(0);
  }

  function press(event) {
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: MOST_ROWS, PageUp: -MOST_ROWS }[event.key];
    if (move && !event.altKey) {
      if (isOpen) setActive(Math.max(0, Math.min(found.length - 1, active + move)));
      else open();
    } else if (event.key === "ArrowDown") open();
    else if (event.key === "ArrowUp") shut();
    else if (event.key === "Enter") isOpen ? choose(found[active]) : open();
    else if (event.key === "Escape" && isOpen) shut();
    else return;
    event.preventDefault();
  }

  const optionId = (index) => `${id}-option-${index}`;
  return html`
    <div class="combobox" dir=${props.dir ?? null}>
      <input
        type="text" role="combobox" id=${id} ref=${field} class="input" autocomplete="off" spellcheck=${false}
        aria-expanded=${String(isOpen)} aria-controls=${`${id}-list`} aria-autocomplete="list"
        aria-activedescendant=${isOpen && found.length ? optionId(active) : null}
        placeholder=${placeholder} value=${typed ?? chosen?.label ?? ""}
        onInput=${(event) => type(event.target.value)} onKeyDown=${press}
        onFocus=${(event) => event.target.select()} onClick=${open} onBlur=${shut} ...${props.attributes}
      />
      ${clearLabel && value !== null
        ? html`
            <button type="button" class="combobox-clear" aria-label=${clearLabel} onClick=${() => onChoose(null)}>
              <${Icon} name="close" />
            </button>
          `
        : html`<span class="combobox-mark"><${Icon} name="chevron" /></span>`}
      ${isOpen && html`
        <${Options}
          id=${`${id}-list`} label=${listLabel} options=${found} active=${active} value=${value}
          rowHeight=${rowHeight} row=${row} optionId=${optionId} isAbove=${isAbove} onChoose=${choose}
        />
      `}
      <span class="sr-only" role="status">
        ${isOpen && typed !== null ? t("combobox.found", { count: found.length }) : ""}
      </span>
    </div>
  `;
}

/** The options in sight, and a few above and below. */
function Options({ id, label, options, active, value, rowHeight, row, optionId, isAbove, onChoose }) {
  const { t } = useShell();
  const [top, setTop] = useState(0);
  const list = useRef(null);
  const height = MOST_ROWS * rowHeight;

  useLayoutEffect(() => {
    const [start, end] = [active * rowHeight, (active + 1) * rowHeight];
    if (start < list.current.scrollTop) list.current.scrollTop = start;
    if (end > list.current.scrollTop + height) list.current.scrollTop = end - height;
    setTop(list.current.scrollTop);
  }, [active, options]);
  useEffect(() => list.current.scrollIntoView({ block: "nearest" }), []);

  const first = Math.max(0, Math.floor(top / rowHeight) - SPARE_ROWS);
  const last = Math.min(options.length, Math.ceil((top + height) / rowHeight) + SPARE_ROWS);
  const shown = options.slice(first, last);
  // The active option is always there, since the field points at it.
  const places = shown.map((option, index) => [option, first + index]);
  if (options[active] && (active < first || active >= last)) places.push([options[active], active]);

  return html`
    <div
      class=${isAbove ? "options above" : "options"} ref=${list} id=${id} role="listbox" aria-label=${label}
      tabindex="-1" style=${{ maxBlockSize: `${height}px` }}
      onScroll=${(event) => setTop(event.currentTarget.scrollTop)}
      onMouseDown=${(event) => event.preventDefault()}
    >
      ${options.length === 0 && html`<p class="options-none">${t("combobox.none")}</p>`}
      <div role="presentation" class="options-all" style=${{ blockSize: `${options.length * rowHeight}px` }}>
        ${places.map(([option, index]) => html`
          <div
            key=${option.value} role="option" id=${optionId(index)}
            class=${index === active ? "option active" : "option"} aria-selected=${String(option.value === value)}
            aria-setsize=${options.length} aria-posinset=${index + 1}
            style=${{ blockSize: `${rowHeight}px`, transform: `translateY(${index * rowHeight}px)` }}
            onClick=${() => onChoose(option)}
          >
            ${row(option)}
          </div>
        `)}
      </div>
    </div>
  `;
}

function matching(options, typed) {
  const words = (typed || "").toLowerCase().split(/[\s>]+/).filter(Boolean);
  if (!words.length) return options;
  return options.filter((option) => words.every((word) => option.search.includes(word)));
}
