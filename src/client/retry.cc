#include "client/retry.h"

#include <algorithm>

#include "wire/errors.h"

namespace sluice::client {

bool may_pass(const Error& error) {
  if (error.kafka_error != 0) {
    return wire::error_info(error.kafka_error).retriable &&
           error.kafka_error != number(wire::ErrorCode::unknown_topic_or_partition);
  }
  return error.code == Code::unreachable || error.code == Code::timed_out || error.code == Code::io_failed;
}

bool breaks_connection(const Error& error) {
  return error.kafka_error == 0 && error.code != Code::unsupported && error.code != Code::invalid_argument;
}

Retry::Retry(const env::Env& env, const RetryOptions& options)
    : env_(env),
      options_(options),
      deadline_(env.clock->now() + options.timeout),
      pause_(options.backoff_min) {}

bool Retry::again(const Error& why) {
  if (!may_pass(why)) return false;
  const env::Duration jitter(static_cast<env::Duration::rep>(
      env_.random->next_u64() %
      static_cast<std::uint64_t>(std::max<env::Duration::rep>(1, pause_.count() / 2))));
  const env::Duration pause = pause_ + jitter;
  if (env_.clock->now() + pause >= deadline_) return false;
  env_.clock->sleep_for(pause);
  pause_ = std::min(pause_ * 2, options_.backoff_max);
  return true;
}

}  // namespace sluice::client
