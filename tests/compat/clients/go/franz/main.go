// franz-go: kgo and kadm.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	. "sluice/compat/clients/program"
)

var background = context.Background()

func client(bootstrap string, options ...kgo.Opt) *kgo.Client {
	return Got(kgo.NewClient(append(options, kgo.SeedBrokers(bootstrap))...))
}

func create(bootstrap, topic string, partitions int32) *kadm.Client {
	admin := kadm.NewClient(client(bootstrap))
	Must(Got(admin.CreateTopic(background, partitions, 1, nil, topic)).Err)
	return admin
}

func produce(bootstrap, topic string, values []string, options ...kgo.Opt) {
	producer := client(bootstrap, options...)
	defer producer.Close()
	var records []*kgo.Record
	for i, value := range values {
		n := strconv.Itoa(i)
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(n), Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "n", Value: []byte(n)}}})
	}
	Must(producer.ProduceSync(background, records...).FirstErr())
}

// read gives the records of partition 0 up to its end.
func read(bootstrap, topic string, options ...kgo.Opt) []*kgo.Record {
	admin := kadm.NewClient(client(bootstrap))
	defer admin.Close()
	end, _ := Got(admin.ListEndOffsets(background, topic)).Lookup(topic, 0)
	place := map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}
	reader := client(bootstrap, append(options, kgo.ConsumePartitions(place), kgo.KeepControlRecords())...)
	defer reader.Close()
	limit, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	var records []*kgo.Record
	for next := int64(0); next < end.Offset; {
		fetches := reader.PollFetches(limit)
		Must(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			next = record.Offset + 1
			if !record.Attrs.IsControl() {
				records = append(records, record)
			}
		})
	}
	return records
}

func values(count int, tag any) (all []string) {
	for i := range count {
		all = append(all, Value(tag, i))
	}
	return all
}

func same(got []*kgo.Record, sent []string) bool {
	if len(got) != len(sent) {
		return false
	}
	for i := range got {
		if string(got[i].Value) != sent[i] {
			return false
		}
	}
	return true
}

func codecs(bootstrap string) string {
	all := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range all {
		create(bootstrap, name, 1).Close()
		sent := values(Count, name)
		produce(bootstrap, name, sent, kgo.ProducerBatchCompression(codec))
		got := read(bootstrap, name)
		Assert(same(got, sent), name, len(got))
		for i, record := range got {
			n := strconv.Itoa(i)
			Assert(string(record.Key) == n && len(record.Headers) == 1 && string(record.Headers[0].Value) == n, name, i)
		}
	}
	return fmt.Sprintf("%d codecs, %d records each", len(all), Count)
}

// A member of the group, polled by a goroutine of its own.
type member struct {
	client *kgo.Client
	mutex  sync.Mutex
	owned  map[int32]bool
	got    map[string]bool
	ended  sync.WaitGroup
	stop   context.CancelFunc
}

func join(bootstrap string, options ...kgo.Opt) *member {
	m := &member{owned: map[int32]bool{}, got: map[string]bool{}}
	change := func(now bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partition := range changed["events"] {
				if now {
					m.owned[partition] = true
				} else {
					delete(m.owned, partition)
				}
			}
		}
	}
	m.client = client(bootstrap, append(options, kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("events"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))...)
	var polling context.Context
	polling, m.stop = context.WithCancel(background)
	m.ended.Add(1)
	go func() {
		defer m.ended.Done()
		for polling.Err() == nil {
			m.client.PollFetches(polling).EachRecord(func(record *kgo.Record) {
				m.mutex.Lock()
				defer m.mutex.Unlock()
				m.got[string(record.Value)] = true
			})
		}
	}()
	return m
}

func (m *member) owns() int { m.mutex.Lock(); defer m.mutex.Unlock(); return len(m.owned) }
func (m *member) read() int { m.mutex.Lock(); defer m.mutex.Unlock(); return len(m.got) }

func (m *member) leave() {
	m.stop()
	m.ended.Wait()
	m.client.Close()
}

func share(bootstrap, protocol string, options ...kgo.Opt) string {
	admin := create(bootstrap, "events", Partitions)
	defer admin.Close()
	produce(bootstrap, "events", values(Count, "a"))
	first := join(bootstrap, options...)
	WaitUntil("the first member has all partitions", func() bool { return first.owns() == 4 })
	_, there := Got(admin.ListGroupsByType(background, []string{protocol}))["readers"]
	Assert(there, "the group is not of the type", protocol)
	second := join(bootstrap, options...)
	WaitUntil("two partitions for each member", func() bool { return first.owns() == 2 && second.owns() == 2 })
	second.leave()
	WaitUntil("the first member has all partitions again", func() bool { return first.owns() == 4 })
	WaitUntil("everything read", func() bool { return first.read() == Count })
	ends := map[int32]kgo.EpochOffset{}
	Got(admin.ListEndOffsets(background, "events")).Each(func(end kadm.ListedOffset) {
		ends[end.Partition] = kgo.EpochOffset{Epoch: end.LeaderEpoch, Offset: end.Offset}
	})
	first.client.CommitOffsetsSync(background, map[string]map[int32]kgo.EpochOffset{"events": ends},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, _ *kmsg.OffsetCommitResponse, err error) { Must(err) })
	first.leave()
	lag := Got(admin.Lag(background, "readers"))["readers"]
	Assert(lag.Lag.Total() == 0, "the lag after the commit is", lag.Lag.Total())
	again := join(bootstrap, options...)
	WaitUntil("the member that came back has all partitions", func() bool { return again.owns() == 4 })
	produce(bootstrap, "events", []string{"one more"})
	WaitUntil("the record written since", func() bool { return again.read() > 0 })
	Assert(again.read() == 1, "the group does not go on where it was:", again.read())
	again.leave()
	return fmt.Sprintf("two members, %d records, a restart", Count)
}

