// sarama, which speaks the versions it was told, without asking the broker.
package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	. "sluice/compat/clients/program"
)

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	return config
}

func create(bootstrap, topic string, partitions int32) sarama.ClusterAdmin {
	admin := Got(sarama.NewClusterAdmin([]string{bootstrap}, settings()))
	Must(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
	return admin
}

func messages(topic string, count int, tag any) (all []*sarama.ProducerMessage) {
	for i := range count {
		n := strconv.Itoa(i)
		all = append(all, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(n), Value: sarama.StringEncoder(Value(tag, i)),
			Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: []byte(n)}}})
	}
	return all
}

func produce(bootstrap string, all []*sarama.ProducerMessage, codec sarama.CompressionCodec) {
	config := settings()
	config.Producer.Compression = codec
	producer := Got(sarama.NewSyncProducer([]string{bootstrap}, config))
	Must(producer.SendMessages(all))
	Must(producer.Close())
}

// read gives the first `count` records of partition 0 and what comes within half a second after them.
func read(bootstrap, topic string, count int, isolation sarama.IsolationLevel) (all []*sarama.ConsumerMessage) {
	config := settings()
	config.Consumer.IsolationLevel = isolation
	consumer := Got(sarama.NewConsumer([]string{bootstrap}, config))
	defer consumer.Close()
	partition := Got(consumer.ConsumePartition(topic, 0, sarama.OffsetOldest))
	defer partition.Close()
	for {
		patience := time.Minute
		if len(all) >= count {
			patience = 500 * time.Millisecond
		}
		select {
		case message := <-partition.Messages():
			all = append(all, message)
		case <-time.After(patience):
			Assert(len(all) >= count, len(all), "records of", count)
			return all
		}
	}
}

func codecs(bootstrap string) string {
	all := []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy,
		sarama.CompressionLZ4, sarama.CompressionZSTD}
	for _, codec := range all {
		topic := codec.String()
		Must(create(bootstrap, topic, 1).Close())
		produce(bootstrap, messages(topic, Count, topic), codec)
		got := read(bootstrap, topic, Count, sarama.ReadUncommitted)
		Assert(len(got) == Count, topic, len(got))
		for i, message := range got {
			n := strconv.Itoa(i)
			Assert(string(message.Value) == Value(topic, i) && string(message.Key) == n && string(message.Headers[0].Value) == n, topic, i)
		}
	}
	return fmt.Sprintf("%d codecs, %d records each", len(all), Count)
}

