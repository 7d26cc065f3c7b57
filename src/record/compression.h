// The five codecs of Kafka's batches, with reused contexts and buffers, and caps against bombs.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "record/batch.h"

namespace sluice::record {

/// Readable bytes after every decompressed output, for parsers that look ahead (simdjson wants 32 to 64).
constexpr std::size_t padding_bytes = 64;

/// A growing buffer that does not write zeros before its content is written.
class RawBuffer {
 public:
  /// Room for `bytes` and padding_bytes after them; keeps the first `keep` bytes.
  void reserve(std::size_t bytes, std::size_t keep = 0);
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::size_t capacity() const { return capacity_; }  ///< without the padding

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_ = 0;
};

/// What a batch may grow to. An honest batch of any codec but zstd cannot pass the ratio; one of zstd only by
/// being all alike, for which the floor leaves room.
struct DecompressLimits {
  std::size_t bytes_max = std::size_t{256} << 20;   ///< absolute
  std::size_t ratio_max = 2048;                     ///< output over input, beyond the floor
  std::size_t bytes_floor = std::size_t{16} << 20;  ///< always allowed by the ratio
};

/// Decompresses batch after batch. One thread at a time; keep one a thread: contexts and output are reused.
class Decompressor {
 public:
  explicit Decompressor(DecompressLimits limits = {});
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  /// The content of `in`, followed by padding_bytes readable bytes; borrowed until the next call.
  /// For Codec::none it is `in` itself, unpadded.
  ///
  /// errors   corrupt: not a stream of this codec, or cut short · limit_exceeded: more than the limits, given
  ///          up at once, not after the fact · unsupported: no such codec
  Result<BytesView> decompress(Codec codec, BytesView in);

  /// The records of `batch`: decompress(batch.codec(), batch.records()).
  Result<BytesView> records(const BatchView& batch) { return decompress(batch.codec(), batch.records()); }

 private:
  struct Contexts;
  std::size_t output_bytes_max(std::size_t in_bytes) const;
  Result<std::size_t> gunzip(BytesView in, std::size_t bytes_max);
  Result<std::size_t> unsnappy(BytesView in, std::size_t bytes_max);
  Result<std::size_t> unsnappy_block(BytesView block, std::size_t used, std::size_t bytes_max);
  Result<std::size_t> unlz4(BytesView in, std::size_t bytes_max);
  Result<std::size_t> unzstd(BytesView in, std::size_t bytes_max);
  Result<void> grow(std::size_t used, std::size_t wanted, std::size_t bytes_max);

  DecompressLimits limits_;
  std::unique_ptr<Contexts> contexts_;
  RawBuffer out_;
  std::size_t out_bytes_ = 0;  // of the last output
};

constexpr int level_default = -1000;  ///< each codec's own

/// Compresses batch after batch; the same rules as Decompressor.
class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  /// Appends `in`, compressed as Kafka's own clients frame it (snappy: raw blocks in xerial's stream format),
  /// to `out`. errors   invalid_argument: a level that the codec does not have · unsupported: no such codec
  Result<void> compress(Codec codec, int level, BytesView in, Bytes& out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace sluice::record
