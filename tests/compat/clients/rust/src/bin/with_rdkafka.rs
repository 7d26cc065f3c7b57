//! rdkafka: librdkafka from Rust.

use std::collections::HashSet;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use sluice_compat_clients::{COUNT, Check, PARTITIONS, PATIENCE, run, values, wait_until};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

type Admin = AdminClient<DefaultClientContext>;

fn config(bootstrap: &str, more: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    for (name, value) in more {
        config.set(*name, *value);
    }
    config
}

fn create(bootstrap: &str, topic: &str, partitions: i32) -> Admin {
    let admin: Admin = config(bootstrap, &[]).create().unwrap();
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for result in block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap() {
        result.unwrap();
    }
    admin
}

fn send(producer: &BaseProducer, topic: &str, all: &[String]) {
    for (i, text) in all.iter().enumerate() {
        let n = i.to_string();
        let headers = OwnedHeaders::new().insert(Header { key: "n", value: Some(&n) });
        producer.send(BaseRecord::to(topic).key(&n).payload(text).headers(headers)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn produce(bootstrap: &str, topic: &str, all: &[String], codec: &str) {
    let settings = [("enable.idempotence", "true"), ("compression.type", codec)];
    send(&config(bootstrap, &settings).create().unwrap(), topic, all);
}

fn consumer(bootstrap: &str, group: &str, more: &[(&str, &str)]) -> BaseConsumer {
    let mut config = config(
        bootstrap,
        &[
            ("group.id", group),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
        ],
    );
    for (name, value) in more {
        config.set(*name, *value);
    }
    config.create().unwrap()
}

/// The messages up to the end of that many partitions.
fn drain(reader: &BaseConsumer, partitions: usize) -> Vec<OwnedMessage> {
    let (mut got, mut ended) = (Vec::new(), HashSet::new());
    wait_until("the end of the partitions", || {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => got.push(message.detach()),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
        ended.len() == partitions
    });
    got
}

fn read(bootstrap: &str, topic: &str, isolation: &str) -> Vec<OwnedMessage> {
    let reader = consumer(bootstrap, "nobody", &[("isolation.level", isolation)]);
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    reader.assign(&place).unwrap();
    drain(&reader, 1)
}

fn texts(messages: &[OwnedMessage]) -> Vec<String> {
    messages.iter().map(|m| String::from_utf8(m.payload().unwrap().to_vec()).unwrap()).collect()
}

fn codecs(bootstrap: &str) -> String {
    for codec in CODECS {
        create(bootstrap, codec, 1);
        let sent = values(codec, COUNT);
        produce(bootstrap, codec, &sent, codec);
        let got = read(bootstrap, codec, "read_committed");
        assert_eq!(texts(&got), sent, "{codec}");
        for (i, message) in got.iter().enumerate() {
            let n = i.to_string();
            assert_eq!(message.key(), Some(n.as_bytes()));
            assert_eq!(message.headers().unwrap().get(0).value, Some(n.as_bytes()));
        }
    }
    format!("{} codecs, {COUNT} records each", CODECS.len())
}

fn poll(members: &[&BaseConsumer], got: &mut HashSet<String>) {
    for member in members {
        if let Some(Ok(message)) = member.poll(Duration::from_millis(50)) {
            got.insert(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
        }
    }
}

fn owns(member: &BaseConsumer) -> usize {
    member.assignment().unwrap().count()
}

fn share(bootstrap: &str, protocol: &str) -> String {
    create(bootstrap, "events", PARTITIONS);
    produce(bootstrap, "events", &values("a", COUNT), "none");
    let settings = [("group.protocol", protocol)];
    let mut got = HashSet::new();
    let first = consumer(bootstrap, "readers", &settings);
    first.subscribe(&["events"]).unwrap();
    wait_until("the first member has all partitions", || {
        poll(&[&first], &mut got);
        owns(&first) == 4
    });
    let second = consumer(bootstrap, "readers", &settings);
    second.subscribe(&["events"]).unwrap();
    wait_until("two partitions for each member", || {
        poll(&[&first, &second], &mut got);
        owns(&first) == 2 && owns(&second) == 2
    });
    drop(second);
    wait_until("the first member has all partitions again", || {
        poll(&[&first], &mut got);
        owns(&first) == 4
    });
    wait_until("everything read", || {
        poll(&[&first], &mut got);
        got.len() == COUNT
    });
    let mut ends = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let (_, high) = first.fetch_watermarks("events", partition, PATIENCE).unwrap();
        ends.add_partition_offset("events", partition, Offset::Offset(high)).unwrap();
    }
    first.commit(&ends, CommitMode::Sync).unwrap();
    drop(first);
    let again = consumer(bootstrap, "readers", &settings);
    again.subscribe(&["events"]).unwrap();
    assert!(drain(&again, PARTITIONS as usize).is_empty(), "the group does not go on where it was");
    format!("two members, {COUNT} records, a restart")
}

fn group(bootstrap: &str) -> String {
    share(bootstrap, "classic")
}

fn group848(bootstrap: &str) -> String {
    share(bootstrap, "consumer")
}

fn transactional(bootstrap: &str) -> BaseProducer {
    let producer: BaseProducer = config(bootstrap, &[("transactional.id", "writer")]).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

/// Reads the source in a group, and writes it to events in one transaction with the offsets.
fn move_all(bootstrap: &str, producer: &BaseProducer) -> Vec<String> {
    let reader = consumer(bootstrap, "movers", &[]);
    reader.subscribe(&["source"]).unwrap();
    let moved = texts(&drain(&reader, 1));
    producer.begin_transaction().unwrap();
    send(producer, "events", &moved);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("source", 0, Offset::Offset(10)).unwrap();
    producer.send_offsets_to_transaction(&offsets, &reader.group_metadata().unwrap(), PATIENCE).unwrap();
    producer.commit_transaction(PATIENCE).unwrap();
    let committed = reader.committed_offsets(offsets, PATIENCE).unwrap();
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(10));
    moved
}

fn transactions(bootstrap: &str) -> String {
    create(bootstrap, "source", 1);
    create(bootstrap, "events", 1);
    produce(bootstrap, "source", &values("s", 10), "none");
    let older = transactional(bootstrap);
    let mut kept = Vec::new();
    for number in 0..6 {
        let sent = values(&number.to_string(), 100);
        older.begin_transaction().unwrap();
        send(&older, "events", &sent);
        if number % 2 == 1 {
            older.abort_transaction(PATIENCE).unwrap();
        } else {
            older.commit_transaction(PATIENCE).unwrap();
            kept.extend(sent);
        }
    }
    kept.extend(move_all(bootstrap, &older));
    let _younger = transactional(bootstrap);
    let fenced = older.begin_transaction().and_then(|()| {
        older.send(BaseRecord::<str, str>::to("events").payload("zombie")).map_err(|(error, _)| error)?;
        older.commit_transaction(PATIENCE)
    });
    assert!(fenced.is_err(), "the older producer was not fenced");
    assert_eq!(texts(&read(bootstrap, "events", "read_committed")), kept);
    let everything = read(bootstrap, "events", "read_uncommitted").len();
    assert_eq!(everything, 610);
    format!("{} records committed, 300 aborted, offsets moved, the older producer fenced", kept.len())
}

fn admin(bootstrap: &str) -> String {
    let admin = create(bootstrap, "events", 2);
    let options = AdminOptions::new();
    for result in block_on(admin.create_partitions(&[NewPartitions::new("events", 4)], &options)).unwrap() {
        result.unwrap();
    }
    let topic = ResourceSpecifier::Topic("events");
    for result in block_on(admin.alter_configs([&AlterConfig::new(topic).set("retention.ms", "12345")], &options)).unwrap()
    {
        result.unwrap();
    }
    let described = block_on(admin.describe_configs([&topic], &options)).unwrap().remove(0).unwrap();
    assert_eq!(described.get("retention.ms").unwrap().value.as_deref(), Some("12345"));
    produce(bootstrap, "events", &values("a", 100), "none");
    let reader = consumer(bootstrap, "readers", &[]);
    let ends: Vec<i64> = (0..4).map(|p| reader.fetch_watermarks("events", p, PATIENCE).unwrap().1).collect();
    assert_eq!(ends.iter().sum::<i64>(), 100);
    let fullest = (0..4).max_by_key(|p| ends[*p as usize]).unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset("events", fullest, Offset::Offset(5)).unwrap();
    block_on(admin.delete_records(&before, &options)).unwrap();
    assert_eq!(reader.fetch_watermarks("events", fullest, PATIENCE).unwrap().0, 5);
    reader.subscribe(&["events"]).unwrap();
    assert_eq!(drain(&reader, 4).len(), 95);
    reader.commit_consumer_state(CommitMode::Sync).unwrap();
    let groups = reader.fetch_group_list(Some("readers"), PATIENCE).unwrap();
    assert_eq!(groups.groups()[0].members().len(), 1);
    drop(reader);
    for result in block_on(admin.delete_groups(&["readers"], &options)).unwrap() {
        result.unwrap();
    }
    for result in block_on(admin.delete_topics(&["events"], &options)).unwrap() {
        result.unwrap();
    }
    "topics, partitions, configs, offsets, records, groups".to_owned()
}

fn main() {
    let checks: [(&str, Check); 5] =
        [("codecs", codecs), ("group", group), ("group848", group848), ("transactions", transactions), ("admin", admin)];
    run(&checks);
}
