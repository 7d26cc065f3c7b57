#include "produce/producer.h"

#include <fmt/core.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::produce {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int wait_ms = 100;
constexpr std::int32_t any_partition = -1;  // RD_KAFKA_PARTITION_UA: the partitioner decides
/// Records without a key go round the partitions in runs of this size: whole batches, and even a small input
/// is spread evenly, which librdkafka's choice by time does not do.
constexpr std::int64_t run_records = 500;
constexpr std::size_t run_bytes = std::size_t{256} << 10;
/// How long a topic that is being created by this very request may stay unknown.
constexpr milliseconds creation_wait{3'000};

struct Danger {
  std::string_view name;
  std::array<std::string_view, 2> safe;  ///< the values that lose nothing
  std::string_view risk;
};
constexpr auto dangers = std::to_array<Danger>({
    {"acks", {"all", "-1"}, "an acknowledged record can be lost with one broker"},
    {"request.required.acks", {"all", "-1"}, "an acknowledged record can be lost with one broker"},
    {"enable.idempotence", {"true", "true"}, "a retry can write a record twice"},
    {"message.timeout.ms", {"0", "0"}, "a record is dropped when the time is over"},
    {"delivery.timeout.ms", {"0", "0"}, "a record is dropped when the time is over"},
    {"retries", {"2147483647", "2147483647"}, "a record is dropped after the last try"},
    {"message.send.max.retries", {"2147483647", "2147483647"}, "a record is dropped after the last try"},
});

struct Defaults {
  const char* name;
  const char* value;
};
constexpr auto defaults = std::to_array<Defaults>({
    {"client.id", "sluice-produce"},
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"message.timeout.ms", "0"},
    {"partitioner", "murmur2_random"},  // as the Java client places keys
    {"linger.ms", "20"},
    {"queue.buffering.max.messages", "0"},  // the bound is in bytes
    {"topic.metadata.refresh.interval.ms", "30000"},
    {"log_level", "0"},  // errors come through the error callback
});

struct ConfDelete {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDelete>;

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK)
    return {};
  return fail(Code::invalid_argument, fmt::format("property {}={} was not accepted, nothing was produced: {}",
                                                  name, value, why.data()));
}

class RdKafkaProducer final : public Producer {
 public:
  explicit RdKafkaProducer(std::string topic) : topic_(std::move(topic)) {}
  ~RdKafkaProducer() override;
  RdKafkaProducer(const RdKafkaProducer&) = delete;
  RdKafkaProducer& operator=(const RdKafkaProducer&) = delete;

  Result<void> start(const ProducerOptions& options);
  Result<void> find_topic(const ProducerOptions& options, const OnWait& on_wait);

  Result<void> send(std::optional<BytesView> key, std::optional<BytesView> value,
                    const OnWait& on_wait) override;
  void poll() override { rd_kafka_poll(kafka_, 0); }
  Result<void> flush(const OnWait& on_wait) override;
  std::int64_t acked() const override { return acked_; }
  std::int64_t failed() const override { return failed_; }
  std::int64_t in_flight() const override { return sent_ - acked_ - failed_; }
  const std::string& first_failure() const override { return first_failure_; }
  bool fatal() const override {
    return rd_kafka_fatal_error(kafka_, nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const std::string& trouble() const override { return trouble_; }

 private:
  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
  static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque);
  std::unexpected<Error> fatal_error() const;
  std::int32_t partition_for(const std::optional<BytesView>& key, std::size_t bytes);

  std::string topic_;
  bool own_partitioner_ = true;     // the user named no other
  std::int32_t partitions_ = 0;     // of the topic, when it was looked up
  std::int32_t run_partition_ = 0;  // where records without a key go now
  std::int64_t run_records_left_ = run_records;
  std::size_t run_bytes_left_ = run_bytes;
  rd_kafka_t* kafka_ = nullptr;
  rd_kafka_topic_t* handle_ = nullptr;
  std::int64_t sent_ = 0;
  std::int64_t acked_ = 0;
  std::int64_t failed_ = 0;
  std::string first_failure_;
  std::string trouble_;
};

RdKafkaProducer::~RdKafkaProducer() {
  if (handle_ != nullptr) rd_kafka_topic_destroy(handle_);
  if (kafka_ == nullptr) return;
  rd_kafka_purge(kafka_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);  // whoever wanted them, flushed
  rd_kafka_destroy(kafka_);
}

void RdKafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& self = *static_cast<RdKafkaProducer*>(opaque);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++self.acked_;
    self.trouble_.clear();
    return;
  }
  if (self.failed_++ == 0) {
    // Not rd_kafka_message_errstr: of a message with a payload that is the payload.
    self.first_failure_ = fmt::format("{}[{}]: {}: {}", self.topic_, message->partition,
                                      rd_kafka_err2name(message->err), rd_kafka_err2str(message->err));
  }
}

