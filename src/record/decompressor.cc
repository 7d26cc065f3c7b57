// Decompression. The output buffer stays from batch to batch, so that soon every batch fits at the first try;
// a codec whose stream does not say its size starts again with twice the room until then.
#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "record/compression.h"

namespace sluice::record {
namespace {

constexpr std::size_t first_bytes = 64 << 10;
/// A buffer larger than this is given back once it is mostly unused.
constexpr std::size_t keep_bytes_max = 16 << 20;
/// What the formats can do at most: 258 bytes from 2 bits of gzip, 64 bytes from 3 of snappy.
constexpr std::size_t snappy_ratio_max = 22;

std::unexpected<Error> corrupt(Codec codec, std::string_view why) {
  return fail(Code::corrupt, fmt::format("{} data cannot be decompressed: {}", name(codec), why));
}

std::unexpected<Error> too_large(std::size_t bytes_max) {
  return fail(Code::limit_exceeded,
              fmt::format("a batch was not decompressed: it grows beyond {} bytes", bytes_max));
}

// Xerial's stream around snappy: this magic, a version, the lowest compatible version, then blocks.
constexpr std::array<std::uint8_t, 8> xerial_magic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t xerial_header_bytes = 16;

bool is_xerial(BytesView in) {
  return in.size() >= xerial_header_bytes &&
         std::memcmp(in.data(), xerial_magic.data(), xerial_magic.size()) == 0;
}

struct Lz4Free {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};
struct ZstdFree {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct InflateFree {
  void operator()(z_stream* stream) const {
    inflateEnd(stream);
    delete stream;
  }
};

}  // namespace

void RawBuffer::reserve(std::size_t bytes, std::size_t keep) {
  if (data_ != nullptr && bytes <= capacity_) return;
  std::unique_ptr<std::byte[]> grown{new std::byte[bytes + padding_bytes]};
  if (keep > 0) std::memcpy(grown.get(), data_.get(), keep);
  data_ = std::move(grown);
  capacity_ = bytes;
}

struct Decompressor::Contexts {
  std::unique_ptr<LZ4F_dctx, Lz4Free> lz4;
  std::unique_ptr<ZSTD_DCtx, ZstdFree> zstd;
  std::unique_ptr<z_stream, InflateFree> gzip;
};

Decompressor::Decompressor(DecompressLimits limits)
    : limits_(limits), contexts_(std::make_unique<Contexts>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

std::size_t Decompressor::output_bytes_max(std::size_t in_bytes) const {
  const std::size_t by_ratio =
      in_bytes > limits_.bytes_max / limits_.ratio_max ? limits_.bytes_max : in_bytes * limits_.ratio_max;
  return std::min(limits_.bytes_max, std::max(by_ratio, limits_.bytes_floor));
}

Result<BytesView> Decompressor::decompress(Codec codec, BytesView in) {
  if (codec == Codec::none) return in;
  if (out_.capacity() > keep_bytes_max && out_bytes_ < out_.capacity() / 4) out_ = RawBuffer{};
  const std::size_t bytes_max = output_bytes_max(in.size());
  SLUICE_TRY(grow(0, std::min(bytes_max, std::max(first_bytes, in.size() * 4)), bytes_max));
  Result<std::size_t> bytes =
      fail(Code::unsupported, fmt::format("codec {} is unknown", static_cast<int>(codec)));
  if (codec == Codec::gzip) bytes = gunzip(in, bytes_max);
  if (codec == Codec::snappy) bytes = unsnappy(in, bytes_max);
  if (codec == Codec::lz4) bytes = unlz4(in, bytes_max);
  if (codec == Codec::zstd) bytes = unzstd(in, bytes_max);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  out_bytes_ = *bytes;
  std::memset(out_.data() + out_bytes_, 0, padding_bytes);
  return BytesView{out_.data(), out_bytes_};
}

// Makes room for `wanted` bytes at least, and twice what there is if that is more, but never beyond the
// limit.
Result<void> Decompressor::grow(std::size_t used, std::size_t wanted, std::size_t bytes_max) {
  if (out_.data() != nullptr && wanted <= out_.capacity()) return {};
  if (wanted > bytes_max) return too_large(bytes_max);
  out_.reserve(std::min(bytes_max, std::max(wanted, out_.capacity() * 2)), used);
  return {};
}

Result<std::size_t> Decompressor::gunzip(BytesView in, std::size_t bytes_max) {
  if (!contexts_->gzip) {
    auto stream = std::make_unique<z_stream>();
    if (inflateInit2(stream.get(), 15 + 16) != Z_OK) return corrupt(Codec::gzip, "no memory");
    contexts_->gzip.reset(stream.release());
  }
  z_stream& stream = *contexts_->gzip;
  inflateReset(&stream);
  // zlib does not write there; its interface is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  std::size_t used = 0;
  while (true) {
    if (used == std::min(out_.capacity(), bytes_max)) SLUICE_TRY(grow(used, used + 1, bytes_max));
    const std::size_t room = std::min<std::size_t>(std::min(out_.capacity(), bytes_max) - used, 1u << 30);
    stream.next_out = reinterpret_cast<Bytef*>(out_.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = room - stream.avail_out;
    used += made;
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return used;
      inflateReset(&stream);  // another member follows, as gzip allows
    } else if (status != Z_OK && !(status == Z_BUF_ERROR && stream.avail_out == 0)) {
      return corrupt(Codec::gzip, status == Z_BUF_ERROR ? "it is cut short" : "it is damaged");
    } else if (made == 0 && stream.avail_in == 0) {
      return corrupt(Codec::gzip, "it is cut short");
    }
  }
}

Result<std::size_t> Decompressor::unsnappy_block(BytesView block, std::size_t used, std::size_t bytes_max) {
  const char* const data = reinterpret_cast<const char*>(block.data());
  std::size_t bytes = 0;
  if (snappy_uncompressed_length(data, block.size(), &bytes) != SNAPPY_OK) {
    return corrupt(Codec::snappy, "it does not say its length");
  }
  if (bytes > block.size() * snappy_ratio_max + 64)
    return corrupt(Codec::snappy, "its length cannot be true");
  if (bytes > bytes_max - used) return too_large(bytes_max);
  SLUICE_TRY(grow(used, used + bytes, bytes_max));
  if (snappy_uncompress(data, block.size(), reinterpret_cast<char*>(out_.data() + used), &bytes) !=
      SNAPPY_OK) {
    return corrupt(Codec::snappy, "it is damaged");
  }
  return used + bytes;
}

Result<std::size_t> Decompressor::unsnappy(BytesView in, std::size_t bytes_max) {
  if (!is_xerial(in)) return unsnappy_block(in, 0, bytes_max);
  std::size_t used = 0;
  in = in.subspan(xerial_header_bytes);
  while (!in.empty()) {
    if (in.size() < 4) return corrupt(Codec::snappy, "it is cut short");
    const auto length = load_be<std::uint32_t>(in.data());
    in = in.subspan(4);
    if (length > in.size()) return corrupt(Codec::snappy, "a block is cut short");
    used = SLUICE_TRY(unsnappy_block(in.first(length), used, bytes_max));
    in = in.subspan(length);
  }
  return used;
}

Result<std::size_t> Decompressor::unlz4(BytesView in, std::size_t bytes_max) {
  if (!contexts_->lz4) {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) {
      return corrupt(Codec::lz4, "no memory");
    }
    contexts_->lz4.reset(context);
  }
  LZ4F_dctx* const context = contexts_->lz4.get();
  // stableDst: what is written stays where it is, so lz4 writes there at once and keeps no copy. Hence a
  // larger buffer means starting again.
  LZ4F_decompressOptions_t options{};
  options.stableDst = 1;
  while (true) {
    LZ4F_resetDecompressionContext(context);
    const std::size_t room = std::min(out_.capacity(), bytes_max);
    std::size_t used = 0;
    std::size_t read = 0;
    std::size_t more = 1;
    while (more != 0 && read < in.size()) {
      std::size_t made = room - used;
      std::size_t taken = in.size() - read;
      more = LZ4F_decompress(context, out_.data() + used, &made, in.data() + read, &taken, &options);
      if (LZ4F_isError(more) != 0) return corrupt(Codec::lz4, LZ4F_getErrorName(more));
      used += made;
      read += taken;
      if (made == 0 && taken == 0) break;  // the buffer is full
    }
    if (more == 0 && read == in.size()) return used;
    if (more == 0) return corrupt(Codec::lz4, "bytes follow its end");
    if (used < room) return corrupt(Codec::lz4, "it is cut short");
    SLUICE_TRY(grow(0, room + 1, bytes_max));
  }
}

Result<std::size_t> Decompressor::unzstd(BytesView in, std::size_t bytes_max) {
  if (!contexts_->zstd) {
    contexts_->zstd.reset(ZSTD_createDCtx());
    if (!contexts_->zstd) return corrupt(Codec::zstd, "no memory");
  }
  const unsigned long long stated = ZSTD_getFrameContentSize(in.data(), in.size());
  if (stated == ZSTD_CONTENTSIZE_ERROR) return corrupt(Codec::zstd, "it has no frame header");
  if (stated != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (stated > bytes_max) return too_large(bytes_max);
    SLUICE_TRY(grow(0, static_cast<std::size_t>(stated), bytes_max));
  }
  // In one go even where the size is not stated: a stream would copy each window once more.
  while (true) {
    const std::size_t room = std::min(out_.capacity(), bytes_max);
    const std::size_t made =
        ZSTD_decompressDCtx(contexts_->zstd.get(), out_.data(), room, in.data(), in.size());
    if (ZSTD_isError(made) == 0) return made;
    if (ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall) {
      return corrupt(Codec::zstd, ZSTD_getErrorName(made));
    }
    SLUICE_TRY(grow(0, room + 1, bytes_max));
  }
}

}  // namespace sluice::record
