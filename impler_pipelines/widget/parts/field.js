/** A labelled control with its hint, and its error beside it. */

import { html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { useShell } from "./shell.js";

/**
 * @param {{id: string, label: string, hint?: string, error?: string, isOptional?: boolean,
 *   class?: string, children: (props: object) => unknown}} props `children` gets what the control
 *   needs: id, aria-describedby, aria-invalid
 */
export function Field({ id, label, hint, error, isOptional = false, class: more = "", children }) {
  const { t } = useShell();
  const describedBy = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`
    <div class=${`field ${more}`}>
      <label for=${id}>
        ${label} ${isOptional && html`<span class="optional">${t("field.optional")}</span>`}
      </label>
      ${children({
        id,
        "aria-describedby": describedBy || null,
        "aria-invalid": error ? "true" : null,
      })}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      <${FieldError} id=${`${id}-error`} error=${error} />
    </div>
  `;
}

export function FieldError({ id, error }) {
  if (!error) return null;
  return html`<p class="field-error" id=${id} role="alert"><${Icon} name="alert" /> <span>${error}</span></p>`;
}
