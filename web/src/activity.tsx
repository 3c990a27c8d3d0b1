// Every restore: when, by whom, what, and how it ended.
import { api } from './api';
import { time, visible } from './format';
import { type Go, Loading, Name, Problem, Title, useCall } from './parts';
import { words } from './words';

const UNDONE = ['complete', 'incomplete'];

export function Activity({ readOnly, go }: { readOnly: boolean; go: Go }) {
  const { value, problem, again } = useCall(() => api.activity(), []);
  const restores = value?.restores;
  return (
    <>
      <Title>{words.activityTitle}</Title>
      {problem && <Problem problem={problem} again={again} />}
      {!value && !problem && <Loading />}
      {restores?.length === 0 && <p>{words.activityNone}</p>}
      <ul class="rows plain">
        {restores?.map((restore) => (
          <li key={restore.id} class="restore">
            <span class="grow">
              <strong>
                {restore.kind === 'undo' ? words.kindUndo : words.kindRestore}:{' '}
                {restore.what !== null && (restore.what ? <Name path={restore.what} whole /> : words.home)}{' '}
                {restore.what_more > 0 && words.andMore(restore.what_more)}
              </strong>
              <span class="quiet line">
                {restore.objects_found > 0 && `${words.progressCount(restore.objects_restored, restore.objects_found)} · `}
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
      {value?.more && <p class="quiet">{words.activityMore}</p>}
    </>
  );
}
