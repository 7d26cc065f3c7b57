// Lines for the operator, with a limit on those that strangers can cause.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "env/clock.h"

namespace sluice::broker {

/// Loop thread only (and the starting thread, before there is a loop).
class Notices {
 public:
  Notices(std::function<void(std::string_view)> sink, env::Clock& clock)
      : sink_(std::move(sink)), clock_(clock) {}

  /// What an operator must see.
  void say(std::string_view line) {
    if (sink_) sink_(line);
  }

  /// What a peer caused. At most `per_second_max` a second; how many were left out is said with the next.
  void say_limited(std::string_view line) {
    const env::Instant now = clock_.now();
    if (now - window_ >= std::chrono::seconds(1)) {
      window_ = now;
      said_ = 0;
    }
    if (++said_ > per_second_max) {
      ++left_out_;
      return;
    }
    std::string text(line);
    if (left_out_ > 0) text += " (" + std::to_string(left_out_) + " more like it were not shown)";
    left_out_ = 0;
    say(text);
  }

 private:
  static constexpr std::uint32_t per_second_max = 5;

  std::function<void(std::string_view)> sink_;
  env::Clock& clock_;
  env::Instant window_{};
  std::uint32_t said_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace sluice::broker
