// Reads Kafka's primitive types from bytes that a stranger sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"

namespace sluice::wire {

/// What one message may make the process allocate, whatever lengths it claims.
struct ReadLimits {
  std::size_t elements_max = 1'000'000;                  ///< of all arrays of the message together
  std::size_t tags_max = 10'000;                         ///< tagged fields of one structure
  std::size_t memory_bytes_max = std::size_t{64} << 20;  ///< of all arrays' elements together
};

/// A cursor over borrowed bytes. It is sticky: the first read that does not fit makes it bad for good, and
/// from then on every read gives zero, empty or null. So decoding is straight-line, and ok() is asked once at
/// the end. Views that it returns point into the bytes it was given.
///
/// `compact` everywhere: the encoding of flexible versions (lengths are unsigned varints plus one).
class Reader {
 public:
  explicit Reader(BytesView bytes, const ReadLimits& limits = {})
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), limits_(limits) {}

  bool ok() const { return ok_; }
  /// Every byte was used and none was missing.
  bool finished() const { return ok_ && at_ == end_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  /// Makes the reader bad.
  void fail() {
    ok_ = false;
    at_ = end_;
  }

  bool boolean() { return fixed<std::int8_t>() != 0; }
  std::int8_t int8() { return fixed<std::int8_t>(); }
  std::int16_t int16() { return fixed<std::int16_t>(); }
  std::int32_t int32() { return fixed<std::int32_t>(); }
  std::int64_t int64() { return fixed<std::int64_t>(); }
  std::uint16_t uint16() { return fixed<std::uint16_t>(); }
  double float64() { return std::bit_cast<double>(fixed<std::uint64_t>()); }
  std::uint32_t varint();  ///< unsigned
  Uuid uuid();
  /// The next `size` bytes.
  BytesView raw(std::size_t size);

  std::string string(bool compact);
  BytesView bytes(bool compact);
  /// nullopt for null; bad where null is not allowed.
  std::optional<std::string> nullable_string(bool compact, bool null_allowed);
  std::optional<BytesView> nullable_bytes(bool compact, bool null_allowed);

  /// The number of elements that follow. Bad (and 0) unless that many elements of `element_bytes_min` fit
  /// into what remains and the limits allow that many of `element_memory_bytes`: only then may room be made
  /// for them.
  std::size_t array_length(bool compact, std::size_t element_bytes_min, std::size_t element_memory_bytes);
  /// nullopt for null, and where the reader is bad.
  std::optional<std::size_t> nullable_array_length(bool compact, bool null_allowed,
                                                   std::size_t element_bytes_min,
                                                   std::size_t element_memory_bytes);
  /// The byte before a structure that may be null: is it there?
  bool presence(bool null_allowed);
  /// Passes over a structure's tagged fields.
  void skip_tags();

 private:
  friend class TagsReader;

  template <class T>
  T fixed() {
    if (remaining() < sizeof(T)) {
      fail();
      return 0;
    }
    const T v = load_be<T>(at_);
    at_ += sizeof(T);
    return v;
  }
  /// A length as strings (16 bit) and bytes and arrays (32 bit) have it; -1 for null or when bad.
  std::int64_t length(bool compact, bool short_length);
  std::size_t admit(std::size_t count, std::size_t element_bytes_min, std::size_t element_memory_bytes);

  const std::byte* at_;
  const std::byte* end_;
  ReadLimits limits_;  // what is left of them
  bool ok_ = true;
};

/// Walks the tagged fields that end a structure of a flexible version:
///     for (TagsReader tags(reader); tags.next();) { read tags.tag()'s value from the reader, or tags.skip();
///     }
/// Tags must ascend, and each value must have exactly the size it claims; otherwise the reader becomes bad.
class TagsReader {
 public:
  explicit TagsReader(Reader& reader);
  /// The last value was read to its end; goes to the next one. False after the last.
  bool next();
  std::uint32_t tag() const { return static_cast<std::uint32_t>(tag_); }
  void skip();

 private:
  bool close();

  Reader& reader_;
  std::uint32_t left_ = 0;
  std::int64_t tag_ = -1;
  const std::byte* outer_end_ = nullptr;  // the reader's own end while a value is being read
};

}  // namespace sluice::wire
