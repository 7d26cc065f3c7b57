#include "record/compression.h"

#include <gtest/gtest.h>
#include <snappy-c.h>
#include <zstd.h>

#include <random>

namespace sluice::record {
namespace {

constexpr Codec all_codecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

Bytes text_of(std::size_t bytes, unsigned seed = 1) {
  std::mt19937 random{seed};
  std::string text;
  while (text.size() < bytes)
    text += "{\"carrier\":\"UA\",\"flight\":" + std::to_string(random() % 10000) + "}";
  text.resize(bytes);
  return to_owned(as_bytes(text));
}

Bytes compressed(Codec codec, BytesView in, int level = level_default) {
  Compressor compressor;
  Bytes out;
  const Result<void> done = compressor.compress(codec, level, in, out);
  EXPECT_TRUE(done) << to_string(done.error());
  return out;
}

TEST(Compression, EveryCodecGivesBackWhatItWasGivenAtEverySize) {
  Decompressor decompressor;
  for (const Codec codec : all_codecs) {
    for (const std::size_t bytes : {0u, 1u, 63u, 1000u, 32768u, 32769u, 65536u, 300000u, 3000000u}) {
      const Bytes in = text_of(bytes);
      const Bytes packed = compressed(codec, in);
      const Result<BytesView> out = decompressor.decompress(codec, packed);
      ASSERT_TRUE(out) << name(codec) << bytes << to_string(out.error());
      ASSERT_TRUE(std::ranges::equal(*out, in)) << name(codec) << bytes;
    }
  }
}

TEST(Compression, OutputIsFollowedByReadablePadding) {
  Decompressor decompressor;
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const BytesView out = *decompressor.decompress(codec, compressed(codec, text_of(64 << 10)));
    for (std::size_t i = 0; i < padding_bytes; ++i) ASSERT_EQ(*(out.data() + out.size() + i), std::byte{0});
  }
}

TEST(Compression, ASnappyBlockWithoutXerialFramesIsRead) {
  const Bytes in = text_of(100000);
  Bytes packed(snappy_max_compressed_length(in.size()));
  std::size_t bytes = packed.size();
  snappy_compress(reinterpret_cast<const char*>(in.data()), in.size(), reinterpret_cast<char*>(packed.data()),
                  &bytes);
  packed.resize(bytes);
  Decompressor decompressor;
  EXPECT_TRUE(std::ranges::equal(*decompressor.decompress(Codec::snappy, packed), in));
}

TEST(Compression, AZstdFrameWithoutContentSizeIsRead) {
  const Bytes in = text_of(1 << 20);
  Bytes packed(ZSTD_compressBound(in.size()));
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), in.data(), in.size()));
  ZSTD_freeCCtx(context);
  ASSERT_EQ(ZSTD_getFrameContentSize(packed.data(), packed.size()), ZSTD_CONTENTSIZE_UNKNOWN);
  Decompressor decompressor;
  EXPECT_TRUE(std::ranges::equal(*decompressor.decompress(Codec::zstd, packed), in));
}

TEST(Compression, ABombIsRefusedByTheAbsoluteLimit) {
  Decompressor decompressor{{.bytes_max = 1 << 20, .ratio_max = 1 << 30, .bytes_floor = 0}};
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const Result<BytesView> out = decompressor.decompress(codec, compressed(codec, Bytes((1 << 20) + 1)));
    ASSERT_FALSE(out) << name(codec);
    EXPECT_EQ(out.error().code, Code::limit_exceeded) << name(codec) << out.error().message;
    EXPECT_TRUE(decompressor.decompress(codec, compressed(codec, Bytes(1 << 20)))) << name(codec);
  }
}

TEST(Compression, ABombIsRefusedByTheRatio) {
  Decompressor decompressor{{.bytes_max = 1 << 30, .ratio_max = 100, .bytes_floor = 1 << 20}};
  for (const Codec codec : {Codec::gzip, Codec::lz4, Codec::zstd}) {
    const Result<BytesView> out = decompressor.decompress(codec, compressed(codec, Bytes(8 << 20)));
    ASSERT_FALSE(out) << name(codec);
    EXPECT_EQ(out.error().code, Code::limit_exceeded) << name(codec);
  }
}

TEST(Compression, AnyCutAndAnyFlippedBitGivesAnErrorOrOtherBytesButNeverHarm) {
  const Bytes in = text_of(2000);
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    Decompressor decompressor;
    Bytes packed = compressed(codec, in);
    for (std::size_t cut = 0; cut < packed.size(); ++cut) {
      const Result<BytesView> out = decompressor.decompress(codec, BytesView{packed}.first(cut));
      if (out) {
        ASSERT_LT(out->size(), in.size()) << name(codec) << cut;
      }
    }
    for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
      packed[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
      const Result<BytesView> out = decompressor.decompress(codec, packed);
      if (out) {
        ASSERT_LE(out->size(), std::size_t{16} << 20);
      }
      packed[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    }
    ASSERT_TRUE(std::ranges::equal(*decompressor.decompress(codec, packed), in))
        << "contexts recover from errors";
  }
}

TEST(Compression, LevelsAreHandedToTheCodecAndAWrongOneIsRefused) {
  const Bytes in = text_of(200000);
  EXPECT_LT(compressed(Codec::zstd, in, 9).size(), compressed(Codec::zstd, in, 1).size());
  EXPECT_LT(compressed(Codec::gzip, in, 9).size(), compressed(Codec::gzip, in, 1).size());
  Bytes out;
  EXPECT_EQ(Compressor{}.compress(Codec::gzip, 77, in, out).error().code, Code::invalid_argument);
}

TEST(Compression, AnUnknownCodecIsRefused) {
  Decompressor decompressor;
  EXPECT_EQ(decompressor.decompress(static_cast<Codec>(5), text_of(10)).error().code, Code::unsupported);
}

}  // namespace
}  // namespace sluice::record
