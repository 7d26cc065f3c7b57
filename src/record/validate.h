// What a broker checks of a batch before it stores it, as Apache Kafka's log validator does for magic 2.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "record/batch.h"
#include "record/compression.h"

namespace sluice::record {

/// Kafka's error codes that validation and appending give (Error::kafka_error).
namespace kafka_error {
constexpr std::int16_t corrupt_message = 2;
constexpr std::int16_t message_too_large = 10;
constexpr std::int16_t record_list_too_large = 18;
constexpr std::int16_t invalid_timestamp = 32;
constexpr std::int16_t out_of_order_sequence_number = 45;
constexpr std::int16_t invalid_producer_epoch = 47;
constexpr std::int16_t invalid_txn_state = 48;
constexpr std::int16_t transaction_coordinator_fenced = 52;
constexpr std::int16_t kafka_storage_error = 56;
constexpr std::int16_t unsupported_compression_type = 76;
constexpr std::int16_t invalid_record = 87;
constexpr std::int16_t offset_out_of_range = 1;
}  // namespace kafka_error

/// What is wrong with one record of a refused batch, for Produce's record_errors (KIP-467).
struct RecordError {
  std::int32_t index = 0;  ///< from 0, within the batch
  std::string message;
};
constexpr std::size_t record_errors_max = 1000;  ///< that are told of one batch

struct ValidateOptions {
  std::size_t batch_bytes_max = 1048588;  ///< message.max.bytes
  bool compacted = false;                 ///< cleanup.policy has compact: each record needs a key
  bool log_append_time = false;           ///< message.timestamp.type
  std::int64_t now_ms = 0;                ///< for the stamp and the two bounds below
  std::int64_t timestamp_before_ms_max = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_after_ms_max = 3'600'000;
  bool from_client = true;  ///< clients may not write control batches, and their offsets begin at 0
  std::vector<RecordError>* record_errors = nullptr;  ///< filled where single records are refused
};

struct Validated {
  std::int32_t records_count = 0;
  std::int64_t max_timestamp_ms = no_timestamp;
  std::int64_t log_append_time_ms = no_timestamp;  ///< what the Produce answer carries
};

/// The one batch that fills `bytes`, as a client must send it. Errors as of Kafka: corrupt_message where the
/// length or the magic cannot be one; invalid_record where there is no whole batch, more than one, an old
/// format, or offsets that do not begin at 0 (with from_client) or run backwards. The CRC is not looked at.
Result<BatchView> parse_produced(BytesView bytes, bool from_client = true);

/// Checks the one batch that fills `batch`, decompressing it, and puts its timestamps right: with
/// log_append_time it is stamped, otherwise a wrong max_timestamp is replaced by the true one, as Kafka does
/// (both renew the CRC). Offsets are not assigned here.
///
/// batch    the bytes of one partition in a Produce request; not changed where an error is returned
/// errors   each with Kafka's code in kafka_error: corrupt_message (CRC, lengths), message_too_large,
///          invalid_record (counts, offsets, control, key), invalid_timestamp, unsupported_compression_type
/// cost     the CRC, the decompression, and about 5 ns a record
Result<Validated> validate(MutableBytes batch, const ValidateOptions& options, Decompressor& decompressor);

}  // namespace sluice::record
