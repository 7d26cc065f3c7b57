#include <fmt/format.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "record/compression.h"

namespace sluice::record {
namespace {

constexpr std::size_t xerial_block_bytes = 32 << 10;  // as the Java clients cut it
// The magic, version 1, compatible with version 1.
constexpr std::array<std::uint8_t, 16> xerial_header = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                        0,    0,   0,   1,   0,   0,   0,   1};

std::unexpected<Error> failed(Codec codec, std::string_view why) {
  return fail(Code::invalid_argument,
              fmt::format("a batch was not compressed with {}: {}", name(codec), why));
}

struct ZstdFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Result<void> gzip(int level, BytesView in, Bytes& out) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return failed(Codec::gzip, "its level is -1 or 0 to 9");
  }
  const std::size_t at = out.size();
  const std::size_t room = deflateBound(&stream, in.size());
  out.resize(at + room);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + at);
  stream.avail_out = static_cast<uInt>(room);
  const int status = deflate(&stream, Z_FINISH);
  out.resize(at + room - stream.avail_out);
  deflateEnd(&stream);
  return status == Z_STREAM_END ? Result<void>{} : failed(Codec::gzip, "deflate did not end");
}

Result<void> snappy(BytesView in, Bytes& out) {
  out.insert(out.end(), reinterpret_cast<const std::byte*>(xerial_header.begin()),
             reinterpret_cast<const std::byte*>(xerial_header.end()));
  while (!in.empty()) {
    const BytesView block = in.first(std::min(in.size(), xerial_block_bytes));
    in = in.subspan(block.size());
    const std::size_t at = out.size();
    std::size_t bytes = snappy_max_compressed_length(block.size());
    out.resize(at + 4 + bytes);
    if (snappy_compress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(out.data() + at + 4), &bytes) != SNAPPY_OK) {
      return failed(Codec::snappy, "no room");
    }
    store_be(out.data() + at, static_cast<std::uint32_t>(bytes));
    out.resize(at + 4 + bytes);
  }
  return {};
}

}  // namespace

struct Compressor::Contexts {
  std::unique_ptr<ZSTD_CCtx, ZstdFree> zstd;
};

Compressor::Compressor() : contexts_(std::make_unique<Contexts>()) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

Result<void> Compressor::compress(Codec codec, int level, BytesView in, Bytes& out) {
  if (in.size() > std::numeric_limits<std::int32_t>::max())
    return failed(codec, "it is larger than 2^31 - 1 bytes");
  const std::size_t at = out.size();
  switch (codec) {
    case Codec::none:
      out.insert(out.end(), in.begin(), in.end());
      return {};
    case Codec::gzip:
      return gzip(level == level_default ? Z_DEFAULT_COMPRESSION : level, in, out);
    case Codec::snappy:
      return snappy(in, out);
    case Codec::lz4: {
      // Blocks of 64 KiB that stand alone: the only ones that the Java clients read.
      LZ4F_preferences_t preferences{};
      preferences.frameInfo.blockSizeID = LZ4F_max64KB;
      preferences.frameInfo.blockMode = LZ4F_blockIndependent;
      preferences.compressionLevel = level == level_default ? 0 : level;
      out.resize(at + LZ4F_compressFrameBound(in.size(), &preferences));
      const std::size_t bytes =
          LZ4F_compressFrame(out.data() + at, out.size() - at, in.data(), in.size(), &preferences);
      if (LZ4F_isError(bytes) != 0) return failed(codec, LZ4F_getErrorName(bytes));
      out.resize(at + bytes);
      return {};
    }
    case Codec::zstd: {
      if (!contexts_->zstd) contexts_->zstd.reset(ZSTD_createCCtx());
      out.resize(at + ZSTD_compressBound(in.size()));
      const std::size_t bytes =
          ZSTD_compressCCtx(contexts_->zstd.get(), out.data() + at, out.size() - at, in.data(), in.size(),
                            level == level_default ? ZSTD_CLEVEL_DEFAULT : level);
      if (ZSTD_isError(bytes) != 0) return failed(codec, ZSTD_getErrorName(bytes));
      out.resize(at + bytes);
      return {};
    }
  }
  return fail(Code::unsupported, fmt::format("codec {} is unknown", static_cast<int>(codec)));
}

}  // namespace sluice::record
