#include "audit/rdkafka_topic.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

namespace sluice::audit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int poll_ms = 200;
constexpr std::size_t batch_messages = 10'000;

constexpr std::array<std::pair<const char*, const char*>, 11> defaults = {{
    {"client.id", "sluice-audit"},
    {"isolation.level", "read_committed"},
    {"auto.offset.reset", "error"},
    {"enable.auto.commit", "false"},
    {"enable.partition.eof", "true"},
    {"check.crcs", "true"},
    {"fetch.wait.max.ms", "50"},
    {"fetch.queue.backoff.ms", "5"},  // else it rests a second whenever its queue is full
    {"queued.min.messages", "50000"},
    {"queued.max.messages.kbytes", "32768"},
    {"log_level", "0"},
}};

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};
template <class T, auto destroy>
using Handle = std::unique_ptr<T, Destroy<destroy>>;
using Conf = Handle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using Kafka = Handle<rd_kafka_t, rd_kafka_destroy>;
using TopicHandle = Handle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using Queue = Handle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Handle<rd_kafka_event_t, rd_kafka_event_destroy>;

Error kafka_error(rd_kafka_resp_err_t code, std::string message) {
  const bool transport = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                         code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__RESOLVE;
  const bool unknown = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                       code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                       code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  const bool outside =
      code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE || code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
  return Error{transport ? Code::unreachable
               : unknown ? Code::not_found
               : outside ? Code::out_of_range
                         : Code::kafka,
               fmt::format("{}: {}", message, rd_kafka_err2str(code)), "",
               static_cast<std::int16_t>(code > 0 ? code : 0)};
}

Result<Kafka> make_client(const RdKafkaOptions& options, rd_kafka_type_t type) {
  Conf conf(rd_kafka_conf_new());
  std::array<char, 512> why{};
  const auto set = [&](const std::string& name, const std::string& value) -> Result<void> {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why.data(), why.size()) ==
        RD_KAFKA_CONF_OK)
      return {};
    return fail(
        Code::invalid_argument,
        fmt::format("property {}={} was not accepted, nothing was audited: {}", name, value, why.data()));
  };
  for (const auto& [name, value] : defaults) SLUICE_TRY(set(name, value));
  SLUICE_TRY(set("bootstrap.servers", options.bootstrap_server));
  for (const auto& [name, value] : options.properties) SLUICE_TRY(set(name, value));
  rd_kafka_t* const kafka = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (kafka == nullptr) {
    return fail(Code::invalid_argument,
                fmt::format("the settings do not fit together, nothing was audited: {}", why.data()));
  }
  static_cast<void>(conf.release());  // rd_kafka_new took it
  return Kafka(kafka);
}

class RdKafkaPartition final : public PartitionReader {
 public:
  RdKafkaPartition(const RdKafkaOptions& options, Kafka kafka, TopicHandle topic, PartitionId partition)
      : options_(options), kafka_(std::move(kafka)), topic_(std::move(topic)), partition_(partition) {
    messages_.resize(batch_messages);
  }
  ~RdKafkaPartition() override { stop(); }
  RdKafkaPartition(const RdKafkaPartition&) = delete;
  RdKafkaPartition& operator=(const RdKafkaPartition&) = delete;

  Result<OffsetRange> bounds() override;
  Result<void> read(OffsetRange range, const Take& take) override;

 private:
  Result<void> start(Offset offset);
  void stop();
  Result<void> fetch();
  Result<bool> show(const rd_kafka_message_t& message, OffsetRange range, const Take& take);
  std::string place() const { return fmt::format("{}[{}]", options_.topic, partition_.value); }

  const RdKafkaOptions& options_;
  Kafka kafka_;
  TopicHandle topic_;
  PartitionId partition_;
  bool started_ = false;
  Offset position_;  // the next one that the stream shows is not below this
  std::vector<rd_kafka_message_t*> messages_;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::vector<TopicHeader> headers_;
};

