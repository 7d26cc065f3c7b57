#include "wire/reader.h"

#include <gtest/gtest.h>

#include "wire/writer.h"

namespace sluice::wire {
namespace {

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST(Reader, OnceBadItStaysBadAndGivesNothing) {
  const Bytes bytes = bytes_of({0, 0, 0, 7, 1});
  Reader reader(bytes);
  EXPECT_EQ(reader.int32(), 7);
  EXPECT_EQ(reader.int16(), 0) << "one byte is left";
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.int8(), 0) << "the byte that would have fitted";
  EXPECT_EQ(reader.string(true), "");
  EXPECT_FALSE(reader.nullable_bytes(false, true).has_value());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Reader, AStringLongerThanWhatRemainsIsRefused) {
  const Bytes classic = bytes_of({0x7f, 0xff, 'a', 'b'});
  Reader a(classic);
  EXPECT_EQ(a.string(false), "");
  EXPECT_FALSE(a.ok());
  const Bytes compact = bytes_of({4, 'a', 'b'});
  Reader b(compact);
  EXPECT_EQ(b.string(true), "");
  EXPECT_FALSE(b.ok());
}

TEST(Reader, NullIsRefusedWhereItIsNotAllowed) {
  const Bytes compact_null = bytes_of({0});
  Reader allowed(compact_null);
  EXPECT_FALSE(allowed.nullable_string(true, true).has_value());
  EXPECT_TRUE(allowed.finished());
  Reader refused(compact_null);
  refused.string(true);
  EXPECT_FALSE(refused.ok());
  const Bytes minus_two = bytes_of({0xff, 0xfe});
  Reader negative(minus_two);
  negative.nullable_string(false, true);
  EXPECT_FALSE(negative.ok()) << "only -1 means null";
}

TEST(Reader, AnArrayMustFitIntoWhatRemains) {
  const Bytes bytes = bytes_of({0, 0, 0, 3, 1, 2, 3, 4, 5, 6});
  Reader two_each(bytes);
  EXPECT_EQ(two_each.array_length(false, 2, 8), 3u);
  EXPECT_TRUE(two_each.ok());
  Reader four_each(bytes);
  EXPECT_EQ(four_each.array_length(false, 4, 8), 0u);
  EXPECT_FALSE(four_each.ok());
}

TEST(Reader, TagsAreSkippedWithinTheirBounds) {
  const Bytes bytes = bytes_of({2, 0, 1, 'x', 5, 2, 'y', 'z', 42});
  Reader reader(bytes);
  reader.skip_tags();
  EXPECT_EQ(reader.int8(), 42);
  EXPECT_TRUE(reader.finished());
}

TEST(Reader, TagsThatDoNotAscendAreRefused) {
  for (const int second : {3, 2}) {
    const Bytes bytes = bytes_of({2, 3, 0, second, 0});
    Reader reader(bytes);
    reader.skip_tags();
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Reader, ATagMayNotReachPastItsStructure) {
  const Bytes bytes = bytes_of({1, 0, 9, 'x'});
  Reader reader(bytes);
  reader.skip_tags();
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, ATagsValueMustFillItsSizeExactly) {
  const Bytes bytes = bytes_of({1, 0, 3, 0, 7, 0, 99});
  Reader reader(bytes);
  for (TagsReader tags(reader); tags.next();) EXPECT_EQ(reader.int16(), 7);
  EXPECT_FALSE(reader.ok()) << "the value took two of three bytes";
  Reader greedy(bytes);
  for (TagsReader tags(greedy); tags.next();) greedy.int32();
  EXPECT_FALSE(greedy.ok()) << "a value must not read into what follows its tag";
}

TEST(Reader, MoreTagsThanTheLimitAreRefused) {
  const Bytes bytes = bytes_of({3, 0, 0, 1, 0, 2, 0});
  Reader reader(bytes, {.tags_max = 2});
  reader.skip_tags();
  EXPECT_FALSE(reader.ok());
}

TEST(Writer, LargeBytesAreLentNotCopied) {
  const Bytes large(Writer::borrow_bytes_min, std::byte{7});
  const Bytes small(10, std::byte{1});
  Writer writer;
  writer.begin_frame();
  writer.bytes(large, false);
  writer.bytes(small, false);
  writer.bytes(large, true);
  writer.end_frame();
  ASSERT_TRUE(writer.ok());
  const auto parts = writer.parts();
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[1].data(), large.data());
  EXPECT_EQ(parts[3].data(), large.data());
  std::size_t total = 0;
  for (const BytesView part : parts) total += part.size();
  EXPECT_EQ(total, writer.size());

  const Bytes whole = writer.to_bytes();
  EXPECT_EQ(load_be<std::int32_t>(whole.data()), static_cast<std::int32_t>(whole.size() - 4));
  Reader reader(BytesView(whole).subspan(4));
  EXPECT_EQ(to_owned(reader.bytes(false)), large);
  EXPECT_EQ(to_owned(reader.bytes(false)), small);
  EXPECT_EQ(to_owned(reader.bytes(true)), large);
  EXPECT_TRUE(reader.finished());
}

TEST(Writer, AStringThatItsLengthCannotHoldMakesItBad) {
  const std::string longest(32767, 'x');
  for (const bool compact : {false, true}) {
    Writer fits;
    fits.string(longest, compact);
    EXPECT_TRUE(fits.ok());
    Writer too_long;
    too_long.string(longest + "x", compact);
    EXPECT_FALSE(too_long.ok());
  }
}

TEST(Writer, LentBytesWithinATagStandWhereTheyBelong) {
  const Bytes large(Writer::borrow_bytes_min, std::byte{7});
  Writer writer;
  TagsWriter tags(writer);
  tags.begin(2).bytes(large, true);
  tags.begin(4).int8(9);
  tags.finish();
  const Bytes whole = writer.to_bytes();
  Reader reader(whole);
  TagsReader read(reader);
  ASSERT_TRUE(read.next());
  EXPECT_EQ(read.tag(), 2u);
  EXPECT_EQ(to_owned(reader.bytes(true)), large);
  ASSERT_TRUE(read.next());
  EXPECT_EQ(read.tag(), 4u);
  EXPECT_EQ(reader.int8(), 9);
  EXPECT_FALSE(read.next());
  EXPECT_TRUE(reader.finished());
}

}  // namespace
}  // namespace sluice::wire
