// The embedded broker: one node that speaks the Kafka protocol and keeps its topics in one directory.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "broker/options.h"
#include "env/env.h"

namespace sluice::broker {

/// A running broker. It owns one loop thread, which owns all of the broker's state, and one thread that syncs
/// files. Every member function may be called from any thread, one call at a time.
class Broker {
 public:
  /// Takes the directory, recovers what is in it, and serves when this returns. Errors: conflict where
  /// another process owns the directory (with its pid), invalid_argument for a bad option or property,
  /// unreachable where the address cannot be listened on, corrupt or io_failed where the directory's state
  /// cannot be read. A partition that is corrupt below its durable watermark is reported through Options::log
  /// and halted; the others are served. `env` is borrowed and outlives the broker; its loop is the operating
  /// system's.
  static Result<std::unique_ptr<Broker>> start(Options options, const env::Env& env);

  /// Stops as stop() does, and ignores its error.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Where clients reach it, with the port that was chosen.
  env::Address address() const;
  /// "127.0.0.1:9092", for bootstrap.servers.
  std::string bootstrap() const;
  std::string cluster_id() const;

  /// Ends the connections, syncs and closes every partition, marks the directory as cleanly shut down, and
  /// releases it. Unanswered requests stay unanswered. Again: nothing.
  Result<void> stop();

 private:
  class Impl;
  explicit Broker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::broker
