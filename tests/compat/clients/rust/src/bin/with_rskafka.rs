//! rskafka: no groups and no transactions, one partition at a time.

use std::collections::BTreeMap;

use chrono::{TimeZone, Utc};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use sluice_compat_clients::{COUNT, Check, run, values};
use tokio::runtime::Runtime;

const CODECS: [(&str, Compression); 5] = [
    ("none", Compression::NoCompression),
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];

async fn open(bootstrap: &str) -> Client {
    ClientBuilder::new(vec![bootstrap.to_owned()]).build().await.unwrap()
}

async fn create(client: &Client, topic: &str) -> PartitionClient {
    client.controller_client().unwrap().create_topic(topic, 1, 1, 30_000).await.unwrap();
    client.partition_client(topic, 0, UnknownTopicHandling::Retry).await.unwrap()
}

fn record(i: usize, text: &str) -> Record {
    let n = i.to_string().into_bytes();
    Record {
        key: Some(n.clone()),
        value: Some(text.as_bytes().to_vec()),
        headers: BTreeMap::from([("n".to_owned(), n)]),
        timestamp: Utc.timestamp_millis_opt(1_700_000_000_000 + i as i64).unwrap(),
    }
}

async fn produce(partition: &PartitionClient, all: &[String], codec: Compression) {
    for (number, some) in all.chunks(100).enumerate() {
        let records = some.iter().enumerate().map(|(i, text)| record(number * 100 + i, text)).collect();
        partition.produce(records, codec).await.unwrap();
    }
}

async fn codecs(bootstrap: &str) -> String {
    let client = open(bootstrap).await;
    for (name, codec) in CODECS {
        let partition = create(&client, name).await;
        let sent = values(name, COUNT);
        produce(&partition, &sent, codec).await;
        let mut got = Vec::new();
        while got.len() < COUNT {
            let (some, end) = partition.fetch_records(got.len() as i64, 1..10_000_000, 5_000).await.unwrap();
            assert!(!some.is_empty() && end == COUNT as i64, "{name}: {} records, the end is {end}", got.len());
            got.extend(some.into_iter().filter(|r| r.offset >= got.len() as i64).map(|r| r.record).collect::<Vec<_>>());
        }
        let expected: Vec<Record> = sent.iter().enumerate().map(|(i, text)| record(i, text)).collect();
        assert!(got == expected, "{name}: what came back differs");
    }
    format!("{} codecs, {COUNT} records each", CODECS.len())
}

async fn admin(bootstrap: &str) -> String {
    let client = open(bootstrap).await;
    let partition = create(&client, "events").await;
    produce(&partition, &values("a", 100), Compression::NoCompression).await;
    assert_eq!(partition.get_offset(OffsetAt::Latest).await.unwrap(), 100);
    partition.delete_records(5, 30_000).await.unwrap();
    assert_eq!(partition.get_offset(OffsetAt::Earliest).await.unwrap(), 5);
    assert!(client.list_topics().await.unwrap().iter().any(|topic| topic.name == "events"));
    client.controller_client().unwrap().delete_topic("events", 30_000).await.unwrap();
    assert!(!client.list_topics().await.unwrap().iter().any(|topic| topic.name == "events"));
    "topics, offsets, records".to_owned()
}

fn main() {
    let checks: [(&str, Check); 2] = [
        ("codecs", |bootstrap| Runtime::new().unwrap().block_on(codecs(bootstrap))),
        ("admin", |bootstrap| Runtime::new().unwrap().block_on(admin(bootstrap))),
    ];
    run(&checks);
}
