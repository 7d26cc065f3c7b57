#include "wire/writer.h"

#include <limits>

#include "base/assert.h"
#include "base/varint.h"

namespace sluice::wire {
namespace {

constexpr std::size_t string_bytes_max = std::numeric_limits<std::int16_t>::max();
constexpr std::size_t length_max = std::numeric_limits<std::int32_t>::max();

}  // namespace

std::vector<BytesView> Writer::parts() const {
  std::vector<BytesView> out;
  out.reserve(borrowed_.size() * 2 + 1);
  const BytesView all(buffer_);
  std::size_t at = 0;
  for (const Borrowed& part : borrowed_) {
    if (part.at > at) out.push_back(all.subspan(at, part.at - at));
    out.push_back(part.bytes);
    at = part.at;
  }
  if (at < all.size()) out.push_back(all.subspan(at));
  return out;
}

Bytes Writer::to_bytes() const {
  Bytes out;
  out.reserve(size());
  for (const BytesView part : parts()) out.insert(out.end(), part.begin(), part.end());
  return out;
}

void Writer::clear() {
  buffer_.clear();
  borrowed_.clear();
  borrowed_bytes_ = 0;
  ok_ = true;
}

void Writer::varint(std::uint32_t v) {
  const std::size_t at = buffer_.size();
  buffer_.resize(at + varint_bytes(v));
  write_varint(buffer_.data() + at, v);
}

void Writer::uuid(Uuid v) {
  fixed(v.high);
  fixed(v.low);
}

void Writer::raw(BytesView bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void Writer::length(std::size_t n, std::size_t max, bool compact, bool short_length) {
  if (n > max) return fail();
  if (compact) {
    varint(static_cast<std::uint32_t>(n + 1));
  } else if (short_length) {
    int16(static_cast<std::int16_t>(n));
  } else {
    int32(static_cast<std::int32_t>(n));
  }
}

void Writer::null_length(bool compact, bool short_length, bool null_allowed) {
  if (!null_allowed) return fail();
  if (compact) {
    varint(0);
  } else if (short_length) {
    int16(-1);
  } else {
    int32(-1);
  }
}

void Writer::string(std::string_view v, bool compact) {
  length(v.size(), string_bytes_max, compact, true);
  if (ok_) raw(as_bytes(v));
}

void Writer::bytes(BytesView v, bool compact) {
  length(v.size(), length_max, compact, false);
  if (!ok_) return;
  if (v.size() < borrow_bytes_min) return raw(v);
  borrowed_.push_back({buffer_.size(), v});
  borrowed_bytes_ += v.size();
}

void Writer::nullable_string(const std::optional<std::string>& v, bool compact, bool null_allowed) {
  if (v) return string(*v, compact);
  null_length(compact, true, null_allowed);
}

void Writer::nullable_bytes(const std::optional<BytesView>& v, bool compact, bool null_allowed) {
  if (v) return bytes(*v, compact);
  null_length(compact, false, null_allowed);
}

void Writer::array_length(std::size_t count, bool compact) {
  length(count, length_max, compact, false);
}

void Writer::null_array(bool compact, bool null_allowed) {
  null_length(compact, false, null_allowed);
}

void Writer::presence(bool there, bool null_allowed) {
  if (!there && !null_allowed) return fail();
  int8(there ? 1 : -1);
}

void Writer::begin_frame() {
  SLUICE_ASSERT(size() == 0);
  int32(0);
}

void Writer::end_frame() {
  const std::size_t body = size() - sizeof(std::int32_t);
  if (body > length_max) return fail();
  store_be(buffer_.data(), static_cast<std::int32_t>(body));
}

void Writer::append(const Writer& other) {
  if (!other.ok_) return fail();
  for (const Borrowed& part : other.borrowed_) borrowed_.push_back({buffer_.size() + part.at, part.bytes});
  borrowed_bytes_ += other.borrowed_bytes_;
  raw(other.buffer_);
}

Writer& TagsWriter::begin(std::uint32_t tag) {
  close();
  SLUICE_ASSERT(std::int64_t{tag} > tag_);
  tag_ = tag;
  ++count_;
  return value_;
}

void TagsWriter::close() {
  if (count_ == 0) return;
  fields_.varint(static_cast<std::uint32_t>(tag_));
  fields_.varint(static_cast<std::uint32_t>(value_.size()));
  fields_.append(value_);
  value_.clear();
}

void TagsWriter::finish() {
  close();
  out_.tag_count(count_);
  out_.append(fields_);
}

}  // namespace sluice::wire
