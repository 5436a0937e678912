// tests/clients/sfn.js MODULES URL ACCESS-KEY SECRET - AWS's SDK for JavaScript against a service.
//
// The service is new and empty, and knows the key. Each test prints `ok NAME` or `not ok NAME` and why; they
// run one after the other, and each makes what it needs under names of its own.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');

const [modules, url, accessKeyId, secretAccessKey] = process.argv.slice(2);
const sdk = require(modules + '/@aws-sdk/client-sfn');
const { NodeHttpHandler } = require(modules + '/@smithy/node-http-handler');

const REGION = 'us-east-1';
const ARN = `arn:aws:states:${REGION}:123456789012`;
const ROLE = 'arn:aws:iam::123456789012:role/r';
const POLLS_MAX = 20000;  // of something that should come at once: then it never does

const newClient = (options) => new sdk.SFNClient({
  endpoint: url,
  region: REGION,
  credentials: { accessKeyId, secretAccessKey },
  disableHostPrefix: true,
  maxAttempts: 1,
  ...options,
});
const client = newClient();
const call = (name, input = {}, by = client) => by.send(new sdk[name + 'Command'](input));

// --- helpers ---

// The call is refused with that error; where the SDK has a class for it, with that class.
async function refused(error, name, input, by = client) {
  await assert.rejects(call(name, input, by), (thrown) => {
    assert.equal(thrown.name, error, `${name}: ${thrown.name}: ${thrown.message}`);
    assert.ok(thrown instanceof sdk.SFNServiceException);
    if (sdk[error]) assert.ok(thrown instanceof sdk[error], `${error} has its class`);
    assert.ok(thrown.message.length > 0 && thrown.$metadata.requestId);
    assert.equal(thrown.$fault, 'client');
    return true;
  });
}

// What `find` gives, once it gives something.
async function until(find, what) {
  for (let i = 0; i < POLLS_MAX; i++) {
    const found = await find();
    if (found) return found;
  }
  throw new Error(`${what} does not come`);
}

const ended = (executionArn) => until(async () => {
  const execution = await call('DescribeExecution', { executionArn });
  return execution.status !== 'RUNNING' && execution;
}, 'the end of the execution');

const all = async (paginate, input, member, pageSize) => {
  const pages = [];
  for await (const page of paginate({ client, pageSize }, input)) pages.push(page[member]);
  return pages;
};

const newActivity = async (name) => (await call('CreateActivity', { name })).activityArn;
const newMachine = async (name, States, options = {}) => (await call('CreateStateMachine', {
  name,
  roleArn: ROLE,
  definition: JSON.stringify({ StartAt: Object.keys(States)[0], States }),
  ...options,
})).stateMachineArn;
const task = (Resource, fields = {}) => ({ Type: 'Task', Resource, End: true, ...fields });

// A machine with one activity, both named `name`.
async function newWork(name, fields) {
  const activityArn = await newActivity(name);
  const stateMachineArn = await newMachine(name, { Work: task(activityArn, fields) });
  return { activityArn, stateMachineArn };
}
const start = async (stateMachineArn, input, name) => (await call('StartExecution', {
  stateMachineArn, name, input: JSON.stringify(input),
})).executionArn;
const take = async (activityArn) => {
  const taken = await call('GetActivityTask', { activityArn, workerName: 'worker' });
  assert.ok(taken.taskToken, 'there is a task');
  return taken;
};

// --- the tests ---

