// Writes Kafka's primitive types. Large byte fields are not copied: they stay with their owner as parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace sluice::wire {

/// Appends to a buffer of its own; byte fields of `borrow_bytes_min` and more are remembered as views, so
/// that a Fetch answer's records are never copied. Whoever owns those bytes keeps them until the parts are
/// sent. It is sticky: a length that its encoding cannot hold, or a null where none is allowed, makes it bad;
/// ask ok() before sending.
///
/// `compact` everywhere: the encoding of flexible versions.
class Writer {
 public:
  static constexpr std::size_t borrow_bytes_min = 4096;

  bool ok() const { return ok_; }
  void fail() { ok_ = false; }

  /// Bytes written, borrowed ones included.
  std::size_t size() const { return buffer_.size() + borrowed_bytes_; }
  /// Everything in order. The views hold until the writer is changed or destroyed (or a borrowed owner is).
  std::vector<BytesView> parts() const;
  /// Everything in one piece, copied.
  Bytes to_bytes() const;
  /// Empties it, keeping its memory.
  void clear();

  void boolean(bool v) { fixed<std::int8_t>(v ? 1 : 0); }
  void int8(std::int8_t v) { fixed(v); }
  void int16(std::int16_t v) { fixed(v); }
  void int32(std::int32_t v) { fixed(v); }
  void int64(std::int64_t v) { fixed(v); }
  void uint16(std::uint16_t v) { fixed(v); }
  void float64(double v) { fixed(std::bit_cast<std::uint64_t>(v)); }
  void varint(std::uint32_t v);  ///< unsigned
  void uuid(Uuid v);
  void raw(BytesView bytes);

  void string(std::string_view v, bool compact);
  void bytes(BytesView v, bool compact);
  void nullable_string(const std::optional<std::string>& v, bool compact, bool null_allowed);
  void nullable_bytes(const std::optional<BytesView>& v, bool compact, bool null_allowed);
  void array_length(std::size_t count, bool compact);
  void null_array(bool compact, bool null_allowed);
  /// The byte before a structure that may be null.
  void presence(bool there, bool null_allowed);
  void tag_count(std::uint32_t count) { varint(count); }

  /// Makes room for a frame's size prefix; the writer must be empty.
  void begin_frame();
  /// Fills the prefix in: the frame is complete.
  void end_frame();

 private:
  friend class TagsWriter;

  struct Borrowed {
    std::size_t at;  // it stands before this byte of buffer_
    BytesView bytes;
  };

  template <class T>
  void fixed(T v) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + sizeof(T));
    store_be(buffer_.data() + at, v);
  }
  void length(std::size_t n, std::size_t max, bool compact, bool short_length);
  void null_length(bool compact, bool short_length, bool null_allowed);
  void append(const Writer& other);

  Bytes buffer_;
  std::vector<Borrowed> borrowed_;
  std::size_t borrowed_bytes_ = 0;
  bool ok_ = true;
};

/// Collects the tagged fields that end a structure: begin() each in ascending order, write its value into the
/// writer returned, then finish() once.
class TagsWriter {
 public:
  explicit TagsWriter(Writer& out) : out_(out) {}
  Writer& begin(std::uint32_t tag);
  void finish();

 private:
  void close();

  Writer& out_;
  Writer fields_;
  Writer value_;
  std::uint32_t count_ = 0;
  std::int64_t tag_ = -1;
};

}  // namespace sluice::wire
