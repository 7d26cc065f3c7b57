#include "offsets/undo.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/crc32c.h"
#include "offsets/when.h"

namespace sluice::offsets {
namespace {

constexpr std::string_view header = "sluice.undo/1";
constexpr std::string_view checksum_prefix = "crc32c ";
constexpr std::size_t checksum_line_bytes = checksum_prefix.size() + 8 + 1;
constexpr std::uint64_t file_bytes_max = 64u << 20;
constexpr std::string_view suffix = ".undo";

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::corrupt, fmt::format("the undo file was not read: {}; no position was changed", what));
}

/// Text as one word: bytes outside of letters, digits and -._~ as %XX, nothing as "%".
std::string escape(std::string_view text) {
  std::string out = text.empty() ? "%" : "";
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool unescape(std::string_view word, std::string& out) {
  out.clear();
  if (word == "%") return true;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      out += word[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= word.size()) return false;
    const char* const digits = word.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || end != digits + 2) return false;
    out += static_cast<char>(value);
    i += 2;
  }
  return !word.empty();
}

/// Cuts the next word, up to a space or the end, from `line`.
std::string_view take_word(std::string_view& line) {
  const auto length = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, length);
  line.remove_prefix(std::min(length + 1, line.size()));
  return word;
}

template <class T>
bool take_number(std::string_view& line, T& value) {
  const auto word = take_word(line);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return !word.empty() && error == std::errc{} && end == word.data() + word.size();
}

std::string side(const std::optional<StoredPosition>& position) {
  if (!position) return "- -1 %";
  return fmt::format("{} {} {}", position->offset.value, position->leader_epoch.value,
                     escape(position->metadata));
}

/// "OFFSET EPOCH METADATA", "-" for an offset that is not stored.
bool take_side(std::string_view& line, std::optional<StoredPosition>& position) {
  StoredPosition out;
  const bool none = line.starts_with("- ");
  if (none) take_word(line);
  if (!none && (!take_number(line, out.offset.value) || out.offset.value < 0)) return false;
  if (!take_number(line, out.leader_epoch.value)) return false;
  if (!unescape(take_word(line), out.metadata)) return false;
  if (!none) position = std::move(out);
  return true;
}

bool take_line(std::string_view line, Undo& undo) {
  client::TopicPartition which;
  std::optional<StoredPosition> before;
  std::optional<StoredPosition> after;
  if (!unescape(take_word(line), which.topic) || !take_number(line, which.partition.value)) return false;
  if (!take_side(line, before) || !take_side(line, after) || !line.empty()) return false;
  undo.before.push_back({which, std::move(before)});
  undo.after.push_back({which, std::move(after)});
  return true;
}

bool take_heading(std::string_view line, Undo& undo) {
  return take_word(line) == header && unescape(take_word(line), undo.cluster_id) &&
         unescape(take_word(line), undo.store) && unescape(take_word(line), undo.owner) &&
         take_number(line, undo.at_ms) && line.empty();
}

std::string describe(const std::optional<StoredPosition>& position) {
  return position ? std::to_string(position->offset.value) : "none";
}

}  // namespace

std::string encode(const Undo& undo) {
  std::string text = fmt::format("{} {} {} {} {}\n", header, escape(undo.cluster_id), escape(undo.store),
                                 escape(undo.owner), undo.at_ms);
  for (std::size_t i = 0; i < undo.before.size(); ++i) {
    text +=
        fmt::format("{} {} {} {}\n", escape(undo.before[i].which.topic), undo.before[i].which.partition.value,
                    side(undo.before[i].to), side(undo.after[i].to));
  }
  return text + fmt::format("{}{:08x}\n", checksum_prefix, base::crc32c(as_bytes(text)));
}

Result<Undo> decode_undo(std::string_view text) {
  if (!text.starts_with(header) || text.size() < checksum_line_bytes) return wrong("it has another format");
  const auto body = text.substr(0, text.size() - checksum_line_bytes);
  if (text.substr(body.size()) != fmt::format("{}{:08x}\n", checksum_prefix, base::crc32c(as_bytes(body))))
    return wrong("it does not match its checksum");
  Undo undo;
  bool first = true;
  for (std::string_view rest = body; !rest.empty();) {
    const auto length = rest.find('\n');
    if (length == std::string_view::npos) return wrong("a line has no end");
    const auto line = rest.substr(0, length);
    if (first ? !take_heading(line, undo) : !take_line(line, undo)) return wrong("a line is not a position");
    first = false;
    rest.remove_prefix(length + 1);
  }
  if (first) return wrong("it is empty");
  return undo;
}

