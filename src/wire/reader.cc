#include "wire/reader.h"

#include "base/varint.h"

namespace sluice::wire {
namespace {

// Of every string, as in Kafka: a compact length could say more, but then no 16-bit one could repeat it.
constexpr std::int64_t string_bytes_max = 32767;

}  // namespace

std::uint32_t Reader::varint() {
  std::uint32_t v = 0;
  const std::byte* after = parse_varint(at_, end_, v);
  if (after == nullptr) {
    fail();
    return 0;
  }
  at_ = after;
  return v;
}

Uuid Reader::uuid() {
  Uuid id;
  id.high = fixed<std::uint64_t>();
  id.low = fixed<std::uint64_t>();
  return ok_ ? id : Uuid{};
}

BytesView Reader::raw(std::size_t size) {
  if (remaining() < size) {
    fail();
    return {};
  }
  const BytesView view(at_, size);
  at_ += size;
  return view;
}

std::int64_t Reader::length(bool compact, bool short_length) {
  std::int64_t n = 0;
  if (compact) {
    n = std::int64_t{varint()} - 1;
  } else {
    n = short_length ? std::int64_t{int16()} : std::int64_t{int32()};
  }
  if (!ok_) return -1;
  if (n < -1 || n > static_cast<std::int64_t>(remaining())) {
    fail();
    return -1;
  }
  return n;
}

std::string Reader::string(bool compact) {
  return nullable_string(compact, false).value_or(std::string{});
}

BytesView Reader::bytes(bool compact) {
  return nullable_bytes(compact, false).value_or(BytesView{});
}

std::optional<std::string> Reader::nullable_string(bool compact, bool null_allowed) {
  const std::int64_t n = length(compact, true);
  if (n < 0) {
    if (!null_allowed) fail();
    return std::nullopt;
  }
  if (n > string_bytes_max) {
    fail();
    return std::nullopt;
  }
  return std::string(as_text(raw(static_cast<std::size_t>(n))));
}

std::optional<BytesView> Reader::nullable_bytes(bool compact, bool null_allowed) {
  const std::int64_t n = length(compact, false);
  if (n < 0) {
    if (!null_allowed) fail();
    return std::nullopt;
  }
  return raw(static_cast<std::size_t>(n));
}

std::size_t Reader::admit(std::size_t count, std::size_t element_bytes_min,
                          std::size_t element_memory_bytes) {
  if (count > remaining() / element_bytes_min || count > limits_.elements_max ||
      count > limits_.memory_bytes_max / element_memory_bytes) {
    fail();
    return 0;
  }
  limits_.elements_max -= count;
  limits_.memory_bytes_max -= count * element_memory_bytes;
  return count;
}

std::size_t Reader::array_length(bool compact, std::size_t element_bytes_min,
                                 std::size_t element_memory_bytes) {
  return nullable_array_length(compact, false, element_bytes_min, element_memory_bytes).value_or(0);
}

std::optional<std::size_t> Reader::nullable_array_length(bool compact, bool null_allowed,
                                                         std::size_t element_bytes_min,
                                                         std::size_t element_memory_bytes) {
  const std::int64_t n = length(compact, false);
  if (n < 0) {
    if (!null_allowed) fail();
    return std::nullopt;
  }
  const std::size_t count = admit(static_cast<std::size_t>(n), element_bytes_min, element_memory_bytes);
  return ok_ ? std::optional(count) : std::nullopt;
}

bool Reader::presence(bool null_allowed) {
  const std::int8_t there = int8();
  if (there < 0 && !null_allowed) fail();
  return ok_ && there >= 0;
}

void Reader::skip_tags() {
  for (TagsReader tags(*this); tags.next();) tags.skip();
}

TagsReader::TagsReader(Reader& reader) : reader_(reader), left_(reader.varint()) {
  if (left_ > reader_.limits_.tags_max) {
    reader_.fail();
    left_ = 0;
  }
}

bool TagsReader::close() {
  if (outer_end_ == nullptr) return reader_.ok();
  const bool exact = reader_.ok() && reader_.at_ == reader_.end_;
  reader_.end_ = outer_end_;
  outer_end_ = nullptr;
  if (!exact) reader_.fail();
  return exact;
}

bool TagsReader::next() {
  if (!close() || left_ == 0) return false;
  --left_;
  const std::int64_t tag = reader_.varint();
  const std::uint32_t size = reader_.varint();
  if (!reader_.ok() || tag <= tag_ || size > reader_.remaining()) {
    reader_.fail();
    return false;
  }
  tag_ = tag;
  outer_end_ = reader_.end_;
  reader_.end_ = reader_.at_ + size;
  return true;
}

void TagsReader::skip() {
  reader_.raw(reader_.remaining());
}

}  // namespace sluice::wire
