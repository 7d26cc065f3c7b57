// kafkajs, with codecs in JavaScript (its own is gzip alone).
'use strict';
const assert = require('node:assert');
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs');
const lz4 = require('lz4js');
const { main, until } = require('./checks');

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

const TYPES = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4 };

async function adminOnly(admin) {
  await admin.createTopics({ topics: [{ topic: 'other', numPartitions: 1 }] });
  await admin.createPartitions({ topicPartitions: [{ topic: 'other', count: 3 }] });
  const resource = { type: ConfigResourceTypes.TOPIC, name: 'other' };
  await admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '12345' }] }] });
  await until('the retention is what was set', async () => {
    const { resources } = await admin.describeConfigs({ resources: [{ ...resource, configNames: ['retention.ms'] }] });
    return resources[0].configEntries[0].configValue === '12345';
  });
  await until('the topic has three partitions', async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: ['other'] });
    return topics[0].partitions.length === 3;
  });
  assert.strictEqual((await admin.describeCluster()).brokers.length, 1);
  return ', partitions, configs';
}

main((bootstrap) => {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  return {
    codecs: Object.keys(TYPES),
    kafka: () => kafka,
    producer: ({ transactionalId }) =>
      kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId, retry: { retries: 5 } }),
    send: (producer, topic, messages, codec = 'none') =>
      producer.send({ topic, messages, acks: -1, compression: TYPES[codec] }),
    consumer: ({ groupId, readCommitted }) =>
      kafka.consumer({ groupId, heartbeatInterval: 300, readUncommitted: readCommitted === false }),
    subscribe: (consumer, topic) => consumer.subscribe({ topics: [topic], fromBeginning: true }),
    runOptions: { autoCommit: false },
    owned: (consumer) => {
      let count = 0;
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        count = Object.values(payload.memberAssignment).flat().length;
      });
      consumer.on(consumer.events.REBALANCING, () => {
        count = 0;
      });
      return () => count;
    },
    groupOf: (_, consumerGroupId) => ({ consumerGroupId }),
    adminOnly,
  };
});
