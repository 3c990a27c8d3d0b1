// The page: who is there, which screen, and the way back. Screens live in the history of the tab, names never
// stand in the address.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Activity } from './activity';
import { type Refused, type Runs, api, signIn } from './api';
import { Check, CheckUndo } from './check';
import { FileScreen } from './file';
import { Find } from './find';
import { FolderScreen } from './folder';
import { zone } from './format';
import { Loading, Problem, type Screen, refusal } from './parts';
import { ProgressScreen } from './progress';
import { isHosted } from './sign-in';
import './style.css';
import { words } from './words';

const FIRST: Screen = { at: 'find' };

function App() {
  const [screen, setScreen] = useState<Screen>((history.state as Screen | null) ?? FIRST);
  const [runs, setRuns] = useState<Runs | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [deep, setDeep] = useState(0);
  const load = () => {
    setProblem(null);
    signIn()
      .then(() => {
        setScreen((history.state as Screen | null) ?? FIRST);
        return api.runs();
      })
      .then(setRuns, (error) => setProblem(refusal(error)));
  };
  useEffect(() => {
    load();
    const pop = (event: PopStateEvent) => {
      setScreen((event.state as Screen | null) ?? FIRST);
      setDeep((known) => known - 1);
    };
    addEventListener('popstate', pop);
    return () => removeEventListener('popstate', pop);
  }, []);
  const go = (next: Screen) => {
    history.pushState(next, '');
    setScreen(next);
    setDeep(deep + 1);
    scrollTo(0, 0);
  };
  const replace = (next: Screen) => {
    history.replaceState(next, '');
    setScreen(next);
  };
  const back = () => (deep > 0 ? history.back() : go(FIRST));
  const tab = (at: 'find' | 'activity', text: string) => (
    <button type="button" class="tab" aria-current={screen.at === at ? 'page' : undefined} onClick={() => go({ at })}>
      {text}
    </button>
  );
  return (
    <>
      <header>
        <span class="brand">
          <img src="/icon.svg" alt="" width="24" height="24" /> {words.title}
        </span>
        <nav aria-label={words.title}>
          {tab('find', words.find)}
          {tab('activity', words.activity)}
        </nav>
      </header>
      <main>
        {problem?.status === 401 ? (
          <div class="problem" role="alert">
            <h1>{isHosted() ? words.signInFailed : words.notSignedIn}</h1>
            <p>{isHosted() ? words.signInFailedNext : words.notSignedInNext}</p>
            {isHosted() && (
              <button type="button" onClick={load}>
                {words.tryAgain}
              </button>
            )}
          </div>
        ) : (
          problem && <Problem problem={problem} again={load} />
        )}
        {!runs && !problem && <Loading />}
        {runs?.second_copy && <p role="status">{words.secondCopy}</p>}
        {runs && screen.at !== 'find' && (
          <button type="button" class="back" onClick={back}>
            ‹ {words.back}
          </button>
        )}
        {runs && shown(screen)}
      </main>
      <footer class="quiet">
        {words.zone(zone)} {runs?.read_only && words.readOnly}
      </footer>
    </>
  );

  function shown(screen: Screen) {
    if (!runs) return null;
    switch (screen.at) {
      case 'find':
        return <Find runs={runs} go={go} />;
      case 'folder':
        return (
          <FolderScreen
            key={screen.folder}
            runs={runs}
            run={screen.run}
            folder={screen.folder}
            go={go}
            replace={replace}
          />
        );
      case 'file':
        return <FileScreen key={screen.path} runs={runs} path={screen.path} go={go} />;
      case 'check':
        return <Check wish={screen.wish} title={screen.title} replace={replace} back={back} />;
      case 'undo':
        return <CheckUndo key={screen.id} id={screen.id} replace={replace} back={back} />;
      case 'progress':
        return <ProgressScreen key={screen.id} id={screen.id} begun={screen.begun ?? false} readOnly={runs.read_only} go={go} />;
      case 'activity':
        return <Activity readOnly={runs.read_only} go={go} />;
    }
  }
}

const place = document.getElementById('app');
if (place) render(<App />, place);
