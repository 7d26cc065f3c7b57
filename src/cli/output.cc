#include "cli/output.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace sluice::cli {
namespace {

constexpr std::int64_t progress_interval_ms = 200;

std::string cell_text(const Cell& cell) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "-"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return v; }
  };
  return std::visit(Visitor{}, cell);
}

std::string cell_json(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return "null";
  if (const auto* text = std::get_if<std::string>(&cell)) return json_string(*text);
  if (const auto* number = std::get_if<double>(&cell); number != nullptr && !std::isfinite(*number))
    return "null";
  return cell_text(cell);
}

std::string row_json(const Table& table, const std::vector<Cell>& row) {
  std::string out = "{";
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i != 0) out += ',';
    out += json_string(table.columns[i]) + ":" + cell_json(row[i]);
  }
  return out + "}";
}

std::string render_json(const Table& table) {
  std::string out = "{\"schema\":" + json_string(table.schema);
  for (const auto& [name, value] : table.facts) out += "," + json_string(name) + ":" + cell_json(value);
  out += ",\"rows\":[";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    out += i == 0 ? "\n " : ",\n ";
    out += row_json(table, table.rows[i]);
  }
  out += "],\"errors\":[";
  for (std::size_t i = 0; i < table.errors.size(); ++i) {
    out += i == 0 ? "\n " : ",\n ";
    out += json_string(table.errors[i]);
  }
  return out + "]}\n";
}

std::string heading(std::string_view column) {
  std::string out(column);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::toupper(c)); });
  return out;
}

bool is_number(const Cell& cell) {
  return std::holds_alternative<std::int64_t>(cell) || std::holds_alternative<double>(cell);
}

std::string render_table(const Table& table) {
  std::vector<std::vector<std::string>> cells(1);
  for (const auto& column : table.columns) cells.front().push_back(heading(column));
  std::vector<bool> right(table.columns.size(), false);
  for (const auto& row : table.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(printable(cell_text(row[i])));
      if (is_number(row[i])) right[i] = true;
    }
  }
  std::vector<std::size_t> width(table.columns.size(), 0);
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) width[i] = std::max(width[i], line[i].size());
  }
  std::string out;
  for (const auto& line : cells) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i != 0) text += "  ";
      text += right[i] ? fmt::format("{:>{}}", line[i], width[i]) : fmt::format("{:<{}}", line[i], width[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string tsv_field(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string render_separated(const Table& table, OutputFormat format) {
  const bool csv = format == OutputFormat::csv;
  std::string out;
  const auto add = [&](std::size_t i, const std::string& text) {
    if (i != 0) out += csv ? ',' : '\t';
    out += csv ? csv_field(text) : tsv_field(text);
  };
  for (std::size_t i = 0; i < table.columns.size(); ++i) add(i, table.columns[i]);
  out += '\n';
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      add(i, std::holds_alternative<std::monostate>(row[i]) ? std::string() : cell_text(row[i]));
    }
    out += '\n';
  }
  return out;
}

/// The length of the UTF-8 sequence at the front of `text`; 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// As every filter does whose reader has gone. (main ignores the signal, for the sake of sockets.)
[[noreturn]] void die_by_sigpipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  std::_Exit(exit_failed);
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

Result<OutputFormat> parse_output_format(std::string_view text) {
  static constexpr std::array<std::string_view, 6> names = {"table", "json", "jsonl", "csv", "tsv", "kafka"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return static_cast<OutputFormat>(i);
  }
  const std::vector<std::string> candidates(names.begin(), names.end());
  const auto meant = nearest(text, candidates);
  return fail(Code::invalid_argument, fmt::format("'{}' is no output format; nothing was done", text),
              meant.empty() ? "one of table, json, jsonl, csv, tsv, kafka" : "did you mean " + meant + "?");
}

Result<std::string> render(const Table& table, OutputFormat format) {
  switch (format) {
    case OutputFormat::table:
      return render_table(table);
    case OutputFormat::json:
      return render_json(table);
    case OutputFormat::jsonl: {
      std::string out;
      for (const auto& row : table.rows) out += row_json(table, row) + "\n";
      return out;
    }
    case OutputFormat::csv:
    case OutputFormat::tsv:
      return render_separated(table, format);
    case OutputFormat::kafka:
      break;
  }
  return fail(Code::invalid_argument, "this command has no Kafka text form; nothing was printed",
              "--output table");
}

std::string with_commas(std::int64_t number) {
  std::string out = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = out.size(); at > first + 3;) {
    at -= 3;
    out.insert(at, ",");
  }
  return out;
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

bool has_colors(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(stream) && (no_color == nullptr || *no_color == '\0');
}

Result<void> write_stdout(std::string_view text) {
  std::fflush(stdout);
  while (!text.empty()) {
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) die_by_sigpipe();
    if (written < 0) {
      return fail(Code::io_failed, fmt::format("the output was not written: {}", std::strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

ProgressLine::ProgressLine(bool enabled) : enabled_(enabled && is_terminal(stderr)) {}
ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::update(const std::string& text) {
  if (!enabled_ || (drawn_ && now_ms() - last_ms_ < progress_interval_ms)) return;
  last_ms_ = now_ms();
  drawn_ = true;
  std::fputs(("\r\x1b[K" + text.substr(0, terminal_width() - 1)).c_str(), stderr);
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace sluice::cli
