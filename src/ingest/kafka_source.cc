#include "ingest/kafka_source.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace sluice::ingest {
namespace {

constexpr std::string_view compact_policy = "compact";

Piece::Kind kind_of(client::Piece::Kind kind) {
  switch (kind) {
    case client::Piece::Kind::data:
      return Piece::Kind::records;
    case client::Piece::Kind::aborted:
      return Piece::Kind::aborted;
    case client::Piece::Kind::control:
      return Piece::Kind::control;
    case client::Piece::Kind::compacted:
      return Piece::Kind::missing;
  }
  return Piece::Kind::missing;
}

class KafkaSource final : public Source {
 public:
  KafkaSource(std::unique_ptr<client::Cluster> cluster, KafkaOptions options)
      : options_(std::move(options)), cluster_(std::move(cluster)) {}

  Result<void> start() {
    const client::Topic topic = SLUICE_TRY(cluster_->topic(options_.topic));
    fetcher_.emplace(*cluster_, topic, options_.fetcher);
    return {};
  }

  Result<TopicInfo> describe() override {
    const client::Topic topic = SLUICE_TRY(cluster_->refresh_topic(options_.topic));
    TopicInfo info;
    info.cluster_id = cluster_->cluster_id();
    info.topic = topic.name;
    info.topic_id = topic.id;
    info.partitions = static_cast<std::int32_t>(topic.partitions.size());
    if (info.topic_id.is_zero() || info.cluster_id.empty()) {
      return base::fail(Code::unsupported,
                        fmt::format("topic {} was not ingested: the cluster gives it no id, so that a topic "
                                    "made anew could not be told from it",
                                    info.topic),
                        "Apache Kafka has topic ids since 2.8");
    }
    for (const client::ConfigEntry& entry : SLUICE_TRY(cluster_->describe_topic_configs(options_.topic))) {
      if (entry.name == "cleanup.policy")
        info.compacted = entry.value.value_or("").find(compact_policy) != std::string::npos;
    }
    return info;
  }

  Result<Bounds> bounds(PartitionId partition) override {
    const OffsetRange all =
        SLUICE_TRY(cluster_->offset_range(options_.topic, partition, client::Isolation::read_uncommitted));
    const OffsetRange stable =
        SLUICE_TRY(cluster_->offset_range(options_.topic, partition, options_.fetcher.isolation));
    return Bounds{all.begin, stable.end, all.end};
  }

  Result<Offset> end_of_epoch(PartitionId partition, LeaderEpoch epoch) override {
    const auto end = cluster_->offset_for_leader_epoch(options_.topic, partition, epoch);
    if (end) return end->end;
    if (end.error().code == Code::unsupported) return Offset{-1};
    return std::unexpected(end.error());
  }

  Result<void> assign(PartitionId partition, Offset from, LeaderEpoch last_epoch) override {
    fetcher_->assign(partition, from, last_epoch);
    return {};
  }

  void revoke(PartitionId partition) override { fetcher_->unassign(partition); }

  Result<std::vector<Polled>> poll(env::Duration wait) override {
    fetched_ = SLUICE_TRY(fetcher_->poll(wait));
    std::vector<Polled> all;
    for (client::FetchedPartition& fetched : fetched_.partitions) all.push_back(convert(fetched));
    return all;
  }

 private:
  Polled convert(client::FetchedPartition& fetched) {
    Polled polled;
    polled.partition = fetched.partition;
    for (const client::Piece& piece : fetched.pieces) {
      Piece mine;
      mine.kind = kind_of(piece.kind);
      mine.range = piece.range;
      if (piece.batch) {
        mine.leader_epoch = piece.batch->leader_epoch();
        mine.batch = piece.batch->bytes();
      }
      polled.pieces.push_back(mine);
    }
    Bounds& known = bounds_[fetched.partition];
    if (fetched.log_start.value >= 0) known.log_start = fetched.log_start;
    if (fetched.high_watermark.value >= 0) known.log_end = fetched.high_watermark;
    known.stable_end = fetched.last_stable_offset.value >= 0 ? fetched.last_stable_offset : known.log_end;
    polled.bounds = known;
    if (fetched.error) polled.result = std::unexpected(std::move(*fetched.error));
    return polled;
  }

  const KafkaOptions options_;
  std::unique_ptr<client::Cluster> cluster_;
  std::optional<client::Fetcher> fetcher_;  // borrows the cluster
  client::Fetched fetched_;                 // what the last poll lent
  std::map<PartitionId, Bounds> bounds_;
};

std::unexpected<Error> bad_value(const std::string& key, const std::string& value, std::string_view wanted) {
  return base::fail(Code::invalid_argument, fmt::format("-X {}={} was not accepted: {}", key, value, wanted));
}

Result<std::int32_t> parse_count(const std::string& key, const std::string& value, std::int32_t min) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < min) {
    return bad_value(key, value, fmt::format("it takes a whole number from {} to 2147483647", min));
  }
  return number;
}

struct CountProperty {
  const char* key;
  std::int32_t client::FetcherOptions::* member;
  std::int32_t min;
};
constexpr std::array count_properties = {
    CountProperty{"fetch.max.bytes", &client::FetcherOptions::bytes_max, 1024},
    CountProperty{"max.partition.fetch.bytes", &client::FetcherOptions::partition_bytes_max, 1024},
    CountProperty{"fetch.min.bytes", &client::FetcherOptions::bytes_min, 1},
    CountProperty{"fetch.max.wait.ms", &client::FetcherOptions::wait_ms_max, 0},
};

}  // namespace

Result<void> apply_property(KafkaOptions& options, const std::string& key, const std::string& value) {
  for (const CountProperty& property : count_properties) {
    if (key != property.key) continue;
    options.fetcher.*property.member = SLUICE_TRY(parse_count(key, value, property.min));
    return {};
  }
  if (key == "client.id") {
    options.cluster.connection.client_id = value;
    return {};
  }
  if (key == "request.timeout.ms") {
    options.cluster.connection.request_timeout =
        std::chrono::milliseconds(SLUICE_TRY(parse_count(key, value, 1)));
    return {};
  }
  if (key == "check.crcs") {
    if (value != "true" && value != "false") return bad_value(key, value, "it takes true or false");
    options.fetcher.check_crc = value == "true";
    return {};
  }
  if (key == "isolation.level") {
    if (value != "read_committed" && value != "read_uncommitted")
      return bad_value(key, value, "it takes read_committed or read_uncommitted");
    options.fetcher.isolation =
        value == "read_committed" ? client::Isolation::read_committed : client::Isolation::read_uncommitted;
    return {};
  }
  if (key == "security.protocol") {
    if (value == "PLAINTEXT") return {};
    return base::fail(Code::unsupported,
                      fmt::format("-X {}={} was not accepted: only PLAINTEXT is spoken so far", key, value));
  }
  return base::fail(Code::invalid_argument,
                    fmt::format("-X {}={} was not accepted: ingest has no such property", key, value),
                    "it knows client.id, isolation.level, fetch.max.bytes, max.partition.fetch.bytes, "
                    "fetch.min.bytes, fetch.max.wait.ms, check.crcs, "
                    "request.timeout.ms and security.protocol");
}

Result<std::unique_ptr<Source>> open_kafka_source(const env::Env& env, const KafkaOptions& options) {
  auto cluster = SLUICE_TRY(client::Cluster::connect(env, options.bootstrap, options.cluster));
  auto source = std::make_unique<KafkaSource>(std::move(cluster), options);
  SLUICE_TRY(source->start());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace sluice::ingest
