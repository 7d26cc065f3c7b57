// RecordBatch version 2, Kafka's unit of everything: a 61-byte header, then the records, compressed as one.
//
//    0 base_offset            int64 |  outside the CRC: the broker patches
//    8 length                 int32 |  base_offset and leader_epoch in place
//   12 leader_epoch           int32 |
//   16 magic = 2              int8  |
//   17 crc                    uint32   CRC-32C of everything from here to the end
//   21 attributes             int16    bits 0-2 codec, 3 log append time, 4 transactional, 5 control,
//                                      6 delete horizon
//   23 last_offset_delta      int32
//   27 base_timestamp         int64
//   35 max_timestamp          int64
//   43 producer_id            int64
//   51 producer_epoch         int16
//   53 base_sequence          int32
//   57 records_count          int32
//   61 records
//
// `length` counts what follows it, so a batch takes 12 + length bytes. All numbers are big-endian.
// docs/formats/record_batch.md has a worked example.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::record {

constexpr std::size_t header_bytes = 61;    ///< of a batch, before its first record
constexpr std::size_t overhead_bytes = 12;  ///< base_offset and length, which `length` does not count
constexpr std::int8_t magic = 2;
constexpr std::int64_t no_timestamp = -1;
constexpr std::int64_t no_producer_id = -1;
constexpr std::int32_t no_sequence = -1;
constexpr std::int16_t delete_horizon_bit = 0x40;  ///< in the attributes

/// How the records of a batch are compressed; the values are the format's.
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// "none", "gzip", ...: the words of Kafka's compression.type.
std::string_view name(Codec codec);
/// The codec that `text` names; invalid_argument otherwise.
Result<Codec> parse_codec(std::string_view text);

/// One whole batch inside borrowed bytes. Made by parse() only, so that the numbers of the header are sane:
///   header_bytes <= bytes().size(), 0 <= last_offset_delta, 0 <= records_count,
///   0 <= base_offset <= last_offset (no overflow).
/// The checksum is checked apart (crc_ok), the records apart (validate.h), because not every reader needs
/// them.
class BatchView {
 public:
  /// The batch at the start of `bytes`, which may go on after it.
  /// errors   corrupt: not a batch of version 2, impossible numbers, or cut short
  static Result<BatchView> parse(BytesView bytes);

  BytesView bytes() const { return bytes_; }  ///< header and records
  BytesView records() const {
    return bytes_.subspan(header_bytes);
  }  ///< as they are stored: maybe compressed
  std::size_t size() const { return bytes_.size(); }

  Offset base_offset() const { return Offset{get<std::int64_t>(0)}; }
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  Offset end_offset() const { return last_offset() + 1; }  ///< where the next batch may begin
  OffsetRange range() const { return {base_offset(), end_offset()}; }
  LeaderEpoch leader_epoch() const { return LeaderEpoch{get<std::int32_t>(12)}; }
  std::uint32_t crc() const { return get<std::uint32_t>(17); }
  std::int16_t attributes() const { return get<std::int16_t>(21); }
  std::int32_t last_offset_delta() const { return get<std::int32_t>(23); }
  std::int64_t base_timestamp_ms() const { return get<std::int64_t>(27); }
  std::int64_t max_timestamp_ms() const { return get<std::int64_t>(35); }
  ProducerId producer_id() const { return ProducerId{get<std::int64_t>(43)}; }
  ProducerEpoch producer_epoch() const { return ProducerEpoch{get<std::int16_t>(51)}; }
  std::int32_t base_sequence() const { return get<std::int32_t>(53); }
  /// The sequence of the last record; sequences wrap from 2^31-1 to 0.
  std::int32_t last_sequence() const;
  std::int32_t records_count() const { return get<std::int32_t>(57); }

  /// The low three bits of the attributes, which may name no codec that there is: decompress() says so.
  Codec codec() const { return static_cast<Codec>(attributes() & 0x07); }
  bool is_compressed() const { return codec() != Codec::none; }
  bool is_log_append_time() const { return (attributes() & 0x08) != 0; }
  bool is_transactional() const { return (attributes() & 0x10) != 0; }
  bool is_control() const { return (attributes() & 0x20) != 0; }
  /// Compaction noted when tombstones and markers in it may go (KIP-534).
  bool has_delete_horizon() const { return (attributes() & delete_horizon_bit) != 0; }
  /// That time; it stands in the place of the base timestamp, and the deltas count from it all the same.
  std::optional<std::int64_t> delete_horizon_ms() const {
    return has_delete_horizon() ? std::optional{base_timestamp_ms()} : std::nullopt;
  }
  bool has_producer() const { return producer_id().value >= 0; }

  /// The timestamp of a record with this delta: its own, or the batch's where the broker stamped it.
  std::int64_t timestamp_ms(std::int64_t delta) const {
    return is_log_append_time() ? max_timestamp_ms() : base_timestamp_ms() + delta;
  }

  /// Whether the stored checksum is that of the bytes. Reads the whole batch.
  bool crc_ok() const;

 private:
  explicit BatchView(BytesView bytes) : bytes_(bytes) {}
  template <class T>
  T get(std::size_t at) const {
    return load_be<T>(bytes_.data() + at);
  }

  BytesView bytes_;  // exactly the batch
};

/// Takes the next whole batch off the front of `rest`, as a Fetch answer or a piece of a segment holds them.
///
/// returns  the batch, and `rest` begins after it; nothing where `rest` is empty or ends inside a batch
/// errors   corrupt: `rest` does not begin with a batch; it is left as it was
Result<std::optional<BatchView>> next_batch(BytesView& rest);

/// The bytes that the batch at the start of `bytes` takes, by its length field alone; nothing where not even
/// that is there. corrupt where the length is impossible.
Result<std::optional<std::size_t>> batch_bytes(BytesView bytes);

/// What the broker writes into a producer's batch: both lie before the CRC's area, which stays valid.
void patch_base_offset(MutableBytes batch, Offset base_offset);
void patch_leader_epoch(MutableBytes batch, LeaderEpoch epoch);
/// Sets the largest timestamp and its kind, and the CRC where that changed anything (it lies in its area).
void patch_max_timestamp(MutableBytes batch, std::int64_t max_timestamp_ms, bool log_append_time);

/// The end of a transaction, as the one record of a control batch says it.
struct ControlMarker {
  enum class Kind : std::int16_t { abort = 0, commit = 1 };
  Kind kind = Kind::abort;
  std::int32_t coordinator_epoch = 0;
};

/// The marker in a control batch; nothing where it is a control batch of another kind (leader change, ...),
/// or one that compaction emptied.
/// errors   corrupt: its record cannot be read
Result<std::optional<ControlMarker>> parse_control(const BatchView& batch);

}  // namespace sluice::record
