/**
 * What the state machine does: it invokes the function with the input of the execution, and again with the cursor of
 * each result, until a result has none.
 */

/** Stands for the ARN of the function in the definition. */
export const FUNCTION_ARN = 'FunctionArn';

/** An invocation stops by itself after 14 minutes, so this is about five days. */
export const MOST_INVOCATIONS = 500;

const SECONDS_FOR_AN_INVOCATION = 16 * 60;
const SECONDS_FOR_AN_EXECUTION = 7 * 24 * 3600;

/** What passes by itself. Any other error of the function is never among it: it would come again. */
export const RETRIES = [
  {
    // Another run has the one reserved execution, for at most 15 minutes at a time, or the lease. In all this waits for
    // 27 minutes.
    ErrorEquals: ['Lambda.TooManyRequestsException', 'AlreadyRunning'],
    IntervalSeconds: 15, BackoffRate: 2, MaxDelaySeconds: 240, MaxAttempts: 10,
  },
  {
    ErrorEquals: ['Lambda.ServiceException', 'Lambda.SdkClientException'],
    IntervalSeconds: 2, BackoffRate: 2, MaxAttempts: 6,
  },
];

const STATES = {
  Begin: {
    Type: 'Pass',
    Assign: { request: '{% $states.input %}', invocations: 0, errors: 0 },
    Next: 'Run',
  },
  Run: {
    Type: 'Task',
    Resource: `\${${FUNCTION_ARN}}`,
    Arguments: '{% $request %}',
    TimeoutSeconds: SECONDS_FOR_AN_INVOCATION,
    Retry: RETRIES,
    Assign: {
      request: { operation: 'continue', cursor: '{% $states.result.cursor %}' },
      invocations: '{% $invocations + 1 %}',
      // What the result of an earlier invocation says is forgotten otherwise. Only a verification finds what is wrong.
      errors: '{% $errors + $sum([$states.result.errors, $states.result.verified.wrong]) %}',
    },
    Next: 'Done?',
  },
  'Done?': {
    Type: 'Choice',
    Choices: [
      {
        Condition: "{% $states.input.cursor = null and $states.input.status = 'complete' and $errors = 0 %}",
        Next: 'Complete',
      },
      // A restore that waits for archives is gone on with by its schedule.
      { Condition: "{% $states.input.cursor = null and $states.input.status = 'waiting' %}", Next: 'Complete' },
      { Condition: '{% $states.input.cursor = null %}', Next: 'Incomplete' },
      { Condition: `{% $invocations >= ${MOST_INVOCATIONS} %}`, Next: 'Too many invocations' },
    ],
    Default: 'Run',
  },
  Complete: { Type: 'Succeed' },
  Incomplete: {
    Type: 'Fail',
    Error: 'BackupIncomplete',
    Cause: "{% 'Errors: ' & $errors & ', in invocations: ' & $invocations & '. The last result: ' "
      + '& $states.input.message %}',
  },
  'Too many invocations': {
    Type: 'Fail',
    Error: 'TooManyInvocations',
    Cause: "{% 'Not done after ' & $invocations & ' invocations, with errors: ' & $errors & '. An execution with this "
      + "input goes on: ' & $string($request) %}",
  },
};

export const CONTINUATION_DEFINITION = JSON.stringify({
  Comment: 'Runs a backup and continues it until it is done.',
  QueryLanguage: 'JSONata',
  StartAt: 'Begin',
  TimeoutSeconds: SECONDS_FOR_AN_EXECUTION,
  States: STATES,
});
