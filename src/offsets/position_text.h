// Positions as the texts that other programs read and write.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/offset_batch.h"

namespace sluice::offsets {

using Offsets = std::map<client::TopicPartition, Offset>;

enum class PositionFormat : std::uint8_t {
  csv,    ///< "topic,partition,offset", as kafka-consumer-groups --export writes it
  json,   ///< {"partitions":[{"topic":..,"partition":..,"offset":..}],"version":1}, as kafka-delete-records
          ///< reads
  kafka,  ///< "topic:partition:offset", as kafka-get-offsets prints it
  spark,  ///< {"topic":{"0":1288}}, as Spark's startingOffsets
  flink,  ///< "partition:0,offset:42;partition:1,offset:300", as Flink's scan.startup.specific-offsets
};

/// "csv", ...; invalid_argument with the names that there are.
Result<PositionFormat> parse_position_format(std::string_view text);

/// The text, with a newline at its end. Spark also takes -2 for the log start: `fill` are partitions that it
/// has to name and that have no offset.
/// errors   invalid_argument: Flink's form is of one topic, and there are more
Result<std::string> format_positions(const Offsets& offsets, PositionFormat format,
                                     const std::vector<client::TopicPartition>& fill = {});

/// Any of these texts, found out by its first character and its separators; also "TOPIC PARTITION OFFSET"
/// lines (rpk), and CSV of four columns with the group first. `topic` is that of Flink's form, which names
/// none. errors   invalid_argument, with the line: nothing of the text is taken
Result<Offsets> parse_positions(std::string_view text, const std::string& topic = {});

}  // namespace sluice::offsets
