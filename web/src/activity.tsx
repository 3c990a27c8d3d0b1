// Every restore: when, by whom, what, and how it ended.
import { api } from './api';
import { count, time, visible } from './format';
import { type Go, Loading, Problem, Title, useCall } from './parts';
import { words } from './words';

const UNDONE = ['complete', 'incomplete'];

export function Activity({ readOnly, go }: { readOnly: boolean; go: Go }) {
  const { value, problem, again } = useCall(() => api.activity(), []);
  return (
    <>
      <Title>{words.activityTitle}</Title>
      {problem && <Problem problem={problem} again={again} />}
      {!value && !problem && <Loading />}
      {value?.restores.length === 0 && <p>{words.activityNone}</p>}
      <ul class="rows plain">
        {value?.restores.map((restore) => (
          <li key={restore.id} class="restore">
            <span class="grow">
              <strong>
                {restore.kind === 'undo' ? words.kindUndo : words.kindRestore}: {count(restore.objects_restored)} /{' '}
                {count(restore.objects_found)}
              </strong>
              <span class="quiet line">
                {time(restore.started_at)} · {visible(restore.asked_by)}
              </span>
            </span>
            <span class={`badge ${restore.stage}`}>
              {restore.undone_by ? words.undone : words.stage[restore.stage]}
            </span>
            <span class="buttons">
              <button type="button" onClick={() => go({ at: 'progress', id: restore.id })}>
                {words.open}
              </button>
              {!readOnly && restore.kind === 'restore' && !restore.undone_by && UNDONE.includes(restore.stage) && (
                <button type="button" onClick={() => go({ at: 'undo', id: restore.id })}>
                  {words.undo}
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
