#include "cli/ingest_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cli/command.h"

#define TOML_EXCEPTIONS 0
// The library asserts what it has not checked of the text: '[!' would end the process. Its parser goes on to
// say what is wrong there, if it is let.
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

namespace sluice::cli {
namespace {

constexpr std::int64_t config_version = 1;

enum class Kind : std::uint8_t { text, number, size, flag, list };

struct Key {
  std::string_view name;
  Kind kind;
};
constexpr std::array ingest_keys = {
    Key{"topic", Kind::text},         Key{"lake", Kind::text},           Key{"bootstrap_server", Kind::text},
    Key{"partition_by", Kind::list},  Key{"roll_records", Kind::number}, Key{"roll_bytes", Kind::size},
    Key{"roll_interval", Kind::size}, Key{"codec", Kind::text},          Key{"schema", Kind::text},
    Key{"until", Kind::text},         Key{"memory_max", Kind::size},     Key{"threads", Kind::number},
    Key{"accept_gap", Kind::flag},
};

std::unexpected<Error> wrong(std::string_view file, const toml::source_region& at, std::string_view what,
                             std::string hint = {}) {
  return base::fail(
      Code::invalid_argument,
      fmt::format("{} line {} was not accepted: {}; nothing was done", file, at.begin.line, what),
      std::move(hint));
}

std::unexpected<Error> unknown(std::string_view file, const toml::key& key, std::string_view place,
                               const std::vector<std::string>& known) {
  const std::string meant = nearest(key.str(), known);
  return wrong(file, key.source(), fmt::format("unknown key '{}' {}", key.str(), place),
               meant.empty() ? "the keys are: " + fmt::format("{}", fmt::join(known, ", "))
                             : "did you mean " + meant + "?");
}

/// The text of a value as the flag would take it; nothing where its type does not fit.
std::optional<std::string> text_of(const toml::node& node, Kind kind) {
  if (kind == Kind::flag) {
    const auto value = node.value_exact<bool>();
    return value ? std::optional<std::string>(*value ? "true" : "false") : std::nullopt;
  }
  if (kind == Kind::number || kind == Kind::size) {
    if (const auto value = node.value_exact<std::int64_t>()) return fmt::format("{}", *value);
    if (kind == Kind::number) return std::nullopt;
  }
  return node.value_exact<std::string>();
}

std::string_view wanted(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "a text in quotes";
    case Kind::number:
      return "a whole number";
    case Kind::size:
      return "a whole number, or a text like \"64MiB\" or \"5m\"";
    case Kind::flag:
      return "true or false";
    case Kind::list:
      return "a text or a list of texts";
  }
  return "another value";
}

Result<std::vector<std::string>> read_value(std::string_view file, const Key& key, const toml::node& node) {
  std::vector<std::string> texts;
  const toml::array* const list = key.kind == Kind::list ? node.as_array() : nullptr;
  if (list != nullptr) {
    for (const toml::node& item : *list) {
      const auto text = text_of(item, Kind::text);
      if (!text) return wrong(file, item.source(), fmt::format("{} takes {}", key.name, wanted(key.kind)));
      texts.push_back(*text);
    }
    return texts;
  }
  const auto text = text_of(node, key.kind == Kind::list ? Kind::text : key.kind);
  if (!text) return wrong(file, node.source(), fmt::format("{} takes {}", key.name, wanted(key.kind)));
  texts.push_back(*text);
  return texts;
}

Result<void> read_ingest(std::string_view file, const toml::table& table, IngestConfig& config) {
  std::vector<std::string> known;
  for (const Key& key : ingest_keys) known.emplace_back(key.name);
  for (const auto& [name, node] : table) {
    const auto key = std::ranges::find(ingest_keys, name.str(), &Key::name);
    if (key == ingest_keys.end()) return unknown(file, name, "in [ingest]", known);
    std::string flag(name.str());
    std::ranges::replace(flag, '_', '-');
    config.flags[flag] = SLUICE_TRY(read_value(file, *key, node));
  }
  return {};
}

Result<void> read_client(std::string_view file, const toml::table& table, IngestConfig& config) {
  for (const auto& [name, node] : table) {
    if (node.is_table()) {
      return wrong(
          file, name.source(),
          fmt::format("'{}' in [client] is a table, because its dots were not in quotes", name.str()),
          "write the whole name in quotes, like \"fetch.max.bytes\" = 8388608");
    }
    std::optional<std::string> text = text_of(node, Kind::size);
    if (!text) text = text_of(node, Kind::flag);
    if (!text)
      return wrong(file, node.source(),
                   fmt::format("{} takes a text, a whole number, true or false", name.str()));
    config.client.emplace_back(name.str(), *text);
  }
  return {};
}

/// Finds what TOML 1.0 allows in quotes and comments only: bytes outside ASCII. toml++ 3.3 runs into code
/// that it holds to be unreachable where a value begins with such a letter.
///
/// Where the text is no TOML for another reason (a string that its line does not end), the search is over:
/// the parser stops there as well, and says it better.
class ForeignLetterSearch {
 public:
  explicit ForeignLetterSearch(std::string_view text) : text_(text) {
    if (text_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
  }

  /// Where the first of them is, from 0; nothing where there is none.
  std::optional<std::size_t> find() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) >= 0x80) return at_;
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        if (!skip_string(c)) return std::nullopt;
      } else {
        ++at_;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

  /// Stands behind the string that begins here with `quote`; false where it does not end.
  bool skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_).starts_with(three);
    const std::string_view end = std::string_view(three).substr(is_long ? 0 : 2);
    at_ += end.size();
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with(end)) {
        at_ += end.size();
        // Two quotes more may stand at the end of a long string, and are part of it.
        for (int i = 0; is_long && i < 2 && at_ < text_.size() && text_[at_] == quote; ++i) ++at_;
        return true;
      }
      if (!is_long && text_[at_] == '\n') return false;
      at_ += text_[at_] == '\\' && quote == '"' ? 2U : 1U;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Result<void> check_letters(std::string_view file, std::string_view text) {
  const auto at = ForeignLetterSearch(text).find();
  if (!at) return {};
  return base::fail(
      Code::invalid_argument,
      fmt::format("{} line {} was not accepted: byte 0x{:02x} stands outside of quotes, where only ASCII "
                  "letters may; nothing was done",
                  file, 1 + std::ranges::count(text.substr(0, *at), '\n'),
                  static_cast<unsigned char>(text[*at])),
      "write it in quotes");
}

}  // namespace

