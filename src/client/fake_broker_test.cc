#include "client/fake_broker.h"

#include <algorithm>

#include "base/assert.h"
#include "record/batch.h"
#include "wire/errors.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/api_versions_response.h"

namespace sluice::client::testing {

/// One connection: requests in order, answers in order.
class FakeBroker::Peer final : public env::SocketHandler {
 public:
  Peer(FakeBroker& broker, std::unique_ptr<env::Socket> socket)
      : broker_(broker), socket_(std::move(socket)) {
    broker_.loop_->set_handler(*socket_, this);
    socket_->want(true, false);
  }

  void on_readable() override {
    std::byte buffer[16384];
    const auto n = socket_->read_some(buffer);
    if (!n) return close();
    in_.insert(in_.end(), buffer, buffer + *n);
    serve();
  }
  void on_writable() override { flush(); }

 private:
  void serve() {
    while (!waiting_ && in_.size() >= wire::frame_prefix_bytes) {
      const auto size = wire::frame_bytes(in_.data(), 1 << 20);
      if (!size) return close();
      if (in_.size() < wire::frame_prefix_bytes + *size) return;
      const Bytes frame(in_.begin() + 4, in_.begin() + 4 + static_cast<std::ptrdiff_t>(*size));
      in_.erase(in_.begin(), in_.begin() + 4 + static_cast<std::ptrdiff_t>(*size));
      env::Duration delay{};
      const auto answer = broker_.handle(frame, delay);
      if (!answer) return close();
      out_.insert(out_.end(), answer->begin(), answer->end());
      if (delay.count() > 0) {
        waiting_ = true;
        timer_ = broker_.loop_->after(delay, [this] {
          waiting_ = false;
          if (flush()) serve();
        });
      } else if (!flush()) {
        return;
      }
    }
  }

  /// False where this peer is gone.
  bool flush() {
    const BytesView part(out_);
    const auto n = socket_->write_some(std::span(&part, 1));
    if (!n) {
      close();
      return false;
    }
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(*n));
    socket_->want(true, !out_.empty());
    return true;
  }

  void close() {
    if (waiting_) broker_.loop_->cancel(timer_);
    std::erase_if(broker_.peers_, [this](const auto& peer) { return peer.get() == this; });  // destroys this
  }

  FakeBroker& broker_;
  std::unique_ptr<env::Socket> socket_;
  Bytes in_;
  Bytes out_;
  bool waiting_ = false;
  env::EventLoop::Timer timer_ = 0;
};

FakeBroker::FakeBroker(FakeCluster& cluster, std::int32_t node_id, env::Address address)
    : cluster_(cluster), node_id_(node_id), loop_(env::make_posix_event_loop()) {
  auto listener = loop_->listen(address, [this](std::unique_ptr<env::Socket> socket) {
    {
      const std::lock_guard lock(mutex_);
      ++accepted_;
    }
    peers_.push_back(std::make_unique<Peer>(*this, std::move(socket)));
  });
  SLUICE_ASSERT(listener.has_value());
  listener_ = *std::move(listener);
  address_ = listener_->address();
  {
    const std::lock_guard lock(cluster_.mutex);
    cluster_.brokers[node_id_] = address_;
  }
  answer<wire::MetadataRequest>([this](const auto& request, std::int16_t) { return describe(request); });
  answer<wire::ListOffsetsRequest>(
      [this](const auto& request, std::int16_t) { return find_offsets(request); });
  answer<wire::FetchRequest>([this](const auto& request, std::int16_t) { return fetch(request); });
  thread_ = std::thread([this] { loop_->run(); });
}

FakeBroker::~FakeBroker() {
  loop_->stop();
  thread_.join();
  peers_.clear();
}

void FakeBroker::on(std::int16_t key, Handler handler) {
  const std::lock_guard lock(mutex_);
  handlers_[key] = std::move(handler);
}

void FakeBroker::limit_version(std::int16_t key, std::int16_t version_max) {
  const std::lock_guard lock(mutex_);
  limits_[key] = version_max;
}

int FakeBroker::seen(std::int16_t key) {
  const std::lock_guard lock(mutex_);
  return seen_[key];
}

