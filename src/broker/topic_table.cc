#include "broker/topic_table.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/names.h"

namespace sluice::broker {
namespace {

constexpr std::string_view first_line = "sluice-topics 1";
constexpr std::uint64_t table_bytes_max = 256u << 20;

/// Takes the text up to `separator` (or the end) off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view word = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return word;
}

bool parse_int(std::string_view text, std::int32_t& v) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  return error == std::errc{} && end == text.data() + text.size() && v >= 0;
}

std::unexpected<Error> bad_line(std::string_view line) {
  return fail(Code::corrupt, fmt::format("the list of topics has a line that cannot be read: '{}'", line));
}

Result<void> parse_topic(std::string_view rest, TopicTable& table) {
  const std::string_view line = rest;
  TopicEntry entry;
  const std::string_view state = take(rest, ' ');
  const bool fits = parse_uuid(take(rest, ' '), entry.id) &&
                    parse_int(take(rest, ' '), entry.partition_count) &&
                    parse_int(take(rest, ' '), entry.created_in_start);
  if (!fits || (state != "live" && state != "deleted")) return bad_line(line);
  entry.deleted = state == "deleted";
  entry.name = rest;
  SLUICE_TRY(log::check_topic_name(entry.name));
  table.topics.push_back(std::move(entry));
  return {};
}

}  // namespace

std::string encode(const TopicTable& table) {
  std::string text = fmt::format("{}\nstarts {}\n", first_line, table.starts);
  for (const TopicEntry& topic : table.topics) {
    text += fmt::format("topic {} {} {} {} {}\n", topic.deleted ? "deleted" : "live", to_string(topic.id),
                        topic.partition_count, topic.created_in_start, topic.name);
    for (const auto& [name, value] : topic.values) text += fmt::format("config {}={}\n", name, value);
  }
  text += fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text)));
  return text;
}

Result<TopicTable> parse_topic_table(std::string_view text) {
  const auto last = text.rfind("crc32c ");
  if (last == std::string_view::npos ||
      text.substr(last) != fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text.substr(0, last)))))
    return fail(Code::corrupt, "the list of topics does not have its checksum; it was not used");
  text = text.substr(0, last);
  if (take(text, '\n') != first_line)
    return fail(Code::unsupported, "the list of topics was written by another version; it was not used");
  TopicTable table;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    std::string_view rest = line;
    const std::string_view word = take(rest, ' ');
    if (word == "starts") {
      if (!parse_int(rest, table.starts)) return bad_line(line);
    } else if (word == "topic") {
      SLUICE_TRY(parse_topic(rest, table));
    } else if (word == "config" && !table.topics.empty() && rest.find('=') != std::string_view::npos) {
      const std::string_view name = take(rest, '=');
      table.topics.back().values.emplace(name, rest);
    } else {
      return bad_line(line);
    }
  }
  return table;
}

Result<TopicTable> read_topic_table(env::FileSystem& fs, const std::string& data_dir) {
  const Bytes content = SLUICE_TRY(fs.read_file(env::join(data_dir, topic_table_name), table_bytes_max));
  auto table = parse_topic_table(as_text(content));
  if (!table) return std::unexpected(std::move(table.error()).in(env::join(data_dir, topic_table_name)));
  return table;
}

Result<void> write_topic_table(env::FileSystem& fs, const std::string& data_dir, const TopicTable& table) {
  return fs.replace_file_durable(env::join(data_dir, topic_table_name), as_bytes(encode(table)));
}

}  // namespace sluice::broker