Result<OffsetRange> RdKafkaPartition::bounds() {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto error =
      rd_kafka_query_watermark_offsets(kafka_.get(), options_.topic.c_str(), partition_.value, &low, &high,
                                       static_cast<int>(options_.timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(
        kafka_error(error, fmt::format("{} at {} was not audited", place(), options_.bootstrap_server)));
  }
  return OffsetRange{Offset(low), Offset(high)};
}

void RdKafkaPartition::stop() {
  for (; next_ < count_; ++next_) rd_kafka_message_destroy(messages_[next_]);
  next_ = count_ = 0;
  if (std::exchange(started_, false)) rd_kafka_consume_stop(topic_.get(), partition_.value);
}

Result<void> RdKafkaPartition::start(Offset offset) {
  if (started_ && position_ == offset) return {};
  stop();
  if (rd_kafka_consume_start(topic_.get(), partition_.value, offset.value) != 0) {
    return std::unexpected(
        kafka_error(rd_kafka_last_error(), fmt::format("{} was not read from {}", place(), offset.value)));
  }
  started_ = true;
  position_ = offset;
  return {};
}

/// Waits for the next messages; timed_out where none came for as long as options say.
Result<void> RdKafkaPartition::fetch() {
  const auto deadline = steady_clock::now() + options_.timeout;
  while (steady_clock::now() < deadline) {
    rd_kafka_poll(kafka_.get(), 0);
    const auto got =
        rd_kafka_consume_batch(topic_.get(), partition_.value, poll_ms, messages_.data(), messages_.size());
    if (got < 0)
      return std::unexpected(kafka_error(rd_kafka_last_error(), fmt::format("{} was not read", place())));
    next_ = 0;
    count_ = static_cast<std::size_t>(got);
    if (got > 0) return {};
  }
  return fail(Code::timed_out, fmt::format("{} was not read from {} on: no answer for {} s", place(),
                                           position_.value, options_.timeout.count() / 1000));
}

/// Whether the range ends with this message, which then stays for the next range.
Result<bool> RdKafkaPartition::show(const rd_kafka_message_t& message, OffsetRange range, const Take& take) {
  const Offset offset(message.offset);
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return offset >= range.end;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(
        kafka_error(message.err, fmt::format("{} was not read at {}: {}", place(), position_.value,
                                             rd_kafka_message_errstr(&message))));
  }
  if (offset >= range.end) return true;
  position_ = offset + 1;
  if (offset < range.begin) return false;
  const auto view = [](const void* bytes, std::size_t size) -> std::optional<BytesView> {
    if (bytes == nullptr) return std::nullopt;
    return BytesView(static_cast<const std::byte*>(bytes), size);
  };
  TopicRecord record;
  record.offset = offset;
  record.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
  record.key = view(message.key, message.key_len);
  record.value = view(message.payload, message.len);
  headers_.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      headers_.push_back({as_bytes(std::string_view(name)), view(value, size)});
    }
  }
  record.headers = headers_;
  take(record);
  return false;
}

Result<void> RdKafkaPartition::read(OffsetRange range, const Take& take) {
  if (range.empty()) return {};
  SLUICE_TRY(start(range.begin));
  while (true) {
    for (; next_ < count_; ++next_) {
      const auto ends = show(*messages_[next_], range, take);
      if (ends && *ends && messages_[next_]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        position_ = range.end;
        return {};
      }
      rd_kafka_message_destroy(messages_[next_]);
      if (ends && !*ends) continue;
      ++next_;
      if (!ends) return std::unexpected(ends.error());
      position_ = range.end;
      return {};
    }
    if (position_ >= range.end) return {};
    SLUICE_TRY(fetch());
  }
}

class RdKafkaTopic final : public Topic {
 public:
  explicit RdKafkaTopic(RdKafkaOptions options) : options_(std::move(options)) {}
  Result<void> check_settings() {
    SLUICE_TRY(make_client(options_, RD_KAFKA_CONSUMER));
    return {};
  }
  Result<TopicIdentity> identity() override;
  Result<std::unique_ptr<PartitionReader>> open(PartitionId partition) override;

 private:
  Result<void> find_partitions(rd_kafka_t* kafka, TopicIdentity& out) const;
  Result<Uuid> find_topic_id(rd_kafka_t* kafka) const;

  const RdKafkaOptions options_;
};

