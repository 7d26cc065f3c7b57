// Record batches as a producer's request carries them.
//
// Input: flags u8 | bytes
//   bit 0: length, magic and CRC of the one batch that fills the bytes are put right first
//   bits 1 to 4: compacted topic, log append time, from a client, a narrow timestamp bound
#include "base/crc32c.h"
#include "fuzz/input.h"
#include "record/batch.h"
#include "record/records.h"
#include "record/validate.h"

namespace sluice::record {
namespace {

// Small limits, so that a bomb is met early and the fuzzer stays quick.
constexpr DecompressLimits limits{.bytes_max = 4u << 20, .ratio_max = 2048, .bytes_floor = 1u << 20};

void put_right(MutableBytes batch) {
  if (batch.size() < header_bytes) return;
  store_be<std::int32_t>(batch.data() + 8, static_cast<std::int32_t>(batch.size() - overhead_bytes));
  batch[16] = static_cast<std::byte>(magic);
  store_be<std::uint32_t>(batch.data() + 17, base::crc32c(batch.subspan(21)));
}

/// Walks records and headers; how many records there were, or -1 where they cannot be read.
std::int32_t walk(const BatchView& batch, Decompressor& decompressor) {
  const auto records = decompressor.records(batch);
  if (!records) return -1;
  std::int32_t count = 0;
  std::size_t bytes = 0;
  const auto walked = for_each_record(*records, batch.records_count(), [&](const RecordView& record) {
    ++count;
    if (record.key) bytes += record.key->size();
    if (record.value) bytes += record.value->size();
    static_cast<void>(for_each_header(record, [&](const HeaderView& header) { bytes += header.key.size(); }));
  });
  SLUICE_ASSERT(bytes <= records->size());
  return walked ? count : -1;
}

void walk_all(BytesView rest, Decompressor& decompressor) {
  while (true) {
    const std::size_t before = rest.size();
    const auto batch = next_batch(rest);
    if (!batch || !*batch) return;
    SLUICE_ASSERT(rest.size() + (*batch)->size() == before);
    SLUICE_ASSERT((*batch)->base_offset() <= (*batch)->last_offset());
    static_cast<void>((*batch)->crc_ok());
    static_cast<void>(walk(**batch, decompressor));
    static_cast<void>(parse_control(**batch));
  }
}

ValidateOptions options_of(std::uint8_t flags) {
  ValidateOptions options;
  options.compacted = (flags & 2u) != 0;
  options.log_append_time = (flags & 4u) != 0;
  options.from_client = (flags & 8u) != 0;
  options.now_ms = 1'700'000'000'000;
  if ((flags & 16u) != 0) options.timestamp_before_ms_max = 1000;
  return options;
}

/// What is accepted is a batch that every reader can walk, and is accepted again, unchanged.
void check_validate(MutableBytes bytes, const ValidateOptions& options, Decompressor& decompressor) {
  const Bytes before = to_owned(bytes);
  const auto validated = validate(bytes, options, decompressor);
  if (!validated) {
    SLUICE_ASSERT(std::ranges::equal(before, bytes));
    return;
  }
  const auto batch = BatchView::parse(bytes);
  SLUICE_ASSERT(batch.has_value());
  SLUICE_ASSERT(batch->size() == bytes.size());
  SLUICE_ASSERT(batch->crc_ok());
  SLUICE_ASSERT(walk(*batch, decompressor) == validated->records_count);
  SLUICE_ASSERT(batch->last_offset_delta() == validated->records_count - 1);
  // Where a topic of CreateTime takes the bit of LogAppendTime off, as Kafka does, the records' own times, at
  // which nobody has looked, show only now.
  if (BatchView::parse(before)->is_log_append_time() && !options.log_append_time) return;
  const Bytes after = to_owned(bytes);
  ValidateOptions stored = options;
  stored.from_client = false;  // who set LogAppendTime is the broker: no client may send it
  SLUICE_ASSERT(validate(bytes, stored, decompressor).has_value());
  SLUICE_ASSERT(std::ranges::equal(after, bytes));
}

}  // namespace
}  // namespace sluice::record

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::record;
  sluice::fuzz::Input input(data, size);
  const std::uint8_t flags = input.u8();
  auto bytes = sluice::base::to_owned(input.rest());
  if ((flags & 1u) != 0) put_right(bytes);
  Decompressor decompressor(limits);
  walk_all(bytes, decompressor);
  check_validate(bytes, options_of(flags), decompressor);
  return 0;
}
