// For tests: a broker on loopback whose logs, lies and failures the test decides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "env/posix.h"
#include "wire/frame.h"
#include "wire/generated/fetch_request.h"
#include "wire/generated/fetch_response.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"

namespace sluice::client::testing {

/// One partition of a fake cluster.
struct FakeLog {
  std::int32_t leader = 1;
  std::int32_t leader_epoch = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::vector<Bytes> batches;  ///< whole, ascending
  std::vector<wire::FetchResponse::AbortedTransaction> aborted;
};

/// What all brokers of a fake cluster share. Guarded by `mutex`.
struct FakeCluster {
  std::mutex mutex;
  std::string id = "fake-cluster";
  std::string topic = "t";
  Uuid topic_id{1, 2};
  std::map<std::int32_t, FakeLog> logs;
  std::map<std::int32_t, env::Address> brokers;
};

class FakeBroker {
 public:
  /// The frame of an answer; nothing closes the connection.
  using Handler = std::function<std::optional<Bytes>(const wire::RequestHeader&, wire::Reader&)>;

  /// Listens at once; answers ApiVersions, Metadata, ListOffsets and Fetch from `cluster`.
  FakeBroker(FakeCluster& cluster, std::int32_t node_id, env::Address address = {"127.0.0.1", 0});
  ~FakeBroker();
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  const env::Address& address() const { return address_; }
  std::string bootstrap() const { return to_string(address_); }

  /// Answers requests of `key` with `handler` instead, which runs on the broker's thread.
  void on(std::int16_t key, Handler handler);
  /// The same with messages: f(request, version) returns the answer.
  template <class Request, class F>
  void answer(F f) {
    on(Request::api_key,
       [f = std::move(f)](const wire::RequestHeader& header, wire::Reader& reader) -> std::optional<Bytes> {
         Request request;
         request.decode(reader, header.request_api_version);
         if (!reader.finished()) return std::nullopt;
         wire::Writer writer;
         wire::write_response(writer, header.request_api_version, header.correlation_id,
                              f(request, header.request_api_version));
         return writer.ok() ? std::optional(writer.to_bytes()) : std::nullopt;
       });
  }
  /// Speaks `key` only up to this version.
  void limit_version(std::int16_t key, std::int16_t version_max);
  /// Requests of `key` seen so far.
  int seen(std::int16_t key);
  int connections_accepted();

 private:
  class Peer;
  std::optional<Bytes> handle(BytesView frame, env::Duration& delay);
  wire::MetadataResponse describe(const wire::MetadataRequest& request);
  wire::ListOffsetsResponse find_offsets(const wire::ListOffsetsRequest& request);
  wire::FetchResponse fetch(const wire::FetchRequest& request);
  wire::FetchResponse::PartitionData fetch_partition(const wire::FetchRequest::FetchPartition& asked);

  FakeCluster& cluster_;
  std::int32_t node_id_;
  std::mutex mutex_;  // handlers_, limits_, seen_, accepted_
  std::map<std::int16_t, Handler> handlers_;
  std::map<std::int16_t, std::int16_t> limits_;
  std::map<std::int16_t, int> seen_;
  int accepted_ = 0;
  Bytes fetched_;  // the loop's thread only: what the last Fetch answer borrows

  std::unique_ptr<env::EventLoop> loop_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::unique_ptr<env::Listener> listener_;
  env::Address address_;
  std::thread thread_;
};

}  // namespace sluice::client::testing
