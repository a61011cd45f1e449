/** The few hooks that several parts share. */

import { useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { isAbort } from "../api.js";

/**
 * Ask again whenever `key` changes, `delay` milliseconds after it last did; answers to an earlier
 * key are dropped. While a new answer is awaited the last one stays.
 *
 * @param {string|null} key null: nothing is asked
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @returns {{answer: T|null, problem: Error|null, isAsking: boolean, again: () => void}}
 * @template T
 */
export function useAnswer(key, delay, ask) {
  const [state, setState] = useState({ answer: null, problem: null, isAsking: key !== null });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (key === null) {
      setState({ answer: null, problem: null, isAsking: false });
      return undefined;
    }
    const controller = new AbortController();
    setState((before) => ({ ...before, isAsking: true }));
    const timer = setTimeout(async () => {
      try {
        const answer = await ask(controller.signal);
        if (!controller.signal.aborted) setState({ answer, problem: null, isAsking: false });
      } catch (problem) {
        if (controller.signal.aborted || isAbort(problem)) return;
        setState({ answer: null, problem, isAsking: false });
      }
    }, delay);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [key, tries]);
  return { ...state, again: () => setTries((count) => count + 1) };
}

/**
 * Call `poll` now and again, each time `seconds` after the last one ended, while `isOn`.
 * A call that fails says so to `onProblem`, and polling goes on.
 */
export function usePolling(isOn, seconds, poll, onProblem = () => {}) {
  const latest = useRef(poll);
  latest.current = poll;
  useEffect(() => {
    if (!isOn) return undefined;
    let isStopped = false;
    let timer;
    async function next() {
      let wait = seconds;
      try {
        if (!document.hidden) await latest.current();
      } catch (problem) {
        wait = Math.max(problem.retryAfter || 0, seconds * 2);
        if (!isStopped) onProblem(problem);
      }
      if (!isStopped) timer = setTimeout(next, wait * 1000);
    }
    next();
    return () => {
      isStopped = true;
      clearTimeout(timer);
    };
  }, [isOn, seconds]);
}

/** A ref for an element that is scrolled into sight when `told`, which is shown in it, changes. */
export function useInSight(told) {
  const element = useRef(null);
  useEffect(() => {
    if (told) element.current.scrollIntoView({ block: "nearest" });
  }, [told]);
  return element;
}

/** A ref for an element that gets the focus when `key` changes, not when it is first shown. */
export function useFocusOn(key, { alsoFirst = false } = {}) {
  const element = useRef(null);
  const isFirst = useRef(!alsoFirst);
  useEffect(() => {
    if (!isFirst.current) element.current?.focus();
    isFirst.current = false;
  }, [key]);
  return element;
}
