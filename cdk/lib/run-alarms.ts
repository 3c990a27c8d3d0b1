/** What can be wrong with runs that ended: Lambda counts them as a success, so their own metrics are watched. */
import { Construct } from 'constructs';
import { counted, type MetricName } from './metrics.ts';
import { ProblemAlarm } from './problem-alarm.ts';

/** Metric, section of the runbook, and what has happened. */
const ALARMS: readonly (readonly [MetricName, string, string])[] = [
  ['Errors', 'errors', 'Objects are not in the backup.'],
  ['Wrong', 'wrong', 'A verification found backups that are not as they should be.'],
  ['Held', 'held', 'A run is held and waits for a confirmation.'],
  ['OutOfTime', 'out-of-time', 'A run was stopped by its deadline, and nobody continues it.'],
  ['UnusualChange', 'unusual-change', 'Many more objects have changed than usual.'],
];

export class RunAlarms extends Construct {
  readonly alarms: ProblemAlarm[];

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.alarms = ALARMS.map(([name, section, what]) =>
      new ProblemAlarm(this, name, { what, section, metric: counted(name) }));
  }
}
