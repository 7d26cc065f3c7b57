// Sends records and knows which of them are durable. librdkafka underneath, set so that it never drops one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::produce {

struct ProducerOptions {
  std::string bootstrap_server;
  std::string topic;
  /// Kafka's client property names; over Sluice's defaults (acks=all, idempotence, no time-out, murmur2).
  std::vector<std::pair<std::string, std::string>> properties;
  /// Names of properties that may be set in a way that can lose or double records.
  std::vector<std::string> allow_data_loss;
  /// How long a record may wait for its acknowledgement; zero: for ever.
  std::chrono::milliseconds timeout{0};
  /// How long open() waits for the cluster and the topic.
  std::chrono::milliseconds start_timeout{10'000};
  /// Records held in memory until they are acknowledged; send() waits beyond that.
  std::uint64_t buffer_bytes_max = std::uint64_t{64} << 20;
};

/// Refuses settings that can lose or double records unless they are allowed by name; invalid_argument names
/// the setting and what it risks. open() calls it.
Result<void> check_settings(const ProducerOptions& options);

/// One topic's producer. One thread calls; librdkafka's threads send.
class Producer {
 public:
  /// Called now and then while a call waits; false: give up waiting (interrupted).
  using OnWait = std::function<bool()>;

  /// Connects and looks the topic up (which makes it, where the cluster creates topics by itself).
  /// unreachable, not_found and kafka say that nothing was produced.
  static Result<std::unique_ptr<Producer>> open(const ProducerOptions& options, const OnWait& on_wait);
  virtual ~Producer() = default;

  /// Hands one record over; copies the bytes. nullopt is Kafka's null. Waits while the buffer is full. An
  /// error is about this record alone (too large), save where fatal() has become true.
  virtual Result<void> send(std::optional<BytesView> key, std::optional<BytesView> value,
                            const OnWait& on_wait) = 0;
  /// Takes the acknowledgements that have come in.
  virtual void poll() = 0;
  /// Waits until every record is acknowledged or has failed. interrupted, or the fatal error.
  virtual Result<void> flush(const OnWait& on_wait) = 0;

  virtual std::int64_t acked() const = 0;
  /// Records that were handed over and are known not to be acknowledged.
  virtual std::int64_t failed() const = 0;
  /// Neither yet.
  virtual std::int64_t in_flight() const = 0;
  /// Why the first record failed; empty while none has.
  virtual const std::string& first_failure() const = 0;
  /// True after an error that ends idempotence: nothing more is sent, and what was in flight is unknown.
  virtual bool fatal() const = 0;
  /// What librdkafka last complained about ("broker down"); empty where nothing is wrong.
  virtual const std::string& trouble() const = 0;
};

}  // namespace sluice::produce