Result<IngestConfig> parse_ingest_config(std::string_view text, std::string_view name) {
  if (text.size() > ingest_config_bytes_max) {
    return base::fail(Code::limit_exceeded,
                      fmt::format("{} was not read: it has {} bytes, more than {}; nothing was done", name,
                                  text.size(), ingest_config_bytes_max));
  }
  SLUICE_TRY(check_letters(name, text));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) return wrong(name, parsed.error().source(), parsed.error().description());
  const std::vector<std::string> known = {"version", "ingest", "client"};
  const toml::table& root = parsed.table();
  IngestConfig config;
  if (root["version"].value_exact<std::int64_t>() != config_version) {
    return wrong(name, root.source(), "it does not say version = 1", "begin the file with: version = 1");
  }
  for (const auto& [key, node] : root) {
    if (key.str() == "version") continue;
    const bool is_ingest = key.str() == "ingest";
    if (!is_ingest && key.str() != "client") return unknown(name, key, "at the top", known);
    const toml::table* const table = node.as_table();
    if (table == nullptr)
      return wrong(name, node.source(), fmt::format("{} is a table: [{}]", key.str(), key.str()));
    SLUICE_TRY(is_ingest ? read_ingest(name, *table, config) : read_client(name, *table, config));
  }
  return config;
}

}  // namespace sluice::cli
