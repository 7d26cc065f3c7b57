#include "lake/codec.h"

#include <charconv>
#include <optional>

namespace sluice::lake {
namespace {
struct Row {
  std::string_view name;
  Codec::Kind kind;
  int level_default;
  int level_max;  // 0: has no levels
};
constexpr Row rows[] = {{"none", Codec::Kind::none, 0, 0},
                        {"snappy", Codec::Kind::snappy, 0, 0},
                        {"lz4", Codec::Kind::lz4, 0, 0},
                        {"zstd", Codec::Kind::zstd, 1, 22},
                        {"gzip", Codec::Kind::gzip, 6, 9}};

std::optional<int> parse_level(std::string_view text, int max) {
  int level = 0;
  const auto [p, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (error != std::errc{} || p != text.data() + text.size() || level < 1 || level > max) return std::nullopt;
  return level;
}
}  // namespace

Result<Codec> parse_codec(std::string_view text) {
  const auto colon = text.find(':');
  for (const Row& row : rows) {
    if (row.name != text.substr(0, colon)) continue;
    if (colon == std::string_view::npos) return Codec{row.kind, row.level_default};
    if (const auto level = parse_level(text.substr(colon + 1), row.level_max)) return Codec{row.kind, *level};
  }
  return fail(Code::invalid_argument,
              "nothing was done: no codec is called '" + std::string(text.substr(0, 40)) + "'",
              "use none, snappy, lz4, zstd, zstd:1 to zstd:22, gzip, or gzip:1 to gzip:9");
}

std::string to_string(Codec codec) {
  for (const Row& row : rows)
    if (row.kind == codec.kind)
      return row.level_max == 0 ? std::string(row.name)
                                : std::string(row.name) + ":" + std::to_string(codec.level);
  return "unknown";
}

}  // namespace sluice::lake
