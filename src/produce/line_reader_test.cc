#include "produce/line_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sluice::produce {
namespace {

/// Everything the reader gives for `content`: each line, or "<too long>".
std::vector<std::string> lines_of(const std::string& content, std::size_t line_bytes_max = 1000) {
  const int fd = memfd_create("lines", MFD_CLOEXEC);
  EXPECT_EQ(::pwrite(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  LineReader reader(fd, "lines", line_bytes_max);
  std::vector<std::string> out;
  while (const auto line = reader.next({}).value()) {
    EXPECT_EQ(line->number, out.size() + 1);
    out.emplace_back(line->too_long ? "<too long>" : as_text(line->bytes));
  }
  close(fd);
  return out;
}

TEST(LineReader, AnEmptyInputHasNoLines) {
  EXPECT_TRUE(lines_of("").empty());
}

TEST(LineReader, ALastLineWithoutItsEndCountsAndEmptyLinesDoToo) {
  EXPECT_EQ(lines_of("a\n\nb"), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\n\n"), (std::vector<std::string>{"a", ""}));
}

TEST(LineReader, ALineOfExactlyTheBoundIsReadAndOneMoreByteIsNot) {
  const std::string fits(1000, 'x');
  EXPECT_EQ(lines_of(fits + "\nnext\n"), (std::vector<std::string>{fits, "next"}));
  EXPECT_EQ(lines_of(fits), (std::vector<std::string>{fits}));
  EXPECT_EQ(lines_of(fits + "y\nnext\n"), (std::vector<std::string>{"<too long>", "next"}));
  EXPECT_EQ(lines_of(fits + "y"), (std::vector<std::string>{"<too long>"}));
}

TEST(LineReader, ALineManyTimesTheBoundIsSkippedInBoundedMemory) {
  const std::string huge(100'000, 'x');
  EXPECT_EQ(lines_of("a\n" + huge + "\nb\n"), (std::vector<std::string>{"a", "<too long>", "b"}));
}

TEST(LineReader, LinesAcrossManyBuffersComeOutWhole) {
  std::string content;
  std::vector<std::string> expected;
  for (int i = 0; i < 20'000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i % 97), 'a') + std::to_string(i));
    content += expected.back() + "\n";
  }
  EXPECT_EQ(lines_of(content, 300'000), expected);
}

TEST(LineReader, WaitingForAPipeThatStaysOpenCanBeEnded) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  LineReader reader(ends[0], "pipe", 1000);
  ASSERT_EQ(write(ends[1], "a\nhalf", 6), 6);
  EXPECT_EQ(as_text(reader.next({}).value()->bytes), "a");
  const auto stopped = reader.next([] { return false; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Code::interrupted);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace sluice::produce
