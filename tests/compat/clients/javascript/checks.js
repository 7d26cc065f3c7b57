// The checks, for clients with KafkaJS's way of calling; what differs is in an adapter: see kafkajs.js and confluent.js.
'use strict';
const assert = require('node:assert');
const { setTimeout: sleep } = require('node:timers/promises');

const COUNT = 1000;
const PARTITIONS = 4;

const value = (tag, i) => `${tag} ${i} ${'x'.repeat(i % 97)}`;
const values = (tag, count) => Array.from({ length: count }, (_, i) => value(tag, i));
const messages = (all) => all.map((text, i) => ({ key: `${i}`, value: text, headers: { n: `${i}` } }));

async function until(what, condition, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; !(await condition()); await sleep(20)) {
    assert(Date.now() < deadline, `did not happen within ${seconds} s: ${what}`);
  }
}

async function withAdmin(adapter, action) {
  const admin = adapter.kafka().admin();
  await admin.connect();
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
}

const create = (adapter, topic, numPartitions) =>
  withAdmin(adapter, (admin) => admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }));

async function produce(adapter, topic, all, codec) {
  const producer = adapter.producer({ codec });
  await producer.connect();
  await adapter.send(producer, topic, messages(all), codec);
  await producer.disconnect();
}

// A member of a group over one topic. Its messages gather in `got`.
async function join(adapter, topic, options) {
  const consumer = adapter.consumer(options);
  const member = { consumer, got: [], owned: adapter.owned(consumer) };
  await consumer.connect();
  await adapter.subscribe(consumer, topic);
  await consumer.run({
    ...adapter.runOptions,
    eachMessage: async ({ partition, message }) => {
      member.got.push({ partition, message });
    },
  });
  return member;
}

async function read(adapter, topic, count, options = {}) {
  const member = await join(adapter, topic, { groupId: `readers-of-${topic}-${Math.random()}`, ...options });
  await until(`${count} records of ${topic}`, () => member.got.length >= count);
  await sleep(300);
  await member.consumer.disconnect();
  return member.got.map(({ message }) => message);
}

async function codecs(adapter) {
  for (const codec of adapter.codecs) {
    await create(adapter, codec, 1);
    const sent = values(codec, COUNT);
    await produce(adapter, codec, sent, codec);
    const got = await read(adapter, codec, COUNT);
    assert.deepStrictEqual(got.map((m) => m.value.toString()), sent, codec);
    got.forEach((m, i) => assert(m.key.toString() === `${i}` && m.headers.n.toString() === `${i}`, `${codec} ${i}`));
  }
  return `${adapter.codecs.join(', ')}, ${COUNT} records each`;
}

async function share(adapter, options = {}) {
  await create(adapter, 'events', PARTITIONS);
  await produce(adapter, 'events', values('a', COUNT));
  const settings = { groupId: 'readers', ...options };
  const first = await join(adapter, 'events', settings);
  await until('the first member has all partitions', () => first.owned() === 4);
  const second = await join(adapter, 'events', settings);
  await until('two partitions for each member', () => first.owned() === 2 && second.owned() === 2);
  await second.consumer.disconnect();
  await until('the first member has all partitions again', () => first.owned() === 4);
  const different = () => new Set([...first.got, ...second.got].map(({ message }) => message.value.toString())).size;
  await until('everything read', () => different() === COUNT);
  const ends = await withAdmin(adapter, (admin) => admin.fetchTopicOffsets('events'));
  await first.consumer.commitOffsets(ends.map(({ partition, high }) => ({ topic: 'events', partition, offset: high })));
  await first.consumer.disconnect();
  const again = await join(adapter, 'events', settings);
  await until('the member that came back has all partitions', () => again.owned() === 4);
  await produce(adapter, 'events', ['one more']);
  await until('the record written since', () => again.got.length > 0);
  assert.strictEqual(again.got.length, 1, 'the group does not go on where it was');
  await again.consumer.disconnect();
  return `two members, ${COUNT} records, a restart`;
}

async function inTransaction(producer, all, commit) {
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'events', messages: messages(all) });
  await (commit ? transaction.commit() : transaction.abort());
}

