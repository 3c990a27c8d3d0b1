// How far a restore has come. It goes on without this page.
import { useEffect, useState } from 'preact/hooks';
import { type Progress, type Refused, api } from './api';
import { time, visible } from './format';
import { type Go, Loading, Problem, Title, refusal } from './parts';
import { isHosted } from './sign-in';
import { words } from './words';

const ENDED = ['complete', 'incomplete', 'cancelled'];

export function ProgressScreen({ id, begun = false, readOnly, go }: {
  id: string;
  begun?: boolean;
  readOnly: boolean;
  go: Go;
}) {
  const [decided, setDecided] = useState(begun);
  const decide = (answer: Promise<unknown>) => {
    setDecided(true);
    setProblem(null);
    answer.then(
      () => setRound(round + 1),
      (error) => (setDecided(false), setProblem(refusal(error))),
    );
  };
  const [value, setValue] = useState<Progress | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    let timer = 0;
    const look = async () => {
      const answer = await api.progress(id);
      if (!current) return;
      setValue(answer);
      const stage = answer.restore.stage;
      if (!ENDED.includes(stage)) timer = window.setTimeout(() => setRound(round + 1), stage === 'waiting' ? 30_000 : 1_000);
    };
    look().catch((error) => current && setProblem(refusal(error)));
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [id, round]);
  const restore = value?.restore;
  const ended = restore && ENDED.includes(restore.stage);
  const undo = restore?.kind === 'undo';
  const waits = restore?.stage === 'held' && !decided;
  const whole = restore ? Math.max(restore.objects_found, restore.objects_restored) : 0;
  const done = restore ? Math.max(whole - restore.left, restore.objects_restored) : 0;
  return (
    <>
      <Title>
        {ended ? (undo ? words.kindUndo : words.kindRestore) : undo ? words.progressUndo : words.progress}
      </Title>
      {problem && <Problem problem={problem} again={() => (setProblem(null), setRound(round + 1))} />}
      {!value && !problem && <Loading />}
      {restore && (
        <div class="card">
          {!ended && !waits && (
            <>
              <progress aria-label={undo ? words.progressUndo : words.progress} value={done} max={Math.max(whole, 1)} />
              <p>{isHosted() ? words.canClose : words.canCloseHere}</p>
            </>
          )}
          <p role="status" class="first">
            {restore.stage === 'complete'
              ? undo
                ? words.doneUndo
                : words.doneAll(restore.objects_restored)
              : words.stage[restore.stage]}
          </p>
          {!ended && <p class="quiet">{words.progressCount(done, whole)}</p>}
          {restore.objects_waiting > 0 && (
            <p>{words.progressWaiting(restore.objects_waiting, restore.ready_at ? time(restore.ready_at) : '')}</p>
          )}
          {restore.errors > 0 && <p>{words.doneSome(restore.errors)}</p>}
          {value?.problem && (
            <p class="problem">
              {words.why} {visible(value.problem)}
            </p>
          )}
        </div>
      )}
      <div class="actions">
        {waits && !readOnly && (
          <>
            <button type="button" class="main" onClick={() => decide(api.confirm(id))}>
              {undo ? words.doUndo : words.doIt}
            </button>
            <button type="button" onClick={() => decide(api.cancel(id))}>
              {words.notNow}
            </button>
          </>
        )}
        <button type="button" class="main" onClick={() => go({ at: 'find' })}>
          {words.finish}
        </button>
        {ended && !undo && !readOnly && !restore.undone_by && restore.objects_restored > 0 && (
          <button type="button" onClick={() => go({ at: 'undo', id })}>
            {words.undo}
          </button>
        )}
      </div>
    </>
  );
}
