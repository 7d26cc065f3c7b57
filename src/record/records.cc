#include "record/records.h"

#include <fmt/format.h>

#include "base/varint.h"

namespace sluice::record {

std::string_view name(RecordFault fault) {
  switch (fault) {
    case RecordFault::none:
      return "nothing";
    case RecordFault::cut_short:
      return "a length reaches past the end";
    case RecordFault::bad_varint:
      return "a number is cut short or too long";
    case RecordFault::bad_length:
      return "its parts do not fill its length";
    case RecordFault::trailing_bytes:
      return "bytes follow the last record";
  }
  return "unknown";
}

namespace detail {

const std::byte* parse_zigzag_slow(const std::byte* p, const std::byte* end, std::int32_t& v) {
  std::uint32_t raw = 0;
  p = parse_varint(p, end, raw);
  v = unzigzag(raw);
  return p;
}

const std::byte* parse_zigzag64_slow(const std::byte* p, const std::byte* end, std::int64_t& v) {
  std::uint64_t raw = 0;
  p = parse_varlong(p, end, raw);
  v = unzigzag64(raw);
  return p;
}

Error record_error(RecordFault fault, std::int32_t index, std::int32_t count) {
  return Error{
      Code::corrupt, fmt::format("record {} of {} cannot be read: {}", index, count, name(fault)), {}, 0};
}

}  // namespace detail
}  // namespace sluice::record