// A member of the group, with its handler's state.
type member struct {
	group sarama.ConsumerGroup
	mutex sync.Mutex
	owned int
	got   map[string]bool
	ended sync.WaitGroup
	stop  context.CancelFunc
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.owned = len(session.Claims()["events"])
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.owned = 0
	session.Commit()
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.mutex.Lock()
			m.got[string(message.Value)] = true
			m.mutex.Unlock()
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func join(bootstrap string) *member {
	m := &member{group: Got(sarama.NewConsumerGroup([]string{bootstrap}, "readers", settings())), got: map[string]bool{}}
	var joined context.Context
	joined, m.stop = context.WithCancel(context.Background())
	m.ended.Add(1)
	go func() {
		defer m.ended.Done()
		for joined.Err() == nil {
			Must(m.group.Consume(joined, []string{"events"}, m))
		}
	}()
	return m
}

func (m *member) owns() int { m.mutex.Lock(); defer m.mutex.Unlock(); return m.owned }
func (m *member) read() int { m.mutex.Lock(); defer m.mutex.Unlock(); return len(m.got) }

func (m *member) leave() {
	m.stop()
	m.ended.Wait()
	Must(m.group.Close())
}

func group(bootstrap string) string {
	Must(create(bootstrap, "events", Partitions).Close())
	produce(bootstrap, messages("events", Count, "a"), sarama.CompressionNone)
	first := join(bootstrap)
	WaitUntil("the first member has all partitions", func() bool { return first.owns() == 4 })
	second := join(bootstrap)
	WaitUntil("two partitions for each member", func() bool { return first.owns() == 2 && second.owns() == 2 })
	second.leave()
	WaitUntil("the first member has all partitions again", func() bool { return first.owns() == 4 })
	WaitUntil("everything read", func() bool { return first.read()+second.read() >= Count })
	first.leave()
	again := join(bootstrap)
	WaitUntil("the member that came back has all partitions", func() bool { return again.owns() == 4 })
	produce(bootstrap, messages("events", 1, "one more"), sarama.CompressionNone)
	WaitUntil("the record written since", func() bool { return again.read() > 0 })
	Assert(again.read() == 1, "the group does not go on where it was:", again.read())
	again.leave()
	return fmt.Sprintf("two members, %d records, a restart", Count)
}

func writer(bootstrap string) sarama.SyncProducer {
	config := settings()
	config.Producer.Transaction.ID = "writer"
	config.Producer.Transaction.Retry.Max = 10
	return Got(sarama.NewSyncProducer([]string{bootstrap}, config))
}

func transactions(bootstrap string) string {
	Must(create(bootstrap, "source", 1).Close())
	admin := create(bootstrap, "events", 1)
	defer admin.Close()
	produce(bootstrap, messages("source", 10, "s"), sarama.CompressionNone)
	older := writer(bootstrap)
	var kept []string
	for number := range 6 {
		Must(older.BeginTxn())
		Must(older.SendMessages(messages("events", 100, number)))
		if number%2 == 1 {
			Must(older.AbortTxn())
			continue
		}
		Must(older.CommitTxn())
		for i := range 100 {
			kept = append(kept, Value(number, i))
		}
	}
	Must(older.BeginTxn())
	Must(older.SendMessages(messages("events", 10, "s")))
	offsets := map[string][]*sarama.PartitionOffsetMetadata{"source": {{Partition: 0, Offset: 10}}}
	Must(older.AddOffsetsToTxn(offsets, "movers"))
	Must(older.CommitTxn())
	for i := range 10 {
		kept = append(kept, Value("s", i))
	}
	WaitUntil("the offset committed within", func() bool { // it may be on its way still
		committed := Got(admin.ListConsumerGroupOffsets("movers", map[string][]int32{"source": {0}}))
		return committed.GetBlock("source", 0).Offset == 10
	})
	younger := writer(bootstrap)
	defer younger.Close()
	fenced := older.BeginTxn()
	if fenced == nil {
		fenced = older.SendMessages(messages("events", 1, "zombie"))
	}
	if fenced == nil {
		fenced = older.CommitTxn()
	}
	Assert(fenced != nil, "the older producer was not fenced")
	got := read(bootstrap, "events", len(kept), sarama.ReadCommitted)
	Assert(len(got) == len(kept), "read_committed", len(got), len(kept))
	for i, message := range got {
		Assert(string(message.Value) == kept[i], "read_committed differs at", i)
	}
	everything := read(bootstrap, "events", 610, sarama.ReadUncommitted)
	Assert(len(everything) == 610, "read_uncommitted", len(everything))
	return fmt.Sprintf("%d records committed, 300 aborted, offsets moved, the older producer fenced", len(got))
}

func admin(bootstrap string) string {
	admin := create(bootstrap, "events", 2)
	defer admin.Close()
	Must(admin.CreatePartitions("events", 4, nil, false))
	text := "12345"
	set := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &text}}
	Must(admin.IncrementalAlterConfig(sarama.TopicResource, "events", set, false))
	WaitUntil("retention.ms is what was set", func() bool {
		entries := Got(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "events"}))
		return slices.ContainsFunc(entries, func(entry sarama.ConfigEntry) bool {
			return entry.Name == "retention.ms" && entry.Value == text
		})
	})
	produce(bootstrap, messages("events", 100, "a"), sarama.CompressionNone)
	client := Got(sarama.NewClient([]string{bootstrap}, settings()))
	defer client.Close()
	sum, fullest, most := int64(0), int32(0), int64(-1)
	for partition := range int32(4) {
		end := Got(client.GetOffset("events", partition, sarama.OffsetNewest))
		sum += end
		if end > most {
			fullest, most = partition, end
		}
	}
	Assert(sum == 100, "the ends add up to", sum)
	Must(admin.DeleteRecords("events", map[int32]int64{fullest: 5}))
	start := Got(client.GetOffset("events", fullest, sarama.OffsetOldest))
	Assert(start == 5, "the log starts at", start)
	reader := join(bootstrap)
	WaitUntil("95 records", func() bool { return reader.read() == 95 })
	_, there := Got(admin.ListConsumerGroups())["readers"]
	Assert(there, "the group is not listed")
	Assert(len(Got(admin.DescribeConsumerGroups([]string{"readers"}))[0].Members) == 1, "one member")
	reader.leave()
	Assert(Got(admin.ListConsumerGroupOffsets("readers", nil)).GetBlock("events", fullest).Offset == most, "the committed offset")
	Must(admin.DeleteConsumerGroup("readers"))
	Assert(len(Got(admin.DescribeLogDirs([]int32{controller(admin)}))) == 1, "one broker's log directories")
	Must(admin.DeleteTopic("events"))
	WaitUntil("the topic is gone", func() bool { _, there := Got(admin.ListTopics())["events"]; return !there })
	return "topics, partitions, configs, offsets, records, groups, log directories"
}

func controller(admin sarama.ClusterAdmin) int32 { return Got(admin.Controller()).ID() }

func main() {
	Main(map[string]Check{"codecs": codecs, "group": group, "transactions": transactions, "admin": admin})
}