const tests = {
  async 'state machines: create, describe, update, delete'() {
    const arn = await newMachine('machine', { P: { Type: 'Pass', End: true } }, {
      tags: [{ key: 'k', value: 'ü' }], type: 'EXPRESS',
    });
    assert.equal(arn, `${ARN}:stateMachine:machine`);
    const first = await call('DescribeStateMachine', { stateMachineArn: arn });
    assert.equal(first.status, 'ACTIVE');
    assert.equal(first.type, 'EXPRESS');
    assert.ok(Math.abs(first.creationDate - Date.now()) < 3600e3, 'a date is a date');
    const definition = JSON.stringify({ StartAt: 'S', States: { S: { Type: 'Succeed' } } });
    const updated = await call('UpdateStateMachine', { stateMachineArn: arn, definition });
    assert.ok(updated.updateDate instanceof Date && updated.revisionId);
    assert.equal((await call('DescribeStateMachine', { stateMachineArn: arn })).definition, definition);
    await call('TagResource', { resourceArn: arn, tags: [{ key: 'b', value: 'c' }] });
    await call('UntagResource', { resourceArn: arn, tagKeys: ['k'] });
    assert.deepEqual((await call('ListTagsForResource', { resourceArn: arn })).tags, [{ key: 'b', value: 'c' }]);
    await call('DeleteStateMachine', { stateMachineArn: arn });
    await refused('StateMachineDoesNotExist', 'DescribeStateMachine', { stateMachineArn: arn });
  },

  async 'definitions: every fault at once'() {
    const { result, diagnostics } = await call('ValidateStateMachineDefinition', {
      definition: JSON.stringify({ StartAt: 'No', States: { A: { Type: 'Pass', Next: 'B' } } }),
    });
    assert.equal(result, 'FAIL');
    assert.ok(diagnostics.length >= 2 && diagnostics.every((d) => d.severity && d.code && d.message));
  },

  async 'versions and aliases'() {
    const stateMachineArn = await newMachine('versions', { P: { Type: 'Pass', Result: 1, End: true } });
    const one = (await call('PublishStateMachineVersion', { stateMachineArn })).stateMachineVersionArn;
    const two = (await call('UpdateStateMachine', {
      stateMachineArn, publish: true,
      definition: JSON.stringify({ StartAt: 'P', States: { P: { Type: 'Pass', Result: 2, End: true } } }),
    })).stateMachineVersionArn;
    assert.deepEqual([one, two], [`${stateMachineArn}:1`, `${stateMachineArn}:2`]);
    const { stateMachineAliasArn } = await call('CreateStateMachineAlias', {
      name: 'live', routingConfiguration: [{ stateMachineVersionArn: one, weight: 100 }],
    });
    assert.equal((await ended(await start(stateMachineAliasArn, {}))).output, '1');
    await call('UpdateStateMachineAlias', {
      stateMachineAliasArn, routingConfiguration: [{ stateMachineVersionArn: two, weight: 100 }],
    });
    const execution = await ended(await start(stateMachineAliasArn, {}));
    assert.equal(execution.output, '2');
    assert.equal(execution.stateMachineVersionArn, two);
    assert.equal((await call('DescribeStateMachineAlias', { stateMachineAliasArn })).name, 'live');
    assert.equal((await call('ListStateMachineVersions', { stateMachineArn })).stateMachineVersions.length, 2);
    await refused('ConflictException', 'DeleteStateMachineVersion', { stateMachineVersionArn: two });
    await call('DeleteStateMachineAlias', { stateMachineAliasArn });
    await call('DeleteStateMachineVersion', { stateMachineVersionArn: two });
  },

  async 'a task: start, poll, complete'() {
    const { activityArn, stateMachineArn } = await newWork('complete');
    const input = { text: 'ünï "x" \u{1f600}\n', n: 1.5 };
    const executionArn = await start(stateMachineArn, input, 'one');
    assert.equal(executionArn, `${ARN}:execution:complete:one`);
    const { taskToken, input: received } = await take(activityArn);
    assert.deepEqual(JSON.parse(received), input);
    assert.equal((await call('DescribeExecution', { executionArn })).status, 'RUNNING');
    await call('SendTaskSuccess', { taskToken, output: JSON.stringify(input) });
    const execution = await ended(executionArn);
    assert.equal(execution.status, 'SUCCEEDED');
    assert.deepEqual(JSON.parse(execution.output), input);
    assert.ok(execution.startDate instanceof Date && execution.stopDate >= execution.startDate);
    await refused('TaskTimedOut', 'SendTaskSuccess', { taskToken, output: '1' });
    await refused('InvalidToken', 'SendTaskSuccess', { taskToken: 'forged', output: '1' });
    const of = await call('DescribeStateMachineForExecution', { executionArn });
    assert.equal(of.stateMachineArn, stateMachineArn);
  },

  async 'a task: fail, retry, catch'() {
    const { activityArn, stateMachineArn } = await newWork('fail', {
      Retry: [{ ErrorEquals: ['Again'], MaxAttempts: 1, IntervalSeconds: 1 }],
    });
    const executionArn = await start(stateMachineArn, {});
    await call('SendTaskFailure', { taskToken: (await take(activityArn)).taskToken, error: 'Again' });
    await call('SendTaskFailure', {
      taskToken: (await take(activityArn)).taskToken, error: 'Own.Error', cause: 'because\n"so"',
    });
    const { status, error, cause } = await ended(executionArn);
    assert.deepEqual([status, error, cause], ['FAILED', 'Own.Error', 'because\n"so"']);
  },

  async 'a task: heartbeats, and the worker that has none'() {
    const { activityArn, stateMachineArn } = await newWork('heartbeat', { HeartbeatSeconds: 1 });
    const alive = await start(stateMachineArn, {});
    const { taskToken } = await take(activityArn);
    await call('SendTaskHeartbeat', { taskToken });
    await call('SendTaskSuccess', { taskToken, output: '{}' });
    assert.equal((await ended(alive)).status, 'SUCCEEDED');
    const silent = await start(stateMachineArn, {});
    const late = await take(activityArn);
    const { status, error } = await ended(silent);
    assert.deepEqual([status, error], ['FAILED', 'States.Timeout']);
    await refused('TaskTimedOut', 'SendTaskHeartbeat', { taskToken: late.taskToken });
  },

  async 'a task: a poll that is given up gets none'() {
    const { activityArn, stateMachineArn } = await newWork('given-up');
    const given = new AbortController();
    const poll = client.send(new sdk.GetActivityTaskCommand({ activityArn }), { abortSignal: given.signal });
    await until(async () => {
      const { body } = await fetchText('/metrics');
      return body.includes(`splitreel_activity_pollers{activity="${activityArn}"} 1\n`);
    }, 'the poll');
    given.abort();
    await assert.rejects(poll, { name: 'AbortError' });
    const executionArn = await start(stateMachineArn, { a: 1 });
    const { taskToken, input } = await take(activityArn);
    assert.equal(input, '{"a":1}');
    await call('SendTaskSuccess', { taskToken, output: '2' });
    assert.equal((await ended(executionArn)).output, '2');
  },

  async 'history: pages, backwards, without data'() {
    const States = {};
    for (let i = 0; i < 20; i++) States['P' + i] = { Type: 'Pass', Next: i < 19 ? 'P' + (i + 1) : 'End' };
    States.End = { Type: 'Succeed' };
    const executionArn = await start(await newMachine('history', States), { a: 1 });
    await ended(executionArn);
    const history = async (input, size) =>
      (await all(sdk.paginateGetExecutionHistory, { executionArn, ...input }, 'events', size));
    const pages = await history({}, 7);
    const events = pages.flat();
    assert.equal(events.length, 2 + 21 * 2);
    assert.deepEqual(pages.map((page) => page.length), [7, 7, 7, 7, 7, 7, 2]);
    assert.deepEqual(events.map((e) => e.id), events.map((_, i) => i + 1));
    assert.deepEqual([events[0].type, events.at(-1).type], ['ExecutionStarted', 'ExecutionSucceeded']);
    assert.deepEqual(JSON.parse(events[0].executionStartedEventDetails.input), { a: 1 });
    assert.ok(events.every((e) => e.timestamp instanceof Date));
    assert.deepEqual((await history({ reverseOrder: true }, 5)).flat(), [...events].reverse());
    const bare = (await history({ includeExecutionData: false }, 100)).flat();
    assert.equal(bare[0].executionStartedEventDetails.input, undefined);
    const { nextToken } = await call('GetExecutionHistory', { executionArn, maxResults: 3 });
    await refused('InvalidToken', 'GetExecutionHistory', { executionArn, nextToken: 'x' + nextToken });
    await refused('InvalidToken', 'GetExecutionHistory', { executionArn, reverseOrder: true, nextToken });
  },

  async 'lists: pages and filters'() {
    const arns = [];
    for (let i = 0; i < 5; i++) arns.push(await newActivity('list-' + i));
    const pages = await all(sdk.paginateListActivities, {}, 'activities', 2);
    assert.ok(pages.every((page) => page.length <= 2));
    const listed = pages.flat().map((a) => a.activityArn);
    assert.equal(new Set(listed).size, listed.length);
    assert.ok(arns.every((arn) => listed.includes(arn)));
    const { nextToken } = await call('ListActivities', { maxResults: 2 });
    await refused('InvalidToken', 'ListStateMachines', { nextToken });
    const stateMachineArn = await newMachine('list', { C: {
      Type: 'Choice', Choices: [{ Variable: '$.ok', BooleanEquals: true, Next: 'Good' }], Default: 'Bad',
    }, Good: { Type: 'Succeed' }, Bad: { Type: 'Fail', Error: 'E' } });
    for (let i = 0; i < 6; i++) await ended(await start(stateMachineArn, { ok: i < 4 }, 'e' + i));
    const executions = async (input, size) =>
      (await all(sdk.paginateListExecutions, { stateMachineArn, ...input }, 'executions', size)).flat().map((e) => e.name);
    assert.deepEqual(await executions({}, 4), ['e5', 'e4', 'e3', 'e2', 'e1', 'e0']);
    assert.deepEqual(await executions({ statusFilter: 'FAILED' }, 1), ['e5', 'e4']);
    assert.ok((await all(sdk.paginateListStateMachines, {}, 'stateMachines', 1)).flat()
      .some((m) => m.stateMachineArn === stateMachineArn));
  },

  async 'stop'() {
    const { activityArn, stateMachineArn } = await newWork('stop');
    const executionArn = await start(stateMachineArn, {});
    const { taskToken } = await take(activityArn);
    const { stopDate } = await call('StopExecution', { executionArn, error: 'Enough', cause: 'by hand' });
    assert.ok(stopDate instanceof Date);
    const { status, error, cause } = await call('DescribeExecution', { executionArn });
    assert.deepEqual([status, error, cause], ['ABORTED', 'Enough', 'by hand']);
    await refused('TaskTimedOut', 'SendTaskSuccess', { taskToken, output: '1' });
  },

  async 'redrive'() {
    const { activityArn, stateMachineArn } = await newWork('redrive');
    const executionArn = await start(stateMachineArn, {});
    await refused('ExecutionNotRedrivable', 'RedriveExecution', { executionArn });
    await call('SendTaskFailure', { taskToken: (await take(activityArn)).taskToken, error: 'E' });
    assert.equal((await ended(executionArn)).redriveStatus, 'REDRIVABLE');
    const clientToken = 'one-redrive';
    const { redriveDate } = await call('RedriveExecution', { executionArn, clientToken });
    assert.ok(redriveDate instanceof Date);
    await call('SendTaskSuccess', { taskToken: (await take(activityArn)).taskToken, output: '3' });
    const execution = await ended(executionArn);
    assert.deepEqual([execution.status, execution.output, execution.redriveCount], ['SUCCEEDED', '3', 1]);
    assert.equal(execution.redriveStatus, 'NOT_REDRIVABLE');
    await refused('ExecutionNotRedrivable', 'RedriveExecution', { executionArn });
    const { executions } = await call('ListExecutions', { stateMachineArn, redriveFilter: 'REDRIVEN' });
    assert.deepEqual(executions.map((e) => e.executionArn), [executionArn]);
  },

  async 'a map run, and its child executions'() {
    const activityArn = await newActivity('items');
    const stateMachineArn = await newMachine('map', { M: {
      Type: 'Map', Label: 'each', End: true, ToleratedFailureCount: 1, MaxConcurrency: 1,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Item', States: { Item: task(activityArn) },
      },
    } });
    const executionArn = await start(stateMachineArn, [1, 2, 3]);
    const first = await take(activityArn);
    const { mapRuns: [{ mapRunArn }] } = await call('ListMapRuns', { executionArn });
    await call('UpdateMapRun', { mapRunArn, maxConcurrency: 2, toleratedFailureCount: 2 });
    const run = await call('DescribeMapRun', { mapRunArn });
    assert.deepEqual([run.status, run.maxConcurrency, run.toleratedFailureCount, run.executionCounts.total,
      run.executionCounts.running, run.executionCounts.pending], ['RUNNING', 2, 2, 3, 2, 1]);
    const second = await take(activityArn);
    await call('SendTaskFailure', { taskToken: first.taskToken, error: 'Item.Bad' });
    const third = await take(activityArn);
    for (const { taskToken, input } of [second, third]) await call('SendTaskSuccess', { taskToken, output: input });
    assert.deepEqual(JSON.parse((await ended(executionArn)).output), [2, 3]);
    const after = await call('DescribeMapRun', { mapRunArn });
    assert.deepEqual([after.status, after.itemCounts.succeeded, after.itemCounts.failed], ['SUCCEEDED', 2, 1]);
    const children = (await all(sdk.paginateListExecutions, { mapRunArn }, 'executions', 2)).flat();
    assert.deepEqual(children.map((c) => c.status).sort(), ['FAILED', 'SUCCEEDED', 'SUCCEEDED']);
    const failed = children.find((c) => c.status === 'FAILED');
    const child = await call('DescribeExecution', { executionArn: failed.executionArn });
    assert.deepEqual([child.mapRunArn, child.error], [mapRunArn, 'Item.Bad']);
    const { events } = await call('GetExecutionHistory', { executionArn: failed.executionArn });
    assert.equal(events.at(-1).executionFailedEventDetails.error, 'Item.Bad');
    await refused('ResourceNotFound', 'DescribeMapRun', { mapRunArn: mapRunArn.slice(0, -1) + 'x' });
  },

  async 'StartSyncExecution and TestState, at the same host and behind sync-'() {
    const stateMachineArn = await newMachine('sync', {
      P: { Type: 'Pass', Parameters: { 'sum.$': 'States.MathAdd($.a, 1)' }, End: true },
    }, { type: 'EXPRESS' });
    const at = new URL(url);
    at.hostname = 'localhost';
    const httpAgent = new http.Agent({
      lookup: (host, options, done) => {
        assert.equal(host, 'sync-localhost');
        if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
        else done(null, '127.0.0.1', 4);
      },
    });
    const behind = newClient({
      endpoint: at.href, disableHostPrefix: false, requestHandler: new NodeHttpHandler({ httpAgent }),
    });
    for (const by of [client, behind]) {
      const done = await call('StartSyncExecution', { stateMachineArn, input: '{"a":1}' }, by);
      assert.deepEqual([done.status, done.output], ['SUCCEEDED', '{"sum":2}']);
      assert.ok(done.billingDetails.billedDurationInMilliseconds >= 100 && done.stopDate instanceof Date);
      const tested = await call('TestState', {
        definition: JSON.stringify({ Type: 'Pass', InputPath: '$.a', Next: 'N' }), roleArn: ROLE,
        input: '{"a":{"b":2}}', inspectionLevel: 'DEBUG',
      }, by);
      assert.deepEqual([tested.status, tested.output, tested.nextState], ['SUCCEEDED', '{"b":2}', 'N']);
      assert.equal(tested.inspectionData.afterInputPath, '{"b":2}');
    }
    const mocked = await call('TestState', {
      definition: JSON.stringify(task('arn:aws:states:::lambda:invoke', { Retry: [{ ErrorEquals: ['E'] }] })),
      input: '{}', mock: { errorOutput: { error: 'E', cause: 'c' } },
    });
    assert.equal(mocked.status, 'RETRIABLE');
    await refused('StateMachineTypeNotSupported', 'StartSyncExecution', {
      stateMachineArn: await newMachine('no-sync', { S: { Type: 'Succeed' } }),
    });
    behind.destroy();
  },

  async 'errors are the classes of the SDK'() {
    const stateMachineArn = await newMachine('errors', { W: { Type: 'Wait', Seconds: 60, End: true } });
    const executionArn = await start(stateMachineArn, {}, 'one');
    assert.equal(await start(stateMachineArn, {}, 'one'), executionArn);
    const definition = JSON.stringify({ StartAt: 'S', States: { S: { Type: 'Succeed' } } });
    const rows = [
      ['ActivityDoesNotExist', 'GetActivityTask', { activityArn: `${ARN}:activity:no` }],
      ['ExecutionAlreadyExists', 'StartExecution', { stateMachineArn, name: 'one', input: '1' }],
      ['ExecutionDoesNotExist', 'DescribeExecution', { executionArn: `${ARN}:execution:errors:no` }],
      ['ExecutionDoesNotExist', 'StopExecution', { executionArn: `${ARN}:execution:errors:no` }],
      ['ExecutionDoesNotExist', 'GetExecutionHistory', { executionArn: `${ARN}:execution:errors:no` }],
      ['InvalidArn', 'DescribeStateMachine', { stateMachineArn: 'nonsense' }],
      ['InvalidDefinition', 'CreateStateMachine', { name: 'e', roleArn: ROLE, definition: '{}' }],
      ['InvalidExecutionInput', 'StartExecution', { stateMachineArn, input: '{' }],
      ['InvalidName', 'CreateActivity', { name: 'a b' }],
      ['StateMachineAlreadyExists', 'CreateStateMachine', { name: 'errors', roleArn: ROLE, definition }],
      ['StateMachineDoesNotExist', 'StartExecution', { stateMachineArn: `${ARN}:stateMachine:no` }],
      ['ResourceNotFound', 'ListTagsForResource', { resourceArn: `${ARN}:stateMachine:no` }],
      ['ValidationException', 'ListActivities', { maxResults: 1001 }],
    ];
    for (const row of rows) await refused(...row);
    await call('StopExecution', { executionArn });
  },

  async 'who has not the key is refused'() {
    const by = (credentials, options) => newClient({ credentials, ...options });
    await refused('InvalidSignatureException', 'ListActivities', {}, by({ accessKeyId, secretAccessKey: 'guess' }));
    await refused('UnrecognizedClientException', 'ListActivities', {},
      by({ accessKeyId: 'AKIDNOBODY', secretAccessKey }));
    const wrong = { systemClockOffset: 3600e3 };
    await refused('InvalidSignatureException', 'ListActivities', {}, newClient(wrong));
    await call('ListActivities', {}, newClient({ ...wrong, maxAttempts: 2 }));  // it sets its clock by the answer
  },
};

function fetchText(path) {
  return new Promise((done, failed) => {
    http.get(new URL(path, url), (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; })
        .on('end', () => done({ status: response.statusCode, body }));
    }).on('error', failed);
  });
}

(async () => {
  let failures = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log(`ok clients: SDK for JavaScript: ${name}`);
    } catch (error) {
      failures++;
      console.log(`not ok clients: SDK for JavaScript: ${name}`);
      console.log(String(error.stack).slice(0, 2000).replace(/^/gm, '  '));
    }
  }
  client.destroy();
  process.exitCode = failures ? 1 : 0;
})();
