// A folder as it was on a day, compared with today.
import { useEffect, useState } from 'preact/hooks';
import { type Entry, type Refused, type Runs, api } from './api';
import { Days } from './days';
import { nameOf, shortDate, size, time, visible } from './format';
import { type Go, Loading, Name, Problem, Title, refusal } from './parts';
import { words } from './words';

export function FolderScreen({ runs, run, folder, go, replace }: {
  runs: Runs;
  run: string;
  folder: string;
  go: Go;
  replace: Go;
}) {
  const [entries, setEntries] = useState<Entry[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [states, setStates] = useState<Record<string, string>>({});
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [problem, setProblem] = useState<Refused | null>(null);
  const [picks, setPicks] = useState(false);
  const shown = runs.runs.find((one) => one.run === run);

  const load = async (known: Entry[], after: string | null) => {
    try {
      const page = await api.folder(run, folder, after);
      setEntries([...known, ...page.entries]);
      setNext(page.next);
      const files = page.entries.flatMap(({ path, file }) => (file ? [{ path, tag: file.tag }] : []));
      if (files.length === 0) return;
      const today = await api.today(files);
      const more = Object.fromEntries(files.map(({ path }, at) => [path, today.states[at] ?? '']));
      setStates((before) => ({ ...before, ...more }));
    } catch (error) {
      setProblem(refusal(error));
    }
  };
  useEffect(() => {
    setEntries(null);
    setProblem(null);
    setStates({});
    setChosen(new Set());
    void load([], null);
  }, [run, folder]);

  const choose = (paths: string[], on: boolean) => {
    const now = new Set(chosen);
    for (const path of paths) {
      if (on) now.add(path);
      else now.delete(path);
    }
    setChosen(now);
  };
  const files = (entries ?? []).filter((entry) => entry.file).map((entry) => entry.path);
  const canPutBack = !runs.read_only;
  return (
    <>
      <Crumbs folder={folder} run={run} go={go} />
      <div class="head">
        <Title>{folder ? <Name path={folder} /> : words.home}</Title>
        <button type="button" aria-expanded={picks} onClick={() => setPicks(!picks)}>
          {shown ? words.asOf(time(shown.ended_at)) : words.otherDay}
        </button>
      </div>
      {picks && (
        <Days
          runs={runs}
          run={run}
          choose={(other) => {
            setPicks(false);
            replace({ at: 'folder', run: other, folder });
          }}
          close={() => setPicks(false)}
        />
      )}
      {problem && <Problem problem={problem} again={() => (setProblem(null), void load([], null))} />}
      {!entries && !problem && <Loading />}
      {entries?.length === 0 && <p>{words.empty}</p>}
      {entries && entries.length > 0 && (
        <table>
          <caption class="hidden">{words.columns}</caption>
          <thead>
            <tr>
              {canPutBack && (
                <th class="tick">
                  <label>
                    <input
                      type="checkbox"
                      aria-label={words.selectAll}
                      disabled={files.length === 0}
                      checked={files.length > 0 && files.every((path) => chosen.has(path))}
                      onChange={(event) => choose(files, event.currentTarget.checked)}
                    />
                  </label>
                </th>
              )}
              <th>{words.name}</th>
              <th class="number">{words.fileSize}</th>
              <th class="wide">{words.changedAt}</th>
              <th>{words.today}</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Row
                key={entry.path}
                entry={entry}
                state={states[entry.path]}
                chosen={chosen.has(entry.path)}
                choose={canPutBack ? (on) => choose([entry.path], on) : null}
                open={() =>
                  entry.file ? go({ at: 'file', path: entry.path }) : go({ at: 'folder', run, folder: entry.path })
                }
              />
            ))}
          </tbody>
        </table>
      )}
      {next && (
        <button type="button" onClick={() => void load(entries ?? [], next)}>
          {words.more}
        </button>
      )}
      {canPutBack && entries && entries.length > 0 && (
        <div class="actions">
          {chosen.size > 0 ? (
            <>
              <span role="status">{words.chosen(chosen.size)}</span>
              <button
                type="button"
                class="main"
                onClick={() => go({ at: 'check', wish: { run, files: [...chosen] }, title: folder })}
              >
                {words.putBackChosen}
              </button>
            </>
          ) : (
            folder && (
              <button type="button" onClick={() => go({ at: 'check', wish: { run, folder }, title: folder })}>
                {words.putBackFolder}
              </button>
            )
          )}
        </div>
      )}
    </>
  );
}

function Row({ entry, state, chosen, choose, open }: {
  entry: Entry;
  state: string | undefined;
  chosen: boolean;
  choose: ((on: boolean) => void) | null;
  open: () => void;
}) {
  const { path, file } = entry;
  return (
    <tr>
      {choose && (
        <td class="tick">
          {file && (
            <label>
              <input
                type="checkbox"
                checked={chosen}
                aria-label={words.select(visible(nameOf(path)))}
                onChange={(event) => choose(event.currentTarget.checked)}
              />
            </label>
          )}
        </td>
      )}
      <td class="path">
        <button type="button" class={file ? 'link' : 'link folder'} onClick={open}>
          <Name path={path} />
        </button>
      </td>
      <td class="number">{file ? size(file.size) : words.folderKind}</td>
      <td class="wide">{file && shortDate(file.modified)}</td>
      <td>
        {file?.cold && <span class="badge">{words.cold}</span>}
        {file && state && <span class={`badge ${state}`}>{words.state[state]}</span>}
      </td>
    </tr>
  );
}

function Crumbs({ folder, run, go }: { folder: string; run: string; go: Go }) {
  if (!folder) return null;
  const parts = folder.split('/').slice(0, -1);
  const paths = parts.map((_, at) => `${parts.slice(0, at + 1).join('/')}/`);
  return (
    <nav class="crumbs" aria-label={words.folders}>
      <ol>
        <li>
          <button type="button" class="link" onClick={() => go({ at: 'folder', run, folder: '' })}>
            {words.home}
          </button>
        </li>
        {paths.slice(0, -1).map((path) => (
          <li key={path}>
            <button type="button" class="link" onClick={() => go({ at: 'folder', run, folder: path })}>
              <Name path={path} />
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
