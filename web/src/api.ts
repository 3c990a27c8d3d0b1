// The calls of the page: JSON by POST, with the token of this tab. Names never stand in an address.

import { bearer, isHosted, signInAgain, signInByPage } from './sign-in';

export interface Run {
  run: string;
  started_at: string;
  ended_at: string;
  files: number;
  bytes: number;
  errors: number;
}
export interface Runs {
  source: string;
  runs: Run[];
  problem: string | null;
  more: boolean;
  read_only: boolean;
  second_copy: boolean;
}
export interface Facts {
  size: number;
  modified: string;
  tag: string;
  version: string | null;
  cold: boolean;
}
export interface Entry {
  path: string;
  file: Facts | null;
}
export interface Folder {
  entries: Entry[];
  next: string | null;
}
export interface Place {
  run: string;
  segment: number;
  after: string | null;
}
export interface Found {
  files: { path: string; run: string; file: Facts }[];
  next: Place | null;
  done: number;
  of: number;
}
export interface DeletedFile {
  path: string;
  run: string;
  last_seen: string;
  gone_by: string;
  file: Facts;
}
export interface Deleted {
  files: DeletedFile[];
  next: string | null;
  after: string | null;
}
/** Where an answer ended that told of deleted files. */
export interface DeletedPlace {
  from: string | null;
  after: string | null;
}
export interface FileState {
  kind: 'there' | 'deleted' | 'between';
  run: string | null;
  since: string;
  after: string | null;
  file: Facts | null;
}
export interface History {
  path: string;
  states: FileState[];
}
export interface Wish {
  run?: string;
  version?: string;
  files?: string[];
  folder?: string;
}
export interface Amount {
  name: string;
  objects: number;
  bytes: number;
}
export interface Plan {
  id: string;
  kind: 'restore' | 'undo';
  copies_into: string | null;
  can_confirm: boolean;
  needs_admin: string | null;
  happens: Amount[];
  cold: number;
  hours: number;
  cost_usd: number | null;
  files: { key: string; happens: string }[];
  left_alone: string[];
}
export interface Restore {
  id: string;
  kind: 'restore' | 'undo';
  undoes: string | null;
  undone_by: string | null;
  stage: string;
  run: string | null;
  target: string;
  asked_by: string;
  started_at: string;
  objects_found: number;
  objects_restored: number;
  objects_waiting: number;
  errors: number;
  left: number;
  ready_at: string | null;
  /** A file, or a folder, which is empty for all; none if that is not known. */
  what: string | null;
  what_more: number;
}
export interface Progress {
  restore: Restore;
  problem: string | null;
}

/** What the server refused, in words for a person. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = 'token';

async function send(route: string, asked: unknown): Promise<Response> {
  const token = bearer() ?? sessionStorage.getItem(TOKEN);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers['authorization'] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(`/api/${route}`, { method: 'POST', headers, body: JSON.stringify(asked) });
  } catch {
    throw new Refused(0, '');
  }
  if (response.ok) return response;
  if (response.status === 401 && isHosted()) await signInAgain();
  const problem: { message?: string } = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem.message ?? response.statusText);
}

async function ask<T>(route: string, asked: unknown): Promise<T> {
  return (await send(route, asked)).json();
}

/** Signs in: by a sign-in page, or by the secret of the link, which is traded for a token, once. */
export async function signIn(): Promise<void> {
  try {
    await signInByPage();
  } catch (problem) {
    // Nobody answers, or the sign-in did not end well.
    throw problem instanceof TypeError && !isHosted() ? new Refused(0, '') : new Refused(401, String(problem));
  }
  if (isHosted()) {
    await ask<{ name: string | null; role: string }>('me', {});
    return;
  }
  const secret = location.hash.slice(1);
  if (!secret) return;
  history.replaceState(null, '', location.pathname);
  try {
    const { token } = await ask<{ token: string }>('session', { secret });
    sessionStorage.setItem(TOKEN, token);
  } catch (problem) {
    if (!sessionStorage.getItem(TOKEN)) throw problem;
  }
}

/** A plan and a cancellation need the same lease: the one waits for the other. */
let cancelled: Promise<unknown> = Promise.resolve();

export const api = {
  runs: () => ask<Runs>('runs', {}),
  folder: (run: string, folder: string, after: string | null) => ask<Folder>('folder', { run, folder, after }),
  today: (files: { path: string; tag: string }[]) => ask<{ states: string[] }>('today', { files }),
  search: (text: string, from: Place | null) => ask<Found>('search', { text, from }),
  deleted: (place: DeletedPlace) => ask<Deleted>('deleted', { days: 30, ...place }),
  file: (path: string) => ask<History>('file', { path }),
  preview: (path: string, version: string) => send('preview', { path, version }),
  download: (path: string, version: string) => ask<{ url: string }>('download', { path, version }),
  plan: (wish: Wish, copy: boolean) => cancelled.then(() => ask<Plan>('plan', { ...wish, copy })),
  undo: (id: string) => cancelled.then(() => ask<Plan>('undo', { id })),
  confirm: (id: string) => ask<{ id: string }>('confirm', { id }),
  cancel: (id: string) => {
    const answer = ask<{ id: string }>('cancel', { id });
    cancelled = answer.catch(() => undefined);
    return answer;
  },
  progress: (id: string) => ask<Progress>('progress', { id }),
  activity: () => ask<{ restores: Restore[]; more: boolean }>('activity', {}),
};
