// How consume prints a record: a format of %-verbs, or JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::cli {

struct PrintedHeader {
  BytesView name;
  std::optional<BytesView> value;
};

/// A record as it is printed; borrowed.
struct PrintedRecord {
  std::string_view topic;
  PartitionId partition;
  Offset offset;
  std::int64_t timestamp_ms = -1;
  LeaderEpoch leader_epoch{-1};
  ProducerId producer_id{-1};
  ProducerEpoch producer_epoch{-1};
  std::optional<BytesView> key;
  std::optional<BytesView> value;
  std::span<const PrintedHeader> headers;
  std::int64_t number = 0;  ///< from 1, of those printed
};

/// A format such as "%t[%p]@%o %k=%v\n". Verbs: %t topic, %p partition, %o offset, %d timestamp in ms, %k
/// key, %v and %s value, %h headers ("%h{%k=%v;}" formats each), %e leader epoch, %x producer id, %y producer
/// epoch, %i number; %T %K %V %S lengths of topic, key and value, %H number of headers; %% a percent sign.
/// %k, %v and %s take {hex} or {base64}. \n \t \r \\ \0 \xHH stand for bytes.
class RecordFormat {
 public:
  /// invalid_argument with the place of what is not understood.
  static Result<RecordFormat> parse(std::string_view text);
  void append(const PrintedRecord& record, std::string& out) const;

 private:
  enum class Encoding : std::uint8_t { raw, hex, base64 };
  struct Step {
    char verb = 0;  // 0: literal
    Encoding encoding = Encoding::raw;
    std::string literal;
    std::vector<Step> each;  // of %h{...}
  };

  static Result<std::vector<Step>> parse_steps(std::string_view text, bool in_header);
  static Result<void> parse_braces(std::string_view text, std::size_t& at, Step& step, bool in_header);
  static void append_steps(const std::vector<Step>& steps, const PrintedRecord& record, std::string& out);
  static void append_step(const Step& step, const PrintedRecord& record, std::string& out);
  static void append_headers(const Step& step, const PrintedRecord& record, std::string& out);
  static void append_bytes(const std::optional<BytesView>& bytes, Encoding encoding, std::string& out);

  std::vector<Step> steps_;
};

/// One line of JSON. What is not UTF-8 stands as base64 under "key_base64", "value_base64".
void append_json(const PrintedRecord& record, std::string& out);

std::string base64(BytesView bytes);

}  // namespace sluice::cli
