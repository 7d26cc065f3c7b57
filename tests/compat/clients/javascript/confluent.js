// @confluentinc/kafka-javascript: librdkafka, called as kafkajs is.
'use strict';
const { KafkaJS } = require('@confluentinc/kafka-javascript');
const { main } = require('./checks');

main((bootstrap) => {
  const kafka = new KafkaJS.Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: KafkaJS.logLevel.ERROR } });
  return {
    group848: true,
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    kafka: () => kafka,
    producer: ({ codec = 'none', transactionalId }) =>
      kafka.producer({ kafkaJS: { idempotent: true, compression: codec, ...(transactionalId ? { transactionalId } : {}) } }),
    send: (producer, topic, messages) => producer.send({ topic, messages }),
    consumer: ({ groupId, readCommitted, protocol = 'classic' }) =>
      kafka.consumer({
        'group.protocol': protocol,
        'isolation.level': readCommitted === false ? 'read_uncommitted' : 'read_committed',
        kafkaJS: { groupId, fromBeginning: true, autoCommit: false },
      }),
    subscribe: (consumer, topic) => consumer.subscribe({ topics: [topic] }),
    runOptions: {},
    owned: (consumer) => () => consumer.assignment().length,
    groupOf: (consumer) => ({ consumer }),
    adminOnly: async () => '',
  };
});
