// A month of days: which have a backup. The folder stays while the day changes.
import { useState } from 'preact/hooks';
import type { Run, Runs } from './api';
import { dayName, dayOf, hour, monthName } from './format';
import { words } from './words';

export function Days({ runs, run, choose, close }: {
  runs: Runs;
  run: string;
  choose: (run: string) => void;
  close: () => void;
}) {
  const shown = runs.runs.find((one) => one.run === run) ?? runs.runs[0];
  const start = shown ? new Date(shown.ended_at) : new Date();
  const [month, setMonth] = useState({ year: start.getFullYear(), index: start.getMonth() });
  const [day, setDay] = useState(shown ? dayOf(shown.ended_at) : '');
  const byDay = new Map<string, Run[]>();
  for (const one of runs.runs) {
    const at = dayOf(one.ended_at);
    byDay.set(at, [...(byDay.get(at) ?? []), one]);
  }
  const turn = (by: number) => {
    const at = new Date(month.year, month.index + by, 1);
    setMonth({ year: at.getFullYear(), index: at.getMonth() });
  };
  const pick = (at: string) => {
    const some = byDay.get(at) ?? [];
    setDay(at);
    if (some.length === 1 && some[0]) choose(some[0].run);
  };
  const length = new Date(month.year, month.index + 1, 0).getDate();
  const before = (new Date(month.year, month.index, 1).getDay() + 6) % 7;
  const ofDay = byDay.get(day) ?? [];
  return (
    <section class="days" aria-label={words.days} onKeyDown={(event) => event.key === 'Escape' && close()}>
      <div class="head">
        <button type="button" aria-label={words.earlierMonth} onClick={() => turn(-1)}>
          ‹
        </button>
        <strong aria-live="polite">{monthName(month.year, month.index)}</strong>
        <button type="button" aria-label={words.laterMonth} onClick={() => turn(1)}>
          ›
        </button>
      </div>
      <div class="month">
        {words.weekdays.map((name) => (
          <span class="weekday" key={name} aria-hidden="true">
            {name}
          </span>
        ))}
        {Array.from({ length: before }, (_, at) => (
          <span key={`before ${at}`} />
        ))}
        {Array.from({ length }, (_, at) => {
          const name = dayName(month.year, month.index, at + 1);
          const some = byDay.get(name) ?? [];
          const kind = some.length === 0 ? 'none' : some.some((one) => one.errors === 0) ? 'complete' : 'incomplete';
          const label = { none: words.dayNone, complete: words.dayComplete, incomplete: words.dayIncomplete }[kind];
          return (
            <button
              type="button"
              key={name}
              class={`day ${kind}`}
              disabled={kind === 'none'}
              aria-pressed={name === day}
              aria-label={`${at + 1}, ${label}`}
              onClick={() => pick(name)}
            >
              {at + 1}
            </button>
          );
        })}
      </div>
      <p class="legend quiet">
        <span class="dot complete" /> {words.dayComplete} <span class="dot incomplete" /> {words.dayIncomplete}
      </p>
      {ofDay.length > 1 && (
        <div class="times" role="group" aria-label={words.timesOfDay}>
          {ofDay.map((one) => (
            <button type="button" key={one.run} aria-pressed={one.run === run} onClick={() => choose(one.run)}>
              {hour(one.ended_at)}
            </button>
          ))}
        </div>
      )}
      {runs.more && <p class="quiet">{words.moreRuns}</p>}
      <button type="button" onClick={close}>
        {words.closeDays}
      </button>
    </section>
  );
}
