// What bench/engine.c's `chain` and `map` do, in aws-local-stepfunctions: in memory, nothing durable. Prints "WHAT PER-SECOND".
import { createRequire } from 'node:module';
const { StateMachine } = createRequire(process.argv[2] + '/')('aws-local-stepfunctions');

const CHAIN = 5000, CHAINS = 10, MAP_ITEMS = 10000;
const pass = { StartAt: 'P', States: { P: { Type: 'Pass', End: true } } };
const states = { ['S' + CHAIN]: { Type: 'Succeed' } };
for (let i = 0; i < CHAIN; i++) states['S' + i] = { Type: 'Pass', Next: 'S' + (i + 1) };

const make = (definition) => new StateMachine(definition, { validationOptions: { noValidate: true } });
const timed = async (what, count, work) => {
  const began = process.hrtime.bigint();
  await work();
  console.log(what, Math.round(count / (Number(process.hrtime.bigint() - began) / 1e9)));
};

const chain = make({ StartAt: 'S0', States: states });
await timed('chain', CHAIN * CHAINS, async () => {
  for (let i = 0; i < CHAINS; i++) await chain.run({ a: 1 }).result;
});
const map = make({ StartAt: 'M', States: { M: { Type: 'Map', End: true, ItemProcessor: pass } } });
await timed('map', MAP_ITEMS, async () => {
  const output = await map.run([...Array(MAP_ITEMS).keys()]).result;
  if (output.length !== MAP_ITEMS) throw new Error('the map lost items');
});
