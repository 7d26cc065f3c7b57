// How one record is written into a batch. Internal to `record`.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/varint.h"

namespace sluice::record::detail {

inline std::size_t nullable_bytes(const std::optional<BytesView>& bytes) {
  if (!bytes) return 1;
  return varint_bytes(zigzag(static_cast<std::int32_t>(bytes->size()))) + bytes->size();
}

inline std::byte* write_bytes(std::byte* p, BytesView bytes) {
  p = write_varint(p, zigzag(static_cast<std::int32_t>(bytes.size())));
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  return p + bytes.size();
}

inline std::byte* write_nullable(std::byte* p, const std::optional<BytesView>& bytes) {
  return bytes ? write_bytes(p, *bytes) : write_varint(p, zigzag(-1));
}

/// Appends a record up to its headers, whose `headers_bytes` bytes (with their count) follow; returns where
/// they are to be written.
inline std::byte* append_record(Bytes& out, std::int64_t timestamp_delta, std::int32_t offset_delta,
                                const std::optional<BytesView>& key, const std::optional<BytesView>& value,
                                std::size_t headers_bytes) {
  const std::uint64_t timestamp = zigzag64(timestamp_delta);
  const std::uint32_t offset = zigzag(offset_delta);
  const std::size_t body = 1 + varlong_bytes(timestamp) + varint_bytes(offset) + nullable_bytes(key) +
                           nullable_bytes(value) + headers_bytes;
  const std::uint32_t length = zigzag(static_cast<std::int32_t>(body));
  const std::size_t at = out.size();
  out.resize(at + varint_bytes(length) + body);
  std::byte* p = write_varint(out.data() + at, length);
  *p++ = std::byte{0};  // attributes: none are defined
  p = write_varlong(p, timestamp);
  p = write_varint(p, offset);
  p = write_nullable(p, key);
  return write_nullable(p, value);
}

}  // namespace sluice::record::detail
