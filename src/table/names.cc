#include "table/names.h"

#include <fmt/format.h>

#include <limits>

namespace sluice::table {
namespace {

constexpr std::size_t padded_bytes = 20;

std::string chain_dir(std::string_view kind, ChainId chain) {
  return fmt::format("_sluice/{}/{}/{}", kind, to_string(chain.topic_id), chain.partition.value);
}

std::string range_text(ChainId chain, OffsetRange range) {
  return fmt::format("{}-{:05}-{}-{}", to_string(chain.topic_id), chain.partition.value, padded(range.begin),
                     padded(range.end));
}

}  // namespace

std::string schema_name(std::int32_t version) {
  return fmt::format("_sluice/schema/{}.json", version);
}

std::string commits_dir(ChainId chain) {
  return chain_dir("commits", chain);
}

std::string commit_name(ChainId chain, Offset begin, bool first) {
  return commits_dir(chain) + "/" + (first ? std::string(first_commit) : padded(begin));
}

std::string checkpoints_dir(ChainId chain) {
  return chain_dir("checkpoints", chain);
}

std::string checkpoint_name(ChainId chain, Offset end) {
  return checkpoints_dir(chain) + "/" + padded(end);
}

std::string temporaries_dir(ChainId chain) {
  return chain_dir("tmp", chain);
}

std::string temporary_name(ChainId chain, Offset begin, std::string_view nonce, int number,
                           std::string_view kind) {
  return fmt::format("{}/{}-{}-{}.{}", temporaries_dir(chain), padded(begin), nonce, number, kind);
}

std::optional<Offset> temporary_begin(std::string_view last_part) {
  if (last_part.size() <= padded_bytes || last_part[padded_bytes] != '-') return std::nullopt;
  return parse_padded(last_part.substr(0, padded_bytes));
}

std::string data_file_name(std::string_view hive_dir, ChainId chain, OffsetRange range, int number) {
  std::string name{hive_dir};
  if (!name.empty()) name += '/';
  // "part-" in front: a topic id may begin with '_', and readers skip names that do.
  name += "part-" + range_text(chain, range);
  if (number > 0) name += fmt::format("-{}", number);
  return name + ".parquet";
}

std::string quarantine_file_name(ChainId chain, OffsetRange range) {
  return "_sluice/quarantine/" + range_text(chain, range) + ".jsonl";
}

std::string padded(Offset offset) {
  return fmt::format("{:020}", offset.value);
}

std::optional<Offset> parse_padded(std::string_view text) {
  if (text.size() != padded_bytes) return std::nullopt;
  std::uint64_t value =
      0;  // 20 digits may exceed 64 bits, but then they exceed INT64_MAX before the last one
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 10)
      return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return Offset{static_cast<std::int64_t>(value)};
}

}  // namespace sluice::table
