// How commands show rows and progress: tables for people, JSON, CSV and Kafka's own text for programs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

enum class OutputFormat : std::uint8_t { table, json, jsonl, csv, tsv, kafka };

/// "table", "json"...; invalid_argument names the nearest one.
Result<OutputFormat> parse_output_format(std::string_view text);

/// A cell. monostate is "not known": '-' in text, null in JSON.
using Cell = std::variant<std::monostate, std::int64_t, double, bool, std::string>;

/// Rows under named columns. Names are snake_case in JSON and CSV ("log_start"), upper case with '-' in
/// tables
/// ("LOG-START").
struct Table {
  std::string schema;  ///< "sluice.offsets.lag/1": what a program may rely on
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as `columns`
  std::vector<std::string> errors;      ///< what could not be found out; JSON's "errors"
  /// What holds for all rows, under names of its own beside JSON's "rows"; other forms leave it out.
  std::vector<std::pair<std::string, Cell>> facts = {};
};

/// The table as text that ends in a newline. kafka is not a way to show any table: invalid_argument; commands
/// that have such a form print it themselves.
Result<std::string> render(const Table& table, OutputFormat format);

/// "1,234,567".
std::string with_commas(std::int64_t number);
/// `text` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
bool is_utf8(std::string_view text);
/// Text for a terminal or log line: control characters and bytes that are no UTF-8 as \xHH.
std::string printable(std::string_view text);

/// Whether `stream` is a terminal that may be drawn on (TERM is not "dumb").
bool is_terminal(std::FILE* stream);
/// Whether colours may be used on it: a terminal, and NO_COLOR is not set.
bool has_colors(std::FILE* stream);

/// Writes all of `text` to stdout; io_failed where it cannot (a full disk). Where the reader is gone
/// (`head`), the process ends by SIGPIPE, as filters do.
Result<void> write_stdout(std::string_view text);

/// One line on a terminal that is drawn over. Does nothing elsewhere. One thread.
class ProgressLine {
 public:
  /// `enabled` false: never draws (--quiet, --json).
  explicit ProgressLine(bool enabled = true);
  ~ProgressLine();  ///< clears the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Draws at most five times a second; `text` is cut to the width of the terminal.
  void update(const std::string& text);
  /// Takes the line away, so that something else can be printed.
  void clear();
  bool enabled() const { return enabled_; }

 private:
  bool enabled_;
  bool drawn_ = false;
  std::int64_t last_ms_ = 0;
};

}  // namespace sluice::cli
