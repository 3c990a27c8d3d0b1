// One file over time: what it was when, to look at, to download, to put back.
import { useEffect, useState } from 'preact/hooks';
import { type Facts, type FileState, type Refused, type Runs, type Wish, api } from './api';
import { folderOf, nameOf, shortDay, size, time, visible } from './format';
import { type Go, Loading, Name, Problem, Title, refusal, useCall } from './parts';
import { words } from './words';

/** The most text that a preview has, in bytes. */
const MOST_TEXT = 64 * 1024;

export function FileScreen({ runs, path, go }: { runs: Runs; path: string; go: Go }) {
  const { value, problem, again } = useCall(() => api.file(path), [path]);
  const folder = folderOf(path);
  const run = value?.states.find((state) => state.kind === 'there')?.run ?? runs.runs[0]?.run;
  return (
    <>
      <Title>
        <Name path={path} />
      </Title>
      <p class="quiet">
        {run && (
          <button type="button" class="link folder" onClick={() => go({ at: 'folder', run, folder })}>
            {folder ? <Name path={folder} whole /> : words.home}
          </button>
        )}
      </p>
      {problem && <Problem problem={problem} again={again} />}
      {!value && !problem && <Loading />}
      {value && (
        <section>
          <h2>{words.history}</h2>
          <ol class="states">
            {value.states.map((state, at) => (
              <li key={`${state.since} ${state.kind} ${at}`}>
                <State state={state} path={path} first={at === 0} canPutBack={!runs.read_only} go={go} />
              </li>
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

function State({ state, path, first, canPutBack, go }: {
  state: FileState;
  path: string;
  first: boolean;
  canPutBack: boolean;
  go: Go;
}) {
  const [shows, setShows] = useState(false);
  const [problem, setProblem] = useState<Refused | null>(null);
  const { file, run } = state;
  if (!file) {
    const after = state.after ? shortDay(state.after) : '';
    return <p class="gone">{words.wasDeleted(after, shortDay(state.since))}</p>;
  }
  const version = file.version;
  const wish: Wish | null = run ? { run, files: [path] } : version ? { version, files: [path] } : null;
  const download = async (id: string) => {
    try {
      const { url } = await api.download(path, id);
      location.assign(url);
    } catch (error) {
      setProblem(refusal(error));
    }
  };
  return (
    <div class="state">
      <p>
        <strong>{time(file.modified)}</strong> · {size(file.size)}
        {first && state.kind === 'there' && <span class="badge same">{words.current}</span>}
        {file.cold && <span class="badge">{words.cold}</span>}
        <span class="quiet line">
          {state.kind === 'between' ? words.between(time(state.since)) : words.since(time(state.since))}
        </span>
      </p>
      <div class="buttons">
        {version && !file.cold && (
          <>
            <button type="button" aria-expanded={shows} onClick={() => setShows(!shows)}>
              {words.preview}
            </button>
            <button type="button" onClick={() => void download(version)}>
              {words.download}
            </button>
          </>
        )}
        {canPutBack && wish && (
          <button type="button" class="main" onClick={() => go({ at: 'check', wish, title: path })}>
            {words.putBack}
          </button>
        )}
      </div>
      {problem && <Problem problem={problem} />}
      {shows && version && <Preview path={path} version={version} file={file} />}
    </div>
  );
}

function Preview({ path, version, file }: { path: string; version: string; file: Facts }) {
  const [shown, setShown] = useState<{ text?: string; url?: string } | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  useEffect(() => {
    let url = '';
    let current = true;
    const load = async () => {
      const answer = await api.preview(path, version);
      const kind = answer.headers.get('content-type') ?? '';
      if (kind.startsWith('image/')) {
        url = URL.createObjectURL(await answer.blob());
        if (current) setShown({ url });
      } else {
        const text = await answer.text();
        if (current) setShown({ text });
      }
    };
    load().catch((error) => current && setProblem(refusal(error)));
    return () => {
      current = false;
      if (url) URL.revokeObjectURL(url);
    };
  }, [path, version]);
  const name = visible(nameOf(path));
  if (problem?.status === 404) return <p class="quiet">{words.previewNone}</p>;
  if (problem) return <Problem problem={problem} />;
  if (!shown) return <Loading />;
  return (
    <figure class="preview" aria-label={words.previewOf(name)}>
      {shown.url ? <img src={shown.url} alt={words.previewOf(name)} /> : <pre tabIndex={0}>{shown.text}</pre>}
      {!shown.url && file.size > MOST_TEXT && <figcaption class="quiet">{words.previewCut}</figcaption>}
    </figure>
  );
}
