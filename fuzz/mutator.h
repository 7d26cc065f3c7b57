// What the targets' own mutators are made of.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace sluice::fuzz {

/// Pseudo-random numbers from the seed that libFuzzer hands out.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// Small mostly, and now and then a number at which code breaks.
  std::int64_t integer();
  base::Bytes bytes(std::size_t size_max);

 private:
  std::uint64_t state_;
};

/// libFuzzer's own mutation of data[from, size), which may grow up to size_max; returns the new size.
std::size_t bend(std::uint8_t* data, std::size_t from, std::size_t size, std::size_t size_max);

/// Puts `content` at data[at...), cut to size_max; returns the new size.
std::size_t put(base::BytesView content, std::uint8_t* data, std::size_t at, std::size_t size_max);

}  // namespace sluice::fuzz

/// libFuzzer's hooks: each target's mutate_NAME.cc defines the second.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed);
