// Small parts that several screens have.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Refused } from './api';
import { nameOf, visible } from './format';
import { isHosted } from './sign-in';
import { words } from './words';

/** A screen that the person can go back to. */
export type Screen =
  | { at: 'find' }
  | { at: 'folder'; run: string; folder: string }
  | { at: 'file'; path: string }
  | { at: 'check'; wish: import('./api').Wish; title: string }
  | { at: 'undo'; id: string }
  | { at: 'progress'; id: string; begun?: boolean }
  | { at: 'activity' };
export type Go = (screen: Screen) => void;

/** A name: bidirectional text cannot leave it, and nothing in it is hidden. */
export function Name({ path, whole = false }: { path: string; whole?: boolean }) {
  return <bdi class="name">{visible(whole ? path : nameOf(path)) || words.noName}</bdi>;
}

/** The title of a screen takes the focus, so that a screen reader says where one is. */
export function Title({ children }: { children: ComponentChildren }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <h1 tabIndex={-1} ref={title}>
      {children}
    </h1>
  );
}

export function Problem({ problem, again }: { problem: Refused; again?: () => void }) {
  const nobody = isHosted() ? words.noConnection : words.noServer;
  const text = problem.status === 0 ? nobody : problem.message;
  return (
    <div class="problem" role="alert">
      <p>{visible(text)}</p>
      {again && (
        <button type="button" onClick={again}>
          {words.tryAgain}
        </button>
      )}
    </div>
  );
}

export function Loading({ text = words.loading }: { text?: string }) {
  return (
    <p class="loading" role="status">
      {text}
    </p>
  );
}

export const refusal = (problem: unknown) =>
  problem instanceof Refused ? problem : new Refused(-1, String(problem));

/** What a call answers, and a way to call again. A newer call wins over an older one. */
export function useCall<T>(call: () => Promise<T>, on: unknown[]) {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setValue(null);
    setProblem(null);
    call().then(
      (answer) => current && setValue(() => answer),
      (error) => current && setProblem(refusal(error)),
    );
    return () => {
      current = false;
    };
  }, [...on, round]);
  return { value, problem, again: () => setRound(round + 1) };
}
