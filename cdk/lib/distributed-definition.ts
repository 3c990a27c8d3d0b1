/**
 * What the state machine of a distributed run does: it has the keys cut into pieces, has workers go through them, and
 * closes the run. What was done goes by the backup bucket, never through the state machine.
 */
import { RETRIES } from './continuation-definition.ts';

/** Stands for the ARN of the worker in the definition. */
export const WORKER_ARN = 'WorkerArn';
/** Stands for the partition in the definition. */
export const PARTITION = 'Partition';

/** Workers at once. Each of them lists and copies side by side. */
export const MAX_CONCURRENCY = 20;

const SECONDS_FOR_AN_INVOCATION = 16 * 60;
const SECONDS_FOR_AN_EXECUTION = 7 * 24 * 3600;

/**
 * Any failure of a piece may pass: a bucket that did not answer, a listing that broke off, a function that died. A piece can
 * be repeated at any time, and what cannot pass, as a wrong setting, has failed the cut before.
 */
const PIECE_RETRIES = [
  ...RETRIES,
  { ErrorEquals: ['States.TaskFailed', 'States.Timeout'], IntervalSeconds: 30, BackoffRate: 2, MaxAttempts: 3 },
];

function invoke(more: object) {
  return { Type: 'Task', Resource: `\${${WORKER_ARN}}`, TimeoutSeconds: SECONDS_FOR_AN_INVOCATION, Retry: RETRIES, ...more };
}

/** Names of states are unique in all of the machine. */
const PIECE = {
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  StartAt: 'Work',
  States: {
    Work: invoke({ Retry: PIECE_RETRIES, ResultSelector: { 'cursor.$': '$.cursor' }, Next: 'Piece done?' }),
    'Piece done?': { Type: 'Choice', Choices: [{ Variable: '$.cursor', IsNull: true, Next: 'Piece is done' }], Default: 'Go on with piece' },
    'Go on with piece': { Type: 'Pass', Parameters: { operation: 'continue', 'cursor.$': '$.cursor' }, Next: 'Work' },
    'Piece is done': { Type: 'Succeed' },
  },
};

const RESULT = { 'status.$': '$.status', 'errors.$': '$.errors', 'message.$': '$.message', 'cursor.$': '$.cursor' };

const STATES = {
  Cut: invoke({
    Parameters: { operation: 'ranges' },
    ResultSelector: { 'bucket.$': '$.distributed.bucket', 'key.$': '$.distributed.key', 'cursor.$': '$.cursor' },
    Next: 'Pieces',
  }),
  Pieces: {
    Type: 'Map',
    ItemReader: {
      Resource: `arn:\${${PARTITION}}:states:::s3:getObject`,
      ReaderConfig: { InputType: 'JSON' },
      Parameters: { 'Bucket.$': '$.bucket', 'Key.$': '$.key' },
    },
    ItemProcessor: PIECE,
    MaxConcurrency: MAX_CONCURRENCY,
    ToleratedFailureCount: 0,
    ResultPath: null,
    // The run is closed whatever became of its pieces, and says what is missing.
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'Close' }],
    Next: 'Close',
  },
  Close: invoke({ Parameters: { operation: 'close', 'cursor.$': '$.cursor' }, ResultSelector: RESULT, Next: 'Closed?' }),
  'Closed?': {
    Type: 'Choice',
    Choices: [
      { Variable: '$.status', StringEquals: 'complete', Next: 'Complete' },
      // Markers that are left. With errors, pieces are: somebody has to look first.
      { And: [{ Variable: '$.errors', NumericEquals: 0 }, { Variable: '$.cursor', IsNull: false }], Next: 'Go on' },
    ],
    Default: 'Incomplete',
  },
  'Go on': invoke({ Parameters: { operation: 'continue', 'cursor.$': '$.cursor' }, ResultSelector: RESULT, Next: 'Closed?' }),
  Complete: { Type: 'Succeed' },
  Incomplete: { Type: 'Fail', Error: 'BackupIncomplete', CausePath: '$.message' },
};

export const DISTRIBUTED_DEFINITION = JSON.stringify({
  Comment: 'Backs up by many functions at once.',
  StartAt: 'Cut',
  TimeoutSeconds: SECONDS_FOR_AN_EXECUTION,
  States: STATES,
});
