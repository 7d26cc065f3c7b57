#include "record/validate.h"

#include <fmt/format.h>

#include <algorithm>

#include "record/records.h"

namespace sluice::record {
namespace {

std::unexpected<Error> refuse(std::int16_t kafka_error, std::string message) {
  const Code code = kafka_error == kafka_error::corrupt_message     ? Code::corrupt
                    : kafka_error == kafka_error::message_too_large ? Code::limit_exceeded
                                                                    : Code::kafka;
  return std::unexpected(Error{code, std::move(message), {}, kafka_error});
}

Result<void> check_header(const BatchView& batch, const ValidateOptions& options) {
  using namespace kafka_error;
  if (!batch.crc_ok()) {
    return refuse(corrupt_message, fmt::format("a batch of {} bytes was not stored: its CRC is not {:08x}",
                                               batch.size(), batch.crc()));
  }
  const std::int32_t count = batch.records_count();
  if (count == 0 || count != std::int64_t{batch.last_offset_delta()} + 1) {
    return refuse(invalid_record, fmt::format("a batch was not stored: it counts {} records over {} offsets",
                                              count, std::int64_t{batch.last_offset_delta()} + 1));
  }
  if (options.from_client && batch.is_control()) {
    return refuse(invalid_record, "a control batch was not stored: clients may not write them");
  }
  if (batch.has_producer() && batch.base_sequence() < 0 && !batch.is_control()) {
    return refuse(invalid_record, fmt::format("a batch of producer {} was not stored: its sequence is {}",
                                              batch.producer_id().value, batch.base_sequence()));
  }
  if (batch.is_transactional() && !batch.has_producer()) {
    return refuse(invalid_record, "a transactional batch was not stored: it has no producer id");
  }
  if (batch.is_log_append_time() && options.from_client &&
      (options.log_append_time || batch.max_timestamp_ms() == no_timestamp)) {
    return refuse(invalid_timestamp, "a batch was not stored: a producer may not set LogAppendTime");
  }
  if (batch.codec() > Codec::zstd) {
    return refuse(unsupported_compression_type, fmt::format("a batch was not stored: codec {} is unknown",
                                                            static_cast<int>(batch.codec())));
  }
  return {};
}

// What the walk over the records has seen. The fast path of each record is one comparison of its offset, one
// of its key and two of its timestamp; anything odd is kept for the message and ends the walk.
struct Walk {
  std::int32_t next_delta = 0;
  std::int64_t delta_min = std::numeric_limits<std::int64_t>::max();
  std::int64_t delta_max = std::numeric_limits<std::int64_t>::min();
  bool offset_wrong = false;
  bool key_missing = false;
  bool header_wrong = false;
};

Result<Walk> walk_records(BytesView records, const BatchView& batch, bool compacted) {
  Walk walk;
  Result<void> walked = for_each_record(records, batch.records_count(), [&](const RecordView& record) {
    walk.offset_wrong = record.offset_delta != walk.next_delta;
    walk.key_missing = compacted && !record.key;
    if (record.headers_count > 0) [[unlikely]] {
      walk.header_wrong = !for_each_header(record, [](const HeaderView&) {}).has_value();
    }
    if (walk.offset_wrong || walk.key_missing || walk.header_wrong) [[unlikely]]
      return false;
    ++walk.next_delta;
    walk.delta_min = std::min(walk.delta_min, record.timestamp_delta);
    walk.delta_max = std::max(walk.delta_max, record.timestamp_delta);
    return true;
  });
  if (!walked || walk.header_wrong) {
    std::string why = walked ? fmt::format("the headers of record {} cannot be read", walk.next_delta)
                             : std::move(walked.error().message);
    return refuse(kafka_error::invalid_record, "a batch was not stored: " + why);
  }
  if (walk.offset_wrong) {
    return refuse(kafka_error::invalid_record,
                  fmt::format("a batch was not stored: record {} has another offset delta", walk.next_delta));
  }
  if (walk.key_missing) {
    return refuse(kafka_error::invalid_record,
                  fmt::format("a batch was not stored: record {} has no key, and the topic is compacted",
                              walk.next_delta));
  }
  return walk;
}

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

std::int64_t saturating_subtract(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a > b ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

bool is_out_of_bounds(std::int64_t timestamp_ms, const ValidateOptions& options) {
  if (timestamp_ms == no_timestamp) return false;
  return saturating_subtract(options.now_ms, timestamp_ms) > options.timestamp_before_ms_max ||
         saturating_subtract(timestamp_ms, options.now_ms) > options.timestamp_after_ms_max;
}

// After a refusal: which records are at fault.
void tell_records(BytesView records, const BatchView& batch, const ValidateOptions& options) {
  std::vector<RecordError>& errors = *options.record_errors;
  std::int32_t index = 0;
  const auto look = [&](const RecordView& record) {
    const std::int64_t timestamp_ms = batch.is_log_append_time()
                                          ? batch.max_timestamp_ms()
                                          : saturating_add(batch.base_timestamp_ms(), record.timestamp_delta);
    if (options.compacted && !record.key) {
      errors.push_back({index, "it has no key, and the topic is compacted"});
    } else if (!options.log_append_time && is_out_of_bounds(timestamp_ms, options)) {
      errors.push_back({index, fmt::format("its timestamp {} is out of bounds", timestamp_ms)});
    } else if (record.offset_delta != index) {
      errors.push_back({index, fmt::format("its offset delta is {}", record.offset_delta)});
    }
    ++index;
    return errors.size() < record_errors_max;
  };
  static_cast<void>(for_each_record(records, batch.records_count(), look));
}

Result<std::int64_t> check_timestamps(const Walk& walk, const BatchView& batch,
                                      const ValidateOptions& options) {
  // With the bit of LogAppendTime every record has the batch's time. Kafka takes that and clears the bit.
  const bool one_time = batch.is_log_append_time();
  const std::int64_t earliest =
      one_time ? batch.max_timestamp_ms() : saturating_add(batch.base_timestamp_ms(), walk.delta_min);
  const std::int64_t latest =
      one_time ? batch.max_timestamp_ms() : saturating_add(batch.base_timestamp_ms(), walk.delta_max);
  if (!is_out_of_bounds(earliest, options) && !is_out_of_bounds(latest, options)) return latest;
  return refuse(
      kafka_error::invalid_timestamp,
      fmt::format("a batch was not stored: its timestamps {} to {} lie outside what the topic takes "
                  "around {}",
                  earliest, latest, options.now_ms));
}

Result<Validated> check_records(BytesView records, const BatchView& batch, const ValidateOptions& options) {
  const Walk walk = SLUICE_TRY(walk_records(records, batch, options.compacted));
  Validated validated{batch.records_count(), options.now_ms, no_timestamp};
  if (options.log_append_time) {
    validated.log_append_time_ms = options.now_ms;
  } else {
    validated.max_timestamp_ms = SLUICE_TRY(check_timestamps(walk, batch, options));
  }
  return validated;
}

// Of bytes that BatchView::parse refuses.
std::unexpected<Error> refuse_form(BytesView bytes, std::string why) {
  constexpr std::size_t magic_at = 16;
  constexpr std::int32_t legacy_bytes_min = 14;  // of the oldest format: less is no batch at all
  const bool has_magic = bytes.size() > magic_at;
  const bool is_corrupt = has_magic && (load_be<std::int32_t>(bytes.data() + 8) < legacy_bytes_min ||
                                        std::to_integer<int>(bytes[magic_at]) > magic);
  return refuse(is_corrupt ? kafka_error::corrupt_message : kafka_error::invalid_record,
                "a batch was not stored: " + std::move(why));
}

}  // namespace

Result<BatchView> parse_produced(BytesView bytes, bool from_client) {
  Result<BatchView> parsed = BatchView::parse(bytes);
  if (!parsed) return refuse_form(bytes, std::move(parsed.error().message));
  if (parsed->size() != bytes.size()) {
    return refuse(kafka_error::invalid_record,
                  fmt::format("{} bytes were not stored: they are not exactly one batch", bytes.size()));
  }
  if (from_client && parsed->base_offset() != Offset{0}) {
    return refuse(
        kafka_error::invalid_record,
        fmt::format("a batch was not stored: its base offset is {}, not 0", parsed->base_offset().value));
  }
  return parsed;
}

Result<Validated> validate(MutableBytes batch, const ValidateOptions& options, Decompressor& decompressor) {
  if (batch.size() > options.batch_bytes_max) {
    return refuse(kafka_error::message_too_large,
                  fmt::format("a batch of {} bytes was not stored: message.max.bytes is {}", batch.size(),
                              options.batch_bytes_max));
  }
  const BatchView view = SLUICE_TRY(parse_produced(batch, options.from_client));
  SLUICE_TRY(check_header(view, options));
  Result<BytesView> records = decompressor.records(view);
  if (!records) return refuse(kafka_error::corrupt_message, std::move(records.error().message));
  Result<Validated> validated = check_records(*records, view, options);
  if (!validated) {
    if (options.record_errors != nullptr) tell_records(*records, view, options);
    return validated;
  }
  patch_max_timestamp(batch, validated->max_timestamp_ms, options.log_append_time);
  return validated;
}

}  // namespace sluice::record
