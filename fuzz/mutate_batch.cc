#include "fuzz/mutator.h"
#include "record/builder.h"

namespace {

using namespace sluice;

std::optional<BytesView> maybe(const Bytes& bytes, fuzz::Random& random) {
  return random.one_in(5) ? std::nullopt : std::optional<BytesView>(bytes);
}

Bytes valid(fuzz::Random& random) {
  record::BatchBuilder builder(static_cast<record::Codec>(random.below(5)));
  if (random.one_in(2)) {
    builder.set_producer(ProducerId{static_cast<std::int64_t>(random.below(100))},
                         ProducerEpoch{static_cast<std::int16_t>(random.below(3))},
                         static_cast<std::int32_t>(random.below(1000)));
  }
  builder.set_transactional(random.one_in(4));
  if (random.one_in(12)) {
    const auto control = builder.finish_control({}, 1'700'000'000'000, Offset{0});
    return control ? to_owned(*control) : Bytes{};
  }
  const std::uint64_t count = 1 + random.below(12);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Bytes key = random.bytes(20);
    const Bytes value = random.bytes(120);
    const Bytes header = random.bytes(10);
    const record::HeaderView headers[] = {{"trace", maybe(header, random)}, {"", maybe(key, random)}};
    builder.add(1'700'000'000'000 + static_cast<std::int64_t>(random.below(1000)), maybe(key, random),
                maybe(value, random), std::span(headers).first(random.below(3)));
  }
  const auto batch = builder.finish();
  return batch ? to_owned(*batch) : Bytes{};
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size_max < 2) return LLVMFuzzerMutate(data, size, size_max);
  if (size < 2 || random.one_in(8)) {
    data[0] = static_cast<std::uint8_t>(random.next() | (random.one_in(4) ? 0u : 1u));
    size = fuzz::put(valid(random), data, 1, size_max);
    if (random.one_in(4)) return size;
  }
  if (random.one_in(16)) data[0] = static_cast<std::uint8_t>(random.next());
  // Header numbers and record bytes get the same share, though the header is only 61 bytes.
  if (random.one_in(3) && size > 1 + record::header_bytes) {
    const std::size_t at = 1 + random.below(record::header_bytes);
    data[at] =
        static_cast<std::uint8_t>(random.one_in(2) ? data[at] ^ (1u << random.below(8)) : random.next());
    return size;
  }
  return fuzz::bend(data, random.one_in(4) ? 1 : 1 + record::header_bytes, size, size_max);
}
