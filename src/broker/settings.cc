#include "broker/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <vector>

#include "base/crc32c.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

constexpr std::string_view first_line = "sluice-settings 1";
constexpr std::uint64_t file_bytes_max = 256u << 20;
constexpr std::string_view empty_word = "%";

// ---- words: no spaces, no line ends, never empty ----

std::string word(std::string_view text) {
  if (text.empty()) return std::string(empty_word);
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<unsigned> hex_pair(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 2 || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool from_word(std::string_view text, std::string& out) {
  out.clear();
  if (text == empty_word) return true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto value = hex_pair(text.substr(i + 1, 2));
    if (!value) return false;
    out += static_cast<char>(*value);
    i += 2;
  }
  return !text.empty();
}

std::string hex(BytesView bytes) {
  std::string out;
  for (const std::byte b : bytes) out += fmt::format("{:02x}", static_cast<unsigned>(b));
  return out.empty() ? std::string(empty_word) : out;
}

bool from_hex(std::string_view text, Bytes& out) {
  out.clear();
  if (text == empty_word) return true;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto value = hex_pair(text.substr(i, 2));
    if (!value) return false;
    out.push_back(static_cast<std::byte>(*value));
  }
  return true;
}

template <class T>
bool from_number(std::string_view text, T& out) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  out = static_cast<T>(value);
  return true;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const auto space = line.find(' ');
    out.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return out;
    line.remove_prefix(space + 1);
  }
}

// ---- lines ----

bool parse_config(const std::vector<std::string_view>& words, SettingsState& state) {
  ConfigResource type{};
  std::string name, key, value;
  if (words.size() != 5 || !from_number(words[1], type) || !from_word(words[2], name) ||
      !from_word(words[3], key) || !from_word(words[4], value))
    return false;
  return state.values[{type, name}].emplace(key, value).second;
}

bool parse_acl(const std::vector<std::string_view>& words, SettingsState& state) {
  Acl acl;
  if (words.size() != 8 || !from_number(words[1], acl.resource_type) ||
      !from_word(words[2], acl.resource_name) || !from_number(words[3], acl.pattern_type) ||
      !from_word(words[4], acl.principal) || !from_word(words[5], acl.host) ||
      !from_number(words[6], acl.operation) || !from_number(words[7], acl.permission))
    return false;
  return state.acls.insert(std::move(acl)).second;
}

bool parse_scram(const std::vector<std::string_view>& words, SettingsState& state) {
  std::string user;
  ScramMechanism mechanism{};
  ScramCredential credential;
  if (words.size() != 7 || !from_word(words[1], user) || !from_number(words[2], mechanism) ||
      !from_number(words[3], credential.iterations) || !from_hex(words[4], credential.salt) ||
      !from_hex(words[5], credential.stored_key) || !from_hex(words[6], credential.server_key))
    return false;
  return state.scram.emplace(std::pair{user, mechanism}, std::move(credential)).second;
}

}  // namespace

std::string encode(const SettingsState& state) {
  std::string text = fmt::format("{}\n", first_line);
  for (const auto& [resource, values] : state.values) {
    for (const auto& [key, value] : values) {
      text += fmt::format("config {} {} {} {}\n", static_cast<int>(resource.first), word(resource.second),
                          word(key), word(value));
    }
  }
  for (const Acl& acl : state.acls) {
    text += fmt::format("acl {} {} {} {} {} {} {}\n", static_cast<int>(acl.resource_type),
                        word(acl.resource_name), static_cast<int>(acl.pattern_type), word(acl.principal),
                        word(acl.host), static_cast<int>(acl.operation), static_cast<int>(acl.permission));
  }
  for (const auto& [user, credential] : state.scram) {
    text += fmt::format("scram {} {} {} {} {} {}\n", word(user.first), static_cast<int>(user.second),
                        credential.iterations, hex(credential.salt), hex(credential.stored_key),
                        hex(credential.server_key));
  }
  text += fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text)));
  return text;
}

Result<SettingsState> parse_settings(std::string_view text) {
  const auto last = text.rfind("crc32c ");
  if (last == std::string_view::npos ||
      text.substr(last) != fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text.substr(0, last)))))
    return fail(Code::corrupt, "the settings do not have their checksum; they were not used");
  text = text.substr(0, last);
  SettingsState state;
  for (bool first = true; !text.empty(); first = false) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (first) {
      if (line != first_line)
        return fail(Code::unsupported, "the settings were written by another version; they were not used");
      continue;
    }
    const auto words = split(line);
    const bool good = words[0] == "config"  ? parse_config(words, state)
                      : words[0] == "acl"   ? parse_acl(words, state)
                      : words[0] == "scram" ? parse_scram(words, state)
                                            : false;
    if (!good)
      return fail(Code::corrupt, fmt::format("the settings have a line that cannot be read: {}", line));
  }
  return state;
}

Result<Settings> Settings::open(env::FileSystem& fs, const std::string& data_dir) {
  Settings settings(fs, env::join(data_dir, file_name));
  if (!SLUICE_TRY(fs.exists(settings.path_))) return settings;
  const Bytes content = SLUICE_TRY(fs.read_file(settings.path_, file_bytes_max));
  auto state = parse_settings(as_text(content));
  if (!state) return std::unexpected(std::move(state.error()).in(settings.path_));
  settings.state_ = std::move(*state);
  return settings;
}

const Values& Settings::values(ConfigResource type, std::string_view name) const {
  static const Values none;
  const auto found = state_.values.find({type, std::string(name)});
  return found == state_.values.end() ? none : found->second;
}

Result<void> Settings::commit(SettingsState next) {
  std::erase_if(next.values, [](const auto& entry) { return entry.second.empty(); });
  if (next == state_) return {};
  const std::string text = encode(next);
  if (text.size() > file_bytes_max)
    return refuse(wire::ErrorCode::policy_violation,
                  "the settings would become too many; nothing was changed");
  auto written = fs_->replace_file_durable(path_, as_bytes(text));
  if (!written) {
    Error error = std::move(written.error());
    error.kafka_error = wire::number(wire::ErrorCode::kafka_storage_error);
    return std::unexpected(std::move(error).in("nothing was changed"));
  }
  state_ = std::move(next);
  return {};
}

}  // namespace sluice::broker