Result<void> RdKafkaTopic::find_partitions(rd_kafka_t* kafka, TopicIdentity& out) const {
  const TopicHandle topic(rd_kafka_topic_new(kafka, options_.topic.c_str(), nullptr));
  if (topic == nullptr)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no topic name; nothing was audited", options_.topic));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto what = fmt::format("topic {} at {} was not audited", options_.topic, options_.bootstrap_server);
  auto error =
      rd_kafka_metadata(kafka, 0, topic.get(), &metadata, static_cast<int>(options_.timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka_error(error, what));
  const Handle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy> owned(metadata);
  if (metadata->topic_cnt != 1)
    return std::unexpected(kafka_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, what));
  const auto& found = metadata->topics[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka_error(found.err, what));
  for (int i = 0; i < found.partition_cnt; ++i) out.partitions.emplace_back(found.partitions[i].id);
  std::ranges::sort(out.partitions);
  return {};
}

/// Zero where the cluster is too old to have topic ids. Not being told is an error: without it, another topic
/// of the same name would pass for this one.
Result<Uuid> RdKafkaTopic::find_topic_id(rd_kafka_t* kafka) const {
  std::array<const char*, 1> names = {options_.topic.c_str()};
  const auto timeout_ms = static_cast<int>(options_.timeout.count());
  const Handle<rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy> topics(
      rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
  const Queue queue(rd_kafka_queue_new(kafka));
  const Handle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy> admin(
      rd_kafka_AdminOptions_new(kafka, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS));
  std::array<char, 256> why{};
  rd_kafka_AdminOptions_set_request_timeout(admin.get(), timeout_ms, why.data(), why.size());
  rd_kafka_DescribeTopics(kafka, topics.get(), admin.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), timeout_ms));
  const auto what = fmt::format("topic {} at {} was not audited, its id is not known", options_.topic,
                                options_.bootstrap_server);
  if (!event) return std::unexpected(kafka_error(RD_KAFKA_RESP_ERR__TIMED_OUT, what));
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(error, what));
  }
  std::size_t count = 0;
  const auto* const* const descriptions =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event.get()), &count);
  if (count != 1) return std::unexpected(kafka_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, what));
  const auto error = rd_kafka_error_code(rd_kafka_TopicDescription_error(descriptions[0]));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(kafka_error(error, what));
  const auto* const id = rd_kafka_TopicDescription_topic_id(descriptions[0]);
  if (id == nullptr) return Uuid{};
  // Its own text of it is not Kafka's: '+' and '/' stand in it.
  return Uuid{static_cast<std::uint64_t>(rd_kafka_Uuid_most_significant_bits(id)),
              static_cast<std::uint64_t>(rd_kafka_Uuid_least_significant_bits(id))};
}

Result<TopicIdentity> RdKafkaTopic::identity() {
  const auto kafka = SLUICE_TRY(make_client(options_, RD_KAFKA_CONSUMER));
  TopicIdentity out;
  SLUICE_TRY(find_partitions(kafka.get(), out));
  if (char* const cluster = rd_kafka_clusterid(kafka.get(), static_cast<int>(options_.timeout.count()))) {
    out.cluster_id = cluster;
    rd_kafka_mem_free(kafka.get(), cluster);
  }
  out.topic_id = SLUICE_TRY(find_topic_id(kafka.get()));
  return out;
}

Result<std::unique_ptr<PartitionReader>> RdKafkaTopic::open(PartitionId partition) {
  auto kafka = SLUICE_TRY(make_client(options_, RD_KAFKA_CONSUMER));
  TopicHandle topic(rd_kafka_topic_new(kafka.get(), options_.topic.c_str(), nullptr));
  if (topic == nullptr)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no topic name; nothing was audited", options_.topic));
  return std::make_unique<RdKafkaPartition>(options_, std::move(kafka), std::move(topic), partition);
}

}  // namespace

Result<std::unique_ptr<Topic>> make_rdkafka_topic(const RdKafkaOptions& options) {
  auto topic = std::make_unique<RdKafkaTopic>(options);
  SLUICE_TRY(topic->check_settings());
  return topic;
}

}  // namespace sluice::audit
