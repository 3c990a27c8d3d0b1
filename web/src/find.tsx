// Finds a lost file: by a part of its name, by what was deleted lately, or by its folder.
import { useEffect, useState } from 'preact/hooks';
import { type DeletedFile, type DeletedPlace, type Found, type Place, type Refused, type Runs, api } from './api';
import { folderOf, shortDate, shortDay, size } from './format';
import { type Go, Loading, Name, Problem, Title, refusal, useCall } from './parts';
import { words } from './words';

/** Milliseconds after which a search asks whether to go on. */
const PATIENCE = 10_000;
const PAUSE = 250;

type Hit = Found['files'][number];

export function Find({ runs, go }: { runs: Runs; go: Go }) {
  const [text, setText] = useState('');
  const last = runs.runs[0];
  return (
    <>
      <Title>{words.question}</Title>
      <label class="field">
        <span>{words.questionHint}</span>
        <input
          type="search"
          value={text}
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {!last && <p>{words.noBackup}</p>}
      {text.trim() && <Results text={text.trim()} key={text.trim()} go={go} />}
      {last && !text.trim() && (
        <>
          <Deleted go={go} />
          <section>
            <h2>{words.folders}</h2>
            <TopFolders run={last.run} go={go} />
          </section>
        </>
      )}
    </>
  );
}

function Results({ text, go }: { text: string; go: Go }) {
  const [hits, setHits] = useState<Hit[]>([]);
  const [place, setPlace] = useState<Place | null>(null);
  const [state, setState] = useState<'looking' | 'paused' | 'done'>('looking');
  const [share, setShare] = useState({ done: 0, of: 1 });
  const [problem, setProblem] = useState<Refused | null>(null);
  useEffect(() => {
    if (state !== 'looking') return;
    let current = true;
    const until = Date.now() + PATIENCE;
    const look = async () => {
      await new Promise((wait) => setTimeout(wait, PAUSE));
      let from = place;
      while (current) {
        const found = await api.search(text, from);
        if (!current) return;
        setHits((known) => merged(known, found.files));
        setShare(found);
        setPlace(found.next);
        from = found.next;
        if (!from) return setState('done');
        if (Date.now() > until) return setState('paused');
      }
    };
    look().catch((error) => {
      if (!current) return;
      setProblem(refusal(error));
      setState('paused');
    });
    return () => {
      current = false;
    };
  }, [state]);
  return (
    <section>
      <p role="status" aria-live="polite">
        {state === 'looking' && `${words.searching} `}
        {state === 'done' && hits.length === 0 ? words.foundNone : words.found(hits.length)}
        {state === 'paused' && ` ${words.share(share.done, share.of)}`}
      </p>
      {problem && <Problem problem={problem} />}
      <ul class="rows">
        {hits.map((hit) => (
          <li key={hit.path}>
            <FileButton path={hit.path} note={`${size(hit.file.size)} · ${shortDate(hit.file.modified)}`} go={go} />
          </li>
        ))}
      </ul>
      {state === 'paused' && (
        <button
          type="button"
          onClick={() => {
            setProblem(null);
            setState('looking');
          }}
        >
          {words.goOn}
        </button>
      )}
    </section>
  );
}

/** An earlier backup tells again of a file that a later one has told of. */
function merged(known: Hit[], more: Hit[]): Hit[] {
  const paths = new Set(known.map((hit) => hit.path));
  return [...known, ...more.filter((hit) => !paths.has(hit.path))];
}

function FileButton({ path, note, go }: { path: string; note: string; go: Go }) {
  return (
    <button type="button" class="row" onClick={() => go({ at: 'file', path })}>
      <span class="grow">
        <Name path={path} />
        <span class="quiet">
          {folderOf(path) ? <Name path={folderOf(path)} whole /> : words.topFolder}
        </span>
      </span>
      <span class="quiet note">{note}</span>
    </button>
  );
}

function Deleted({ go }: { go: Go }) {
  const [files, setFiles] = useState<DeletedFile[]>([]);
  const [next, setNext] = useState<DeletedPlace | null>(null);
  const [place, setPlace] = useState<DeletedPlace>({ from: null, after: null });
  const { value, problem, again } = useCall(() => gone(place), [place]);
  useEffect(() => {
    if (!value) return;
    setFiles((known) => [...known, ...value.files]);
    setNext(value.next);
  }, [value]);
  return (
    <section>
      <h2>{words.deleted}</h2>
      {problem && <Problem problem={problem} again={again} />}
      <ul class="rows">
        {files.map((file) => (
          <li key={`${file.run} ${file.path}`}>
            <FileButton
              path={file.path}
              note={words.deletedBetween(shortDay(file.last_seen), shortDay(file.gone_by))}
              go={go}
            />
          </li>
        ))}
      </ul>
      {!value && !problem && <Loading />}
      {value && !value.next && files.length === 0 && <p class="quiet">{words.deletedNone}</p>}
      {next && value && (
        <button type="button" onClick={() => setPlace(next)}>
          {words.more}
        </button>
      )}
    </section>
  );
}

/** What was deleted, without what is there again today: the first that is found in ten seconds. */
async function gone(place: DeletedPlace) {
  const until = Date.now() + PATIENCE;
  let next: DeletedPlace | null = place;
  const files: DeletedFile[] = [];
  while (next && files.length === 0 && Date.now() < until) {
    const deleted = await api.deleted(next);
    next = deleted.next === null ? null : { from: deleted.next, after: deleted.after };
    if (deleted.files.length === 0) continue;
    const today = await api.today(deleted.files.map(({ path, file }) => ({ path, tag: file.tag })));
    files.push(...deleted.files.filter((_, index) => today.states[index] === 'deleted'));
  }
  return { files, next };
}

function TopFolders({ run, go }: { run: string; go: Go }) {
  const { value, problem, again } = useCall(() => api.folder(run, '', null), [run]);
  if (problem) return <Problem problem={problem} again={again} />;
  if (!value) return <Loading />;
  const folders = value.entries.filter((entry) => !entry.file);
  return (
    <ul class="rows">
      <li>
        <button type="button" class="row folder" onClick={() => go({ at: 'folder', run, folder: '' })}>
          {words.home}
        </button>
      </li>
      {folders.map((entry) => (
        <li key={entry.path}>
          <button type="button" class="row folder" onClick={() => go({ at: 'folder', run, folder: entry.path })}>
            <Name path={entry.path} />
          </button>
        </li>
      ))}
    </ul>
  );
}
