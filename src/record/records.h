// The records inside a batch, once they are decompressed: a walk that checks every length and copies nothing.
//
//   length varint | attributes int8 | timestamp_delta varlong | offset_delta varint |
//   key_length varint, key | value_length varint, value | headers_count varint, headers
//
// Varints are zigzag; a length of -1 means null. `length` counts what follows it.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::record {

/// One record, borrowed from the bytes that were walked.
struct RecordView {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<BytesView> key;
  std::optional<BytesView> value;
  std::int32_t headers_count = 0;
  BytesView headers;  ///< as stored; for_each_header reads them
};

/// What is wrong with a record's bytes; kept apart from Error so that the walk stays free of strings.
enum class RecordFault : std::uint8_t {
  none,
  cut_short,       ///< a length reaches past the end
  bad_varint,      ///< a number is too long or does not fit
  bad_length,      ///< a negative length where there is no null, or parts that do not fill the record
  trailing_bytes,  ///< bytes after the last record
};
std::string_view name(RecordFault fault);

namespace detail {

/// Zigzag varint of at most 5 bytes; nullptr where it is cut short or too long. The one-byte case is inline:
/// deltas and small lengths are nearly always that.
const std::byte* parse_zigzag_slow(const std::byte* p, const std::byte* end, std::int32_t& v);
const std::byte* parse_zigzag64_slow(const std::byte* p, const std::byte* end, std::int64_t& v);

inline const std::byte* parse_zigzag(const std::byte* p, const std::byte* end, std::int32_t& v) {
  if (end - p >= 2) [[likely]] {
    const auto first = static_cast<std::uint32_t>(p[0]);
    if (first < 0x80u) {
      v = static_cast<std::int32_t>(first >> 1) ^ -static_cast<std::int32_t>(first & 1u);
      return p + 1;
    }
    const auto second = static_cast<std::uint32_t>(p[1]);
    if (second < 0x80u) {
      const std::uint32_t raw = (first & 0x7fu) | (second << 7);
      v = static_cast<std::int32_t>(raw >> 1) ^ -static_cast<std::int32_t>(raw & 1u);
      return p + 2;
    }
  }
  return parse_zigzag_slow(p, end, v);
}

inline const std::byte* parse_zigzag64(const std::byte* p, const std::byte* end, std::int64_t& v) {
  if (end - p >= 2) [[likely]] {
    const auto first = static_cast<std::uint64_t>(p[0]);
    if (first < 0x80u) {
      v = static_cast<std::int64_t>(first >> 1) ^ -static_cast<std::int64_t>(first & 1u);
      return p + 1;
    }
  }
  return parse_zigzag64_slow(p, end, v);
}

/// A nullable byte string at p inside [p, end).
inline RecordFault parse_nullable(const std::byte*& p, const std::byte* end, std::optional<BytesView>& out) {
  std::int32_t length = 0;
  p = parse_zigzag(p, end, length);
  if (p == nullptr) return RecordFault::bad_varint;
  if (length < 0) {
    out.reset();
    return length == -1 ? RecordFault::none : RecordFault::bad_length;
  }
  if (length > end - p) return RecordFault::cut_short;
  out.emplace(p, static_cast<std::size_t>(length));
  p += length;
  return RecordFault::none;
}

/// The record at p; p ends after it.
inline RecordFault parse_record(const std::byte*& p, const std::byte* end, RecordView& record) {
  std::int32_t length = 0;
  const std::byte* q = parse_zigzag(p, end, length);
  if (q == nullptr) return RecordFault::bad_varint;
  if (length < 0) return RecordFault::bad_length;
  if (length > end - q) return RecordFault::cut_short;
  const std::byte* const record_end = q + length;
  if (q == record_end) return RecordFault::bad_length;
  ++q;  // attributes: none are defined
  q = parse_zigzag64(q, record_end, record.timestamp_delta);
  if (q == nullptr) return RecordFault::bad_varint;
  q = parse_zigzag(q, record_end, record.offset_delta);
  if (q == nullptr) return RecordFault::bad_varint;
  if (const RecordFault fault = parse_nullable(q, record_end, record.key); fault != RecordFault::none)
    return fault;
  if (const RecordFault fault = parse_nullable(q, record_end, record.value); fault != RecordFault::none) {
    return fault;
  }
  q = parse_zigzag(q, record_end, record.headers_count);
  if (q == nullptr) return RecordFault::bad_varint;
  // A header takes two bytes at least, so a count that lies is seen before anybody believes it.
  if (record.headers_count < 0 || record.headers_count > (record_end - q) / 2) return RecordFault::bad_length;
  record.headers = BytesView{q, record_end};
  if (record.headers_count == 0 && q != record_end) return RecordFault::bad_length;
  p = record_end;
  return RecordFault::none;
}

Error record_error(RecordFault fault, std::int32_t index, std::int32_t count);

}  // namespace detail

/// Calls f(record) for each of the `count` records that fill `records` (decompressed) exactly, in order.
/// `f` takes a const RecordView& and returns nothing, or a bool: false ends the walk there, without error.
///
/// errors   corrupt: the record's number and what is wrong; f has seen those before it
/// cost     about 5 ns a record; headers are skipped over, not parsed (for_each_header checks them)
template <class F>
Result<void> for_each_record(BytesView records, std::int32_t count, F&& f) {
  const std::byte* p = records.data();
  const std::byte* const end = p + records.size();
  RecordView record;
  for (std::int32_t i = 0; i < count; ++i) {
    if (const RecordFault fault = detail::parse_record(p, end, record); fault != RecordFault::none)
        [[unlikely]] {
      return std::unexpected(detail::record_error(fault, i, count));
    }
    if constexpr (std::is_same_v<std::invoke_result_t<F&, const RecordView&>, bool>) {
      if (!f(static_cast<const RecordView&>(record))) return {};
    } else {
      f(static_cast<const RecordView&>(record));
    }
  }
  if (p != end) return std::unexpected(detail::record_error(RecordFault::trailing_bytes, count, count));
  return {};
}

/// A header of a record: a key that is text, and bytes or null.
struct HeaderView {
  std::string_view key;
  std::optional<BytesView> value;
};

/// Calls f(header) for each header of `record`.
/// errors   corrupt, as above
template <class F>
Result<void> for_each_header(const RecordView& record, F&& f) {
  const std::byte* p = record.headers.data();
  const std::byte* const end = p + record.headers.size();
  for (std::int32_t i = 0; i < record.headers_count; ++i) {
    HeaderView header;
    std::optional<BytesView> key;
    RecordFault fault = detail::parse_nullable(p, end, key);
    if (fault == RecordFault::none && !key) fault = RecordFault::bad_length;
    if (fault == RecordFault::none) fault = detail::parse_nullable(p, end, header.value);
    if (fault != RecordFault::none) {
      return std::unexpected(detail::record_error(fault, i, record.headers_count).in("header"));
    }
    header.key = as_text(*key);
    f(static_cast<const HeaderView&>(header));
  }
  if (p != end) {
    return std::unexpected(
        detail::record_error(RecordFault::trailing_bytes, record.headers_count, record.headers_count)
            .in("header"));
  }
  return {};
}

}  // namespace sluice::record