Undo make_undo(const Plan& plan, const PositionStore& store, std::int64_t at_ms) {
  Undo undo{plan.cluster_id, store.kind(), store.owner(), at_ms, {}, {}};
  for (const auto& move : plan.moves) {
    if (!move.changes()) continue;
    undo.before.push_back({move.which, move.from});
    undo.after.push_back({move.which, move.to});
  }
  return undo;
}

std::string undo_directory() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return env::join(state, "sluice/undo");
  const char* const home = std::getenv("HOME");
  return env::join(home != nullptr && *home != '\0' ? home : ".", ".local/state/sluice/undo");
}

Result<std::string> write_undo(const env::Env& env, const std::string& directory, const Undo& undo) {
  SLUICE_TRY(env.fs->create_dirs_durable(directory));
  // The time first: names sort by it. A group's name may be longer than a file's.
  std::string time = format_datetime(undo.at_ms);
  std::erase_if(time, [](char c) { return c == ':' || c == '-'; });
  const auto path =
      env::join(directory, fmt::format("{}-{}{}", time, escape(undo.owner).substr(0, 150), suffix));
  if (SLUICE_TRY(env.fs->exists(path)))
    return fail(Code::already_exists, fmt::format("{} is there already; no position was changed", path));
  SLUICE_TRY(env.fs->replace_file_durable(path, as_bytes(encode(undo))));
  return path;
}

Result<Undo> read_undo(const env::Env& env, const std::string& path) {
  const auto bytes = SLUICE_TRY(env.fs->read_file(path, file_bytes_max));
  auto undo = decode_undo(as_text(bytes));
  if (!undo) return std::unexpected(std::move(undo.error()).in(path));
  return undo;
}

Result<std::string> last_undo(const env::Env& env, const std::string& directory) {
  std::string last;
  if (SLUICE_TRY(env.fs->exists(directory))) {
    for (const auto& entry : SLUICE_TRY(env.fs->list(directory))) {
      if (!entry.is_dir && entry.name.ends_with(suffix)) last = std::max(last, entry.name);
    }
  }
  if (last.empty()) {
    return fail(Code::not_found,
                fmt::format("there is no undo file in {}; no position was changed", directory),
                "name it: sluice offsets undo FILE");
  }
  return env::join(directory, last);
}

Result<Plan> make_undo_plan(client::Cluster& cluster, PositionStore& store, const Undo& undo) {
  if (undo.cluster_id != cluster.cluster_id()) {
    return fail(Code::conflict,
                fmt::format("the undo file is of cluster {}, and {} is cluster {}; no position was changed",
                            undo.cluster_id, cluster.bootstrap(), cluster.cluster_id()),
                "check --bootstrap-server");
  }
  const auto stored = SLUICE_TRY(store.load());
  std::vector<std::string> topics;
  for (const auto& one : undo.before) topics.push_back(one.which.topic);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  std::map<client::TopicPartition, Standing> rows;
  for (auto& row : SLUICE_TRY(topic_ranges(cluster, topics))) {
    const client::TopicPartition which{row.topic, row.partition};
    rows.emplace(which, std::move(row));
  }
  Plan plan{cluster.cluster_id(), {}};
  for (std::size_t i = 0; i < undo.before.size(); ++i) {
    const auto& which = undo.before[i].which;
    auto& move = plan.moves.emplace_back(Move{which, {}, undo.before[i].to, {}, {}, {}, {}});
    if (const auto at = stored.find(which); at != stored.end()) move.from = at->second;
    if (const auto at = rows.find(which); at != rows.end()) {
      move.log_start = at->second.log_start;
      move.log_end = at->second.log_end;
    }
    if (move.from != undo.after[i].to) {
      move.error = fmt::format("the position is {}, not {} as it was left then: somebody has moved it since",
                               describe(move.from), describe(undo.after[i].to));
    }
  }
  return plan;
}

}  // namespace sluice::offsets