func group(bootstrap string) string    { return share(bootstrap, "classic") }
func group848(bootstrap string) string { return share(bootstrap, "consumer", kgo.ServerSideBalancer()) }

func transaction(producer *kgo.Client, values []string, end kgo.TransactionEndTry) error {
	if err := producer.BeginTransaction(); err != nil {
		return err
	}
	for _, value := range values {
		producer.Produce(background, &kgo.Record{Topic: "events", Value: []byte(value)}, nil)
	}
	if err := producer.Flush(background); err != nil {
		return err
	}
	return producer.EndTransaction(background, end)
}

// move reads the source in a group and writes it to events, in one transaction with the offsets (KIP-447).
func move(bootstrap string) {
	session := Got(kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID("mover"), kgo.ConsumerGroup("movers"),
		kgo.ConsumeTopics("source"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted())))
	defer session.Close()
	fetches := session.PollFetches(background)
	Must(fetches.Err())
	Must(session.Begin())
	fetches.EachRecord(func(record *kgo.Record) {
		session.Produce(background, &kgo.Record{Topic: "events", Value: record.Value}, nil)
	})
	committed := Got(session.End(background, kgo.TryCommit))
	Assert(committed, "the session did not commit")
}

func transactions(bootstrap string) string {
	create(bootstrap, "source", 1).Close()
	admin := create(bootstrap, "events", 1)
	defer admin.Close()
	produce(bootstrap, "source", values(10, "s"))
	older := client(bootstrap, kgo.TransactionalID("writer"))
	var kept []string
	for number := range 6 {
		sent := values(100, number)
		Must(transaction(older, sent, kgo.TransactionEndTry(number%2 == 0)))
		if number%2 == 0 {
			kept = append(kept, sent...)
		}
	}
	move(bootstrap)
	kept = append(kept, values(10, "s")...)
	offset, there := Got(admin.FetchOffsets(background, "movers")).Lookup("source", 0)
	Assert(there && offset.At == 10, "the offset committed within is", offset.At)
	younger := client(bootstrap, kgo.TransactionalID("writer"))
	defer younger.Close()
	Got2(younger.ProducerID(background))
	err := transaction(older, []string{"zombie"}, kgo.TryCommit)
	Assert(errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch), "the older producer was not fenced:", err)
	older.Close()
	got := read(bootstrap, "events", kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	Assert(same(got, kept), "read_committed", len(got), len(kept))
	everything := read(bootstrap, "events", kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	Assert(len(everything) == 610, "read_uncommitted", len(everything))
	return fmt.Sprintf("%d records committed, 300 aborted, offsets moved, the older producer fenced", len(got))
}

// Got2 is Got for a call with two results that nobody needs.
func Got2[A, B any](_ A, _ B, err error) { Must(err) }

func admin(bootstrap string) string {
	admin := create(bootstrap, "events", 2)
	defer admin.Close()
	Must(Got(admin.UpdatePartitions(background, 4, "events"))["events"].Err)
	text := "12345"
	for _, altered := range Got(admin.AlterTopicConfigs(background, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &text}}, "events")) {
		Must(altered.Err)
	}
	WaitUntil("retention.ms is what was set", func() bool {
		configs := Got(Got(admin.DescribeTopicConfigs(background, "events")).On("events", nil))
		return slices.ContainsFunc(configs.Configs, func(config kadm.Config) bool {
			return config.Key == "retention.ms" && config.MaybeValue() == text
		})
	})
	produce(bootstrap, "events", values(100, "a"))
	ends := Got(admin.ListEndOffsets(background, "events"))
	sum, fullest := int64(0), kadm.ListedOffset{}
	ends.Each(func(end kadm.ListedOffset) {
		sum += end.Offset
		if end.Offset > fullest.Offset {
			fullest = end
		}
	})
	Assert(sum == 100, "the ends add up to", sum)
	var before kadm.Offsets
	before.Add(kadm.Offset{Topic: "events", Partition: fullest.Partition, At: 5, LeaderEpoch: -1})
	Must(Got(admin.DeleteRecords(background, before)).Error())
	start, _ := Got(admin.ListStartOffsets(background, "events")).Lookup("events", fullest.Partition)
	Assert(start.Offset == 5, "the log starts at", start.Offset)
	reader := join(bootstrap)
	WaitUntil("95 records", func() bool { return reader.read() == 95 })
	Must(reader.client.CommitUncommittedOffsets(background))
	Assert(len(Got(admin.ListGroups(background)).Groups()) == 1, "one group")
	Assert(len(Got(admin.DescribeGroups(background, "readers"))["readers"].Members) == 1, "one member")
	reader.leave()
	Must(Got(admin.DeleteGroup(background, "readers")).Err)
	Assert(len(Got(admin.ListBrokers(background))) == 1, "one broker")
	Must(Got(admin.DeleteTopic(background, "events")).Err)
	WaitUntil("the topic is gone", func() bool { return !Got(admin.ListTopics(background)).Has("events") })
	return "topics, partitions, configs, offsets, records, groups"
}

func main() {
	Main(map[string]Check{"codecs": codecs, "group": group, "group848": group848, "transactions": transactions, "admin": admin})
}
