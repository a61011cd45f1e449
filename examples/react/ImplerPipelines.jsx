import { useCallback, useEffect, useRef } from "react";

const scripts = {};

/** Load the widget's script once; gives `window.ImplerPipelines`. */
function load(src) {
  scripts[src] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = src;
    script.onload = () => resolve(window.ImplerPipelines);
    script.onerror = () => {
      delete scripts[src];
      script.remove();
      reject(new Error(`${src} could not be loaded`));
    };
    document.head.append(script);
  });
  return scripts[src];
}

/** The options as they are now, with callbacks that always call those of the last rendering. */
function useOptions(options) {
  const latest = useRef(options);
  useEffect(() => void (latest.current = options));
  return useCallback(() => ({
    ...latest.current,
    onConfirm: (importJob) => latest.current.onConfirm?.(importJob),
    onClose: () => latest.current.onClose?.(),
    onSessionExpired: () => latest.current.onSessionExpired?.(),
  }), []);
}

/**
 * The user's imports in the page, or with `view="import"` the steps of a new one. Another template
 * shows it anew; a new token is asked for by `onSessionExpired`, whatever `sessionToken` becomes.
 */
export function ImplerPipelines({ src, view = "imports", ...options }) {
  const container = useRef(null);
  const current = useOptions(options);
  useEffect(() => {
    let shown;
    let isGone = false;
    load(src)
      .then((embed) => {
        if (!isGone) shown = embed.imports({ ...current(), view, container: container.current });
      })
      .catch(console.error);
    return () => {
      isGone = true;
      shown?.close();
    };
  }, [src, view, options.templateId]);
  return <div ref={container} />;
}

/** A function that opens the steps of a new import over the page, for a button's `onClick`. */
export function useImport({ src, ...options }) {
  const current = useOptions(options);
  return useCallback(() => load(src).then((embed) => embed.show(current())), [src]);
}