int FakeBroker::connections_accepted() {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

std::optional<Bytes> FakeBroker::handle(BytesView frame, env::Duration& delay) {
  wire::Reader reader(frame);
  const auto header = wire::read_request_header(reader);
  if (!header) return std::nullopt;
  Handler handler;
  wire::ApiVersionsResponse versions;
  {
    const std::lock_guard lock(mutex_);
    ++seen_[header->request_api_key];
    if (const auto at = handlers_.find(header->request_api_key); at != handlers_.end()) handler = at->second;
    for (const wire::Api& api : wire::apis()) {
      const auto limit = limits_.find(api.key);
      wire::ApiVersionsResponse::ApiVersion range;
      range.api_key = api.key;
      range.min_version = api.version_min_told;
      range.max_version = limit == limits_.end() ? api.version_max : limit->second;
      versions.api_keys.push_back(range);
    }
  }
  if (header->request_api_key == wire::FetchRequest::api_key && handler) {
    auto answered = handler(*header, reader);
    // An answer without records waits, as a long poll does.
    if (fetched_.empty()) delay = std::chrono::milliseconds(5);
    return answered;
  }
  if (handler) return handler(*header, reader);
  if (header->request_api_key != wire::ApiVersionsRequest::api_key) return std::nullopt;
  std::int16_t version = header->request_api_version;
  const auto own = std::ranges::find(versions.api_keys, header->request_api_key,
                                     &wire::ApiVersionsResponse::ApiVersion::api_key);
  if (version > own->max_version) {
    versions.error_code = number(wire::ErrorCode::unsupported_version);
    versions.api_keys = {*own};
    version = 0;
  }
  wire::Writer writer;
  wire::write_response(writer, version, header->correlation_id, versions);
  return writer.to_bytes();
}

wire::MetadataResponse FakeBroker::describe(const wire::MetadataRequest& request) {
  const std::lock_guard lock(cluster_.mutex);
  wire::MetadataResponse out;
  out.cluster_id = cluster_.id;
  out.controller_id = cluster_.brokers.begin()->first;
  for (const auto& [id, address] : cluster_.brokers) {
    auto& broker = out.brokers.emplace_back();
    broker.node_id = id;
    broker.host = address.host;
    broker.port = address.port;
  }
  std::vector<std::string> names;
  if (request.topics) {
    for (const auto& topic : *request.topics) names.push_back(topic.name.value_or(std::string{}));
  } else {
    names = {cluster_.topic};
  }
  for (const std::string& name : names) {
    auto& topic = out.topics.emplace_back();
    topic.name = name;
    if (name != cluster_.topic) {
      topic.error_code = number(wire::ErrorCode::unknown_topic_or_partition);
      continue;
    }
    topic.topic_id = cluster_.topic_id;
    for (const auto& [id, log] : cluster_.logs) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = id;
      partition.leader_id = log.leader;
      partition.leader_epoch = log.leader_epoch;
      partition.replica_nodes = partition.isr_nodes = {log.leader};
    }
  }
  return out;
}

wire::ListOffsetsResponse FakeBroker::find_offsets(const wire::ListOffsetsRequest& request) {
  const std::lock_guard lock(cluster_.mutex);
  wire::ListOffsetsResponse out;
  for (const auto& topic : request.topics) {
    auto& told_topic = out.topics.emplace_back();
    told_topic.name = topic.name;
    for (const auto& asked : topic.partitions) {
      auto& told = told_topic.partitions.emplace_back();
      told.partition_index = asked.partition_index;
      const FakeLog& log = cluster_.logs[asked.partition_index];
      if (log.leader != node_id_) told.error_code = number(wire::ErrorCode::not_leader_or_follower);
      told.offset = asked.timestamp == -2 ? log.start : log.end;
      told.leader_epoch = log.leader_epoch;
    }
  }
  return out;
}

wire::FetchResponse FakeBroker::fetch(const wire::FetchRequest& request) {
  const std::lock_guard lock(cluster_.mutex);
  wire::FetchResponse out;
  fetched_.clear();
  std::vector<std::pair<wire::FetchResponse::PartitionData*, std::size_t>> sizes;
  for (const auto& topic : request.topics) {
    auto& told = out.responses.emplace_back();
    told.topic = topic.topic;
    told.topic_id = topic.topic_id;
    told.partitions.reserve(topic.partitions.size());
    for (const auto& asked : topic.partitions) {
      const std::size_t before = fetched_.size();
      auto& partition = told.partitions.emplace_back(fetch_partition(asked));
      if (!topic.topic_id.is_zero() && topic.topic_id != cluster_.topic_id) {
        partition.error_code = number(wire::ErrorCode::unknown_topic_id);
        fetched_.resize(before);
      }
      sizes.emplace_back(&partition, fetched_.size() - before);
    }
  }
  std::size_t at = 0;
  for (const auto& [partition, size] : sizes) {
    partition->records = BytesView(fetched_).subspan(at, size);
    at += size;
  }
  return out;
}

wire::FetchResponse::PartitionData FakeBroker::fetch_partition(
    const wire::FetchRequest::FetchPartition& asked) {
  wire::FetchResponse::PartitionData told;
  told.partition_index = asked.partition;
  told.aborted_transactions.reset();
  const FakeLog& log = cluster_.logs[asked.partition];
  if (log.leader != node_id_) {
    told.error_code = number(wire::ErrorCode::not_leader_or_follower);
  } else if (asked.fetch_offset < log.start || asked.fetch_offset > log.end) {
    told.error_code = number(wire::ErrorCode::offset_out_of_range);
    told.high_watermark = -1;
  }
  if (told.error_code != 0) return told;
  told.high_watermark = told.last_stable_offset = log.end;
  told.log_start_offset = log.start;
  if (!log.aborted.empty()) told.aborted_transactions = log.aborted;
  std::size_t size = 0;
  for (const Bytes& bytes : log.batches) {
    const auto batch = record::BatchView::parse(bytes);
    if (batch && batch->end_offset().value <= asked.fetch_offset) continue;
    if (size > 0 && size + bytes.size() > static_cast<std::size_t>(asked.partition_max_bytes)) break;
    fetched_.insert(fetched_.end(), bytes.begin(), bytes.end());
    size += bytes.size();
  }
  return told;
}

}  // namespace sluice::client::testing