void RdKafkaProducer::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto& self = *static_cast<RdKafkaProducer*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  self.trouble_ = fmt::format("{}: {}", rd_kafka_err2name(error), reason);
}

std::unexpected<Error> RdKafkaProducer::fatal_error() const {
  std::array<char, 512> why{};
  const auto code = rd_kafka_fatal_error(kafka_, why.data(), why.size());
  return std::unexpected(
      Error{Code::kafka,
            fmt::format("producing to {} stopped, {} records are not known to be written: {}: {}", topic_,
                        in_flight(), rd_kafka_err2name(code), why.data()),
            "compare the topic with the input before sending anything again",
            static_cast<std::int16_t>(code > 0 ? code : 0)});
}

Result<void> RdKafkaProducer::start(const ProducerOptions& options) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : defaults) SLUICE_TRY(set(conf.get(), name, value));
  const auto kbytes = std::clamp<std::uint64_t>(options.buffer_bytes_max >> 10, 1024, 2'097'151);
  SLUICE_TRY(set(conf.get(), "queue.buffering.max.kbytes", std::to_string(kbytes)));
  SLUICE_TRY(set(conf.get(), "bootstrap.servers", options.bootstrap_server));
  if (options.timeout.count() > 0) {
    SLUICE_TRY(set(conf.get(), "message.timeout.ms", std::to_string(options.timeout.count())));
  }
  for (const auto& [name, value] : options.properties) {
    SLUICE_TRY(set(conf.get(), name, value));
    if (name == "partitioner" || name == "sticky.partitioning.linger.ms") own_partitioner_ = false;
  }
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  std::array<char, 512> why{};
  kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size());
  if (kafka_ == nullptr) {
    return fail(Code::invalid_argument,
                fmt::format("the settings do not fit together, nothing was produced: {}", why.data()));
  }
  static_cast<void>(conf.release());  // rd_kafka_new took it
  handle_ = rd_kafka_topic_new(kafka_, topic_.c_str(), nullptr);
  if (handle_ == nullptr) {
    return fail(Code::invalid_argument, fmt::format("'{}' is no topic name; nothing was produced", topic_));
  }
  return {};
}

/// Whether a topic with this answer may yet appear.
bool may_appear(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

Result<void> RdKafkaProducer::find_topic(const ProducerOptions& options, const OnWait& on_wait) {
  const auto deadline = steady_clock::now() + options.start_timeout;
  std::optional<steady_clock::time_point> answered;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  while (true) {
    const rd_kafka_metadata_t* metadata = nullptr;
    error = rd_kafka_metadata(kafka_, 0, handle_, &metadata, 2 * wait_ms);
    rd_kafka_poll(kafka_, 0);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) partitions_ = metadata->topics[0].partition_cnt;
      rd_kafka_metadata_destroy(metadata);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (!answered) answered = steady_clock::now();
      if (!may_appear(error) || steady_clock::now() - *answered > creation_wait) {
        return std::unexpected(
            Error{error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? Code::not_found : Code::kafka,
                  fmt::format("topic '{}' cannot be written at {}, nothing was produced: {}", topic_,
                              options.bootstrap_server, rd_kafka_err2name(error)),
                  error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? "create the topic first" : "",
                  static_cast<std::int16_t>(error > 0 ? error : 0)});
      }
    }
    if (on_wait && !on_wait()) return fail(Code::interrupted, "interrupted; nothing was produced");
    if (steady_clock::now() >= deadline) {
      return fail(Code::unreachable,
                  fmt::format("no broker answered at {} within {} ms, nothing was produced{}{}",
                              options.bootstrap_server, options.start_timeout.count(),
                              trouble_.empty() ? "" : ": ", trouble_),
                  "sluice broker --listen 127.0.0.1:9092 --data-dir DIR, or --bootstrap-server HOST:PORT");
    }
    rd_kafka_poll(kafka_, wait_ms);
  }
  trouble_.clear();
  return {};
}

