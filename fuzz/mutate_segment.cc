#include "fuzz/mutator.h"

namespace {

using namespace sluice;

/// Damages, each with a sensible shape.
Bytes valid(fuzz::Random& random) {
  Bytes out;
  const auto byte = [&](std::uint64_t v) { out.push_back(static_cast<std::byte>(v)); };
  byte(random.next());
  const std::uint64_t damages = random.below(4);
  for (std::uint64_t i = 0; i < damages; ++i) {
    byte(random.next());
    byte(random.next());
    const std::uint64_t place = random.one_in(2) ? random.below(64) : random.below(1500);
    byte(place);
    byte(place >> 8);
    const Bytes bytes = random.bytes(random.one_in(3) ? 100 : 8);
    byte(bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size < 6 || random.one_in(8)) {
    size = fuzz::put(valid(random), data, 0, size_max);
    if (random.one_in(2)) return size;
  }
  if (random.one_in(2) && size > 0) {
    data[random.below(size)] = static_cast<std::uint8_t>(random.next());
    return size;
  }
  return fuzz::bend(data, 0, size, size_max);
}
