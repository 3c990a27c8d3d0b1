// What will happen, in words, before anything does. The plan that is shown is the plan that is carried out.
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Plan, type Refused, type Wish, api } from './api';
import { folderOf, nameOf, visible } from './format';
import { type Go, Loading, Name, Problem, Title, refusal } from './parts';
import { words } from './words';

export function Check({ wish, title, replace, back }: { wish: Wish; title: string; replace: Go; back: () => void }) {
  const [copy, setCopy] = useState(false);
  const [newer, setNewer] = useState(0);
  const [decided, setDecided] = useState(false);
  const ask = async () => {
    const plan = await api.plan(wish, copy);
    const newest = amount(plan, 'replaces_newer').objects;
    if (copy || decided || newest === 0) return plan;
    // Files that are newer today are left alone unless the person wants it otherwise.
    setNewer(newest);
    setDecided(true);
    await api.cancel(plan.id);
    setCopy(true);
    return null;
  };
  const decide = (now: boolean) => {
    setDecided(true);
    setCopy(now);
  };
  return (
    <Planned ask={ask} on={[copy]} title={words.check} place={placeOf(title)} replace={replace} back={back}>
      {(plan) => (
        <fieldset>
          <legend>{words.where}</legend>
          {newer > 0 && copy && <p class="quiet">{words.newerThere}</p>}
          <label class="choice">
            <input type="radio" name="where" checked={!copy} onChange={() => decide(false)} />
            <span>
              {words.inPlace}
              <span class="quiet line">
                {title ? <Name path={title} whole /> : words.oldPlaces} — {words.inPlaceHint}
              </span>
            </span>
          </label>
          <label class="choice">
            <input type="radio" name="where" checked={copy} onChange={() => decide(true)} />
            <span>
              {plan?.copies_into ? words.copy(visible(plan.copies_into)) : words.copyUnknown}
              <span class="quiet line">{words.copyHint}</span>
            </span>
          </label>
        </fieldset>
      )}
    </Planned>
  );
}

export function CheckUndo({ id, replace, back }: { id: string; replace: Go; back: () => void }) {
  return (
    <Planned ask={() => api.undo(id)} on={[id]} title={words.undoTitle} replace={replace} back={back}>
      {() => null}
    </Planned>
  );
}

/** The folder that a file is in, or the folder itself. */
function placeOf(title: string): string {
  const folder = title.endsWith('/') ? title : folderOf(title);
  return folder ? visible(folder) : words.oldPlaces;
}

/** A plan that is asked for, shown, and confirmed or cancelled. */
function Planned({ ask, on, title, place = words.oldPlaces, replace, back, children }: {
  ask: () => Promise<Plan | null>;
  on: unknown[];
  title: string;
  place?: string;
  replace: Go;
  back: () => void;
  children: (plan: Plan | null) => preact.ComponentChildren;
}) {
  const [plan, setPlan] = useState<Plan | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const held = useRef<string | null>(null);
  const drop = () => {
    // A plan that is left behind is cancelled, so that none waits for ever.
    if (held.current) api.cancel(held.current).catch(() => undefined);
    held.current = null;
  };
  useEffect(() => {
    let current = true;
    setPlan(null);
    setProblem(null);
    drop();
    ask().then(
      (answer) => {
        const waits = answer?.can_confirm ? answer.id : null;
        if (!current) {
          if (waits) api.cancel(waits).catch(() => undefined);
          return;
        }
        held.current = waits;
        setPlan(answer);
      },
      (error) => current && setProblem(refusal(error)),
    );
    return () => {
      current = false;
    };
  }, on);
  useEffect(() => drop, []);
  const confirm = async () => {
    if (!plan) return;
    setBusy(true);
    try {
      await api.confirm(plan.id);
      held.current = null;
      replace({ at: 'progress', id: plan.id, begun: true });
    } catch (error) {
      setProblem(refusal(error));
      setBusy(false);
    }
  };
  const verb = plan?.kind === 'undo' ? words.doUndo : plan?.copies_into ? words.doCopy : words.doIt;
  return (
    <>
      <Title>{title}</Title>
      <div class="card" aria-live="polite">
        {!plan && !problem && <Loading text={words.planning} />}
        {plan && <Sentences plan={plan} from={place} />}
      </div>
      {children(plan)}
      {problem && <Problem problem={problem} />}
      <div class="actions">
        {plan?.can_confirm && (
          <button type="button" class="main" disabled={busy} onClick={() => void confirm()}>
            {verb}
          </button>
        )}
        <button type="button" onClick={back}>
          {words.notNow}
        </button>
      </div>
      {plan && plan.files.length > 0 && <Files plan={plan} />}
    </>
  );
}

const amount = (plan: Plan, name: string) =>
  plan.happens.find((row) => row.name === name) ?? { name, objects: 0, bytes: 0 };

function Sentences({ plan, from }: { plan: Plan; from: string }) {
  const of = (name: string) => amount(plan, name).objects;
  const written = ['new', 'replaces_older', 'replaces_newer'].map((name) => amount(plan, name));
  const files = written.reduce((sum, row) => sum + row.objects, 0);
  const bytes = written.reduce((sum, row) => sum + row.bytes, 0);
  const place = plan.copies_into ? visible(plan.copies_into) : from;
  const lines: string[] = [];
  if (plan.kind === 'undo') {
    if (of('back') > 0) lines.push(words.undoBack(of('back')));
    if (of('created') > 0) lines.push(words.undoCreated(of('created')));
    if (plan.left_alone.length > 0) lines.push(words.leftAlone(plan.left_alone.length));
  } else if (files > 0) {
    lines.push(plan.copies_into ? words.willCopy(files, bytes, place) : words.willPutBack(files, bytes, place));
    if (of('replaces_newer') > 0) lines.push(words.replacesNewer(of('replaces_newer')));
    if (of('replaces_older') > 0) lines.push(words.replacesOlder(of('replaces_older')));
  }
  if (plan.needs_admin) lines.push(words.needsAdmin(visible(plan.needs_admin)));
  else if (lines.length === 0 || !plan.can_confirm) lines.push(words.nothingToDo);
  if (of('unchanged') > 0) lines.push(words.unchanged(of('unchanged')));
  if (plan.cold > 0) lines.push(words.coldPlan(plan.cold, plan.hours));
  if (plan.can_confirm) lines.push(plan.cost_usd === null ? words.costUnknown : words.costs(plan.cost_usd));
  return (
    <>
      {lines.map((line, at) => (
        <p key={line} class={at === 0 ? 'first' : ''}>
          {line}
        </p>
      ))}
    </>
  );
}

function Files({ plan }: { plan: Plan }) {
  return (
    <details>
      <summary>{plan.files.length < 100 ? words.theFiles : words.firstFiles(plan.files.length)}</summary>
      <ul class="rows plain">
        {plan.files.map((file) => (
          <li key={file.key}>
            <span class="grow" title={visible(nameOf(file.key))}>
              <Name path={file.key} whole />
            </span>
            <span class="quiet">{words.happens[file.happens] ?? ''}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