std::int32_t RdKafkaProducer::partition_for(const std::optional<BytesView>& key, std::size_t bytes) {
  if (key || !own_partitioner_ || partitions_ <= 0) return any_partition;
  if (run_records_left_ <= 0 || run_bytes_left_ < bytes) {
    run_partition_ = (run_partition_ + 1) % partitions_;
    run_records_left_ = run_records;
    run_bytes_left_ = run_bytes;
  }
  --run_records_left_;
  run_bytes_left_ -= std::min(bytes, run_bytes_left_);
  return run_partition_;
}

Result<void> RdKafkaProducer::send(std::optional<BytesView> key, std::optional<BytesView> value,
                                   const OnWait& on_wait) {
  // librdkafka takes void* and copies (F_COPY); it writes to neither. An empty value is not null: it needs a
  // place.
  static const std::byte nothing{};
  const auto pointer = [](const std::optional<BytesView>& bytes) -> const std::byte* {
    if (!bytes) return nullptr;
    return bytes->empty() ? &nothing : bytes->data();
  };
  const auto partition = partition_for(key, value ? value->size() : 0);
  while (true) {
    const int result =
        rd_kafka_produce(handle_, partition, RD_KAFKA_MSG_F_COPY, const_cast<std::byte*>(pointer(value)),
                         value ? value->size() : 0, pointer(key), key ? key->size() : 0, nullptr);
    if (result == 0) {
      ++sent_;
      return {};
    }
    const auto error = rd_kafka_last_error();
    if (error == RD_KAFKA_RESP_ERR__FATAL) return fatal_error();
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return std::unexpected(
          Error{error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? Code::limit_exceeded : Code::kafka,
                fmt::format("{} ({} bytes)", rd_kafka_err2str(error),
                            (key ? key->size() : 0) + (value ? value->size() : 0)),
                error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? "-X message.max.bytes=N" : "",
                static_cast<std::int16_t>(error > 0 ? error : 0)});
    }
    rd_kafka_poll(kafka_, wait_ms);
    if (on_wait && !on_wait()) return fail(Code::interrupted, "interrupted while the buffer was full");
  }
}

Result<void> RdKafkaProducer::flush(const OnWait& on_wait) {
  while (in_flight() > 0) {
    rd_kafka_flush(kafka_, wait_ms);  // also ends the linger
    if (on_wait && !on_wait())
      return fail(Code::interrupted, "interrupted before every record was acknowledged");
  }
  if (fatal()) return fatal_error();
  return {};
}

}  // namespace

Result<void> check_settings(const ProducerOptions& options) {
  for (const auto& [name, value] : options.properties) {
    const auto danger = std::ranges::find(dangers, name, &Danger::name);
    if (danger == dangers.end() || std::ranges::find(danger->safe, value) != danger->safe.end()) continue;
    if (std::ranges::find(options.allow_data_loss, name) != options.allow_data_loss.end()) continue;
    return fail(Code::invalid_argument,
                fmt::format("{}={} was refused, nothing was produced: {}", name, value, danger->risk),
                fmt::format("leave it out, or say --allow-data-loss {}", name));
  }
  return {};
}

Result<std::unique_ptr<Producer>> Producer::open(const ProducerOptions& options, const OnWait& on_wait) {
  SLUICE_TRY(check_settings(options));
  auto producer = std::make_unique<RdKafkaProducer>(options.topic);
  SLUICE_TRY(producer->start(options));
  SLUICE_TRY(producer->find_topic(options, on_wait));
  return producer;
}

}  // namespace sluice::produce
