#include "positions/file_store.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/crc32c.h"

namespace sluice::positions {
namespace {

constexpr std::string_view header = "sluice.positions/1\n";
constexpr std::string_view checksum_prefix = "crc32c ";
constexpr std::size_t checksum_line_bytes = checksum_prefix.size() + 8 + 1;
constexpr std::uint64_t file_bytes_max = 64u << 20;

std::unexpected<Error> wrong(std::string_view what) {
  return base::fail(Code::corrupt, fmt::format("the positions were not read: {}", what),
                    "remove the file: positions are found again in the table itself");
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0;
}

/// "TOPIC PARTITION OFFSET" of one line.
bool parse_line(std::string_view line, TopicPartition& which, Offset& offset) {
  const std::size_t second = line.rfind(' ');
  if (second == std::string_view::npos || second == 0) return false;
  const std::size_t first = line.rfind(' ', second - 1);
  if (first == std::string_view::npos || first == 0) return false;
  which.topic = line.substr(0, first);
  return which.topic.find(' ') == std::string::npos &&
         parse_number(line.substr(first + 1, second - first - 1), which.partition.value) &&
         parse_number(line.substr(second + 1), offset.value);
}

}  // namespace

std::string encode(const Positions& positions) {
  std::string text{header};
  for (const auto& [which, offset] : positions) {
    text += fmt::format("{} {} {}\n", which.topic, which.partition.value, offset.value);
  }
  text += fmt::format("{}{:08x}\n", checksum_prefix, base::crc32c(as_bytes(text)));
  return text;
}

Result<Positions> decode(std::string_view text) {
  if (text.size() < header.size() + checksum_line_bytes || !text.starts_with(header))
    return wrong("the file has another format");
  std::string_view body = text.substr(0, text.size() - checksum_line_bytes);
  Positions positions;
  for (std::string_view rest = body.substr(header.size()); !rest.empty();) {
    const std::size_t length = rest.find('\n');
    TopicPartition which;
    Offset offset;
    if (length == std::string_view::npos || !parse_line(rest.substr(0, length), which, offset))
      return wrong("a line is not a position");
    positions[which] = offset;
    rest.remove_prefix(length + 1);
  }
  if (encode(positions) != text) return wrong("it does not match its checksum, or is not in order");
  return positions;
}

FileStore::FileStore(env::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

Result<Positions> FileStore::load() {
  const auto bytes = files_.read_file(path_, file_bytes_max);
  if (bytes) return decode(as_text(*bytes));
  if (bytes.error().code == Code::not_found) return Positions{};
  return std::unexpected(bytes.error());
}

Result<void> FileStore::advance(const Positions& positions) {
  const std::lock_guard turn(advancing_);
  const auto lock = SLUICE_TRY(files_.lock(path_ + ".lock"));
  // A file that cannot be read is only a hint that is lost.
  Positions stored = load().value_or(Positions{});
  bool moved = false;
  for (const auto& [which, offset] : positions) {
    const auto [at, added] = stored.emplace(which, offset);
    moved = moved || added || at->second < offset;
    if (at->second < offset) at->second = offset;
  }
  if (!moved) return {};
  return files_.replace_file_durable(path_, as_bytes(encode(stored)));
}

Result<void> FileStore::change(const Positions& set, const std::set<TopicPartition>& removed) {
  const std::lock_guard turn(advancing_);
  const auto lock = SLUICE_TRY(files_.lock(path_ + ".lock"));
  Positions stored = SLUICE_TRY(load());
  for (const auto& which : removed) stored.erase(which);
  for (const auto& [which, offset] : set) stored[which] = offset;
  return files_.replace_file_durable(path_, as_bytes(encode(stored)));
}

}  // namespace sluice::positions
