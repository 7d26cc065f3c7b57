// Takes a fuzzer's bytes apart.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/bytes.h"

/// What libFuzzer and the regression tests call; each target defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

/// From the front; zeros and nothing where the bytes have run out.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const std::byte*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  /// Up to `size` bytes.
  base::BytesView take(std::size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  base::BytesView rest() { return take(rest_.size()); }

 private:
  template <class T>
  T number() {
    std::byte bytes[sizeof(T)] = {};
    std::ranges::copy(take(sizeof(T)), bytes);
    return base::load_le<T>(bytes);
  }

  base::BytesView rest_;
};

}  // namespace sluice::fuzz