async function transactions(adapter) {
  await create(adapter, 'source', 1);
  await create(adapter, 'events', 1);
  await produce(adapter, 'source', values('s', 10));
  const older = adapter.producer({ transactionalId: 'writer' });
  await older.connect();
  const kept = [];
  for (let number = 0; number < 6; ++number) {
    await inTransaction(older, values(number, 100), number % 2 === 0);
    if (number % 2 === 0) kept.push(...values(number, 100));
  }
  const mover = await join(adapter, 'source', { groupId: 'movers' });
  await until('ten records', () => mover.got.length === 10);
  const transaction = await older.transaction();
  await transaction.send({ topic: 'events', messages: messages(values('s', 10)) });
  await transaction.sendOffsets({
    ...adapter.groupOf(mover.consumer, 'movers'),
    topics: [{ topic: 'source', partitions: [{ partition: 0, offset: '10' }] }],
  });
  await transaction.commit();
  await mover.consumer.disconnect();
  kept.push(...values('s', 10));
  const [committed] = await withAdmin(adapter, (admin) => admin.fetchOffsets({ groupId: 'movers', topics: ['source'] }));
  assert.strictEqual(committed.partitions[0].offset, '10');
  const younger = adapter.producer({ transactionalId: 'writer' });
  await younger.connect();
  await inTransaction(younger, ['younger'], true);
  kept.push('younger');
  await assert.rejects(inTransaction(older, ['zombie'], true), 'the older producer was not fenced');
  await younger.disconnect();
  await older.disconnect().catch(() => {});
  const got = await read(adapter, 'events', kept.length, { readCommitted: true });
  assert.deepStrictEqual(got.map((m) => m.value.toString()), kept);
  const everything = await read(adapter, 'events', 611, { readCommitted: false });
  assert.strictEqual(everything.length, 611);
  return `${got.length} records committed, 300 aborted, offsets moved, the older producer fenced`;
}

async function admin(adapter) {
  await create(adapter, 'events', 4);
  await produce(adapter, 'events', values('a', 100));
  return withAdmin(adapter, async (calls) => {
    const more = await adapter.adminOnly(calls);
    const ends = await calls.fetchTopicOffsets('events');
    assert.strictEqual(ends.reduce((sum, { high }) => sum + Number(high), 0), 100);
    const fullest = ends.reduce((a, b) => (Number(a.high) > Number(b.high) ? a : b)).partition;
    await calls.deleteTopicRecords({ topic: 'events', partitions: [{ partition: fullest, offset: '5' }] });
    const starts = await calls.fetchTopicOffsets('events');
    assert.strictEqual(Number(starts.find(({ partition }) => partition === fullest).low), 5);
    const reader = await join(adapter, 'events', { groupId: 'readers' });
    await until('95 records', () => reader.got.length === 95);
    const ends95 = starts.map(({ partition, high }) => ({ topic: 'events', partition, offset: high }));
    await reader.consumer.commitOffsets(ends95);
    assert((await calls.listGroups()).groups.some(({ groupId }) => groupId === 'readers'));
    assert.strictEqual((await calls.describeGroups(['readers'])).groups[0].members.length, 1);
    await reader.consumer.disconnect();
    const [fetched] = await calls.fetchOffsets({ groupId: 'readers', topics: ['events'] });
    assert.strictEqual(fetched.partitions.length, 4);
    await calls.deleteGroups(['readers']);
    await calls.deleteTopics({ topics: ['events'] });
    await until('the topic is gone', async () => !(await calls.listTopics()).includes('events'));
    return `topics, offsets, records, groups${more}`;
  });
}

// Runs the check that the command line names with the client that `open` makes of the bootstrap servers.
async function main(open) {
  const [bootstrap, name] = process.argv.slice(2);
  const adapter = open(bootstrap);
  const checks = { codecs, group: share, transactions, admin };
  if (adapter.group848) checks.group848 = () => share(adapter, { protocol: 'consumer' });
  if (!(name in checks)) {
    console.log(`the client has no ${name}`);
    process.exit(77);
  }
  console.log(await checks[name](adapter));
  process.exit(0);
}

module.exports = { main, until };
