// When to try again, and how long to wait before.
#pragma once

#include "base/error.h"
#include "env/env.h"

namespace sluice::client {

/// Whether the same request may succeed a moment later: the connection broke or was slow, or the broker gave
/// an error code that Kafka counts as passing. That a topic is unknown is taken at its word.
bool may_pass(const Error& error);

/// Whether the connection that gave this error cannot be used any more.
bool breaks_connection(const Error& error);

struct RetryOptions {
  env::Duration timeout;
  env::Duration backoff_min;
  env::Duration backoff_max;
};

/// One operation's attempts.
class Retry {
 public:
  Retry(const env::Env& env, const RetryOptions& options);
  /// Sleeps and says true where the error may pass and time is left. The pause doubles up to its maximum,
  /// with a random part so that many clients do not come back together.
  bool again(const Error& why);

 private:
  env::Env env_;
  RetryOptions options_;
  env::Instant deadline_;
  env::Duration pause_;
};

}  // namespace sluice::client
