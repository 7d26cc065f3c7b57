#include "offsets/position_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace sluice::offsets {
namespace {

using Json = nlohmann::json;

constexpr auto names = std::to_array<std::string_view>({"csv", "json", "kafka", "spark", "flink"});
constexpr std::size_t topic_bytes_max = 249;

std::unexpected<Error> wrong(const std::string& what) {
  return fail(Code::invalid_argument, "the positions were not read: " + what + "; nothing was done",
              "csv, json, kafka, spark and flink texts are taken");
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size() && value >= 0;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (;;) {
    const auto at = text.find(separator);
    std::string_view field = trim(text.substr(0, at));
    if (separator == ',' && field.size() >= 2 && field.front() == '"' && field.back() == '"')
      field = field.substr(1, field.size() - 2);
    out.emplace_back(field);
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

/// Puts one position in; false where it is none. A second one of the same partition is an error too.
Result<void> add(Offsets& out, const std::string& topic, std::string_view partition, std::string_view offset,
                 const std::string& where) {
  client::TopicPartition which{topic, {}};
  Offset value;
  if (topic.empty() || topic.size() > topic_bytes_max || !parse_number(partition, which.partition.value) ||
      !parse_number(offset, value.value)) {
    return wrong(fmt::format("{} is not topic, partition and offset", where));
  }
  if (!out.emplace(which, value).second)
    return wrong(fmt::format("{} names {}[{}] again", where, topic, which.partition.value));
  return {};
}

Result<Offsets> parse_lines(std::string_view text) {
  Offsets out;
  std::size_t number = 0;
  for (; !text.empty();) {
    ++number;
    const auto length = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
    if (line.empty() || line.starts_with('#') || line == "topic,partition,offset") continue;
    const char separator = line.find(',') != std::string_view::npos   ? ','
                           : line.find(':') != std::string_view::npos ? ':'
                                                                      : ' ';
    auto fields = split(line, separator);
    std::erase_if(fields, [&](const std::string& field) { return separator == ' ' && field.empty(); });
    if (separator == ',' && fields.size() == 4) fields.erase(fields.begin());  // the group
    const auto where = fmt::format("line {}", number);
    if (fields.size() != 3) return wrong(where + " does not have three fields");
    SLUICE_TRY(add(out, fields[0], fields[1], fields[2], where));
  }
  return out;
}

Result<Offsets> parse_flink(std::string_view text, const std::string& topic) {
  if (topic.empty()) return wrong("Flink's form does not name its topic; add --topic TOPIC");
  Offsets out;
  for (const auto& one : split(text, ';')) {
    if (one.empty()) continue;
    const auto fields = split(one, ',');
    const bool good =
        fields.size() == 2 && fields[0].starts_with("partition:") && fields[1].starts_with("offset:");
    if (!good) return wrong(fmt::format("'{}' is not partition:P,offset:O", one));
    SLUICE_TRY(add(out, topic, trim(fields[0]).substr(10), trim(fields[1]).substr(7), "'" + one + "'"));
  }
  return out;
}

/// A JSON number as its text; empty where it is none.
std::string number_text(const Json& json) {
  return json.is_number_integer() ? json.dump() : std::string();
}

Result<Offsets> parse_json(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return wrong("it is no JSON object");
  Offsets out;
  if (const auto list = json.find("partitions"); list != json.end() && list->is_array()) {
    for (const auto& one : *list) {
      const bool named = one.is_object() && one.contains("topic") && one["topic"].is_string();
      if (!named || !one.contains("partition") || !one.contains("offset"))
        return wrong(one.dump() + " is not topic, partition and offset");
      SLUICE_TRY(
          add(out, one["topic"], number_text(one["partition"]), number_text(one["offset"]), one.dump()));
    }
    return out;
  }
  for (const auto& [topic, partitions] : json.items()) {
    if (!partitions.is_object()) return wrong(topic + " has no partitions");
    for (const auto& [partition, offset] : partitions.items())
      SLUICE_TRY(add(out, topic, partition, number_text(offset), fmt::format("{}[{}]", topic, partition)));
  }
  return out;
}

std::string format_lines(const Offsets& offsets, char separator) {
  std::string out;
  for (const auto& [which, offset] : offsets)
    out += fmt::format("{0}{1}{2}{1}{3}\n", which.topic, separator, which.partition.value, offset.value);
  return out;
}

std::string format_spark(const Offsets& offsets, const std::vector<client::TopicPartition>& fill) {
  std::map<std::string, std::map<std::int32_t, std::int64_t>> topics;
  for (const auto& which : fill) topics[which.topic][which.partition.value] = -2;
  for (const auto& [which, offset] : offsets) topics[which.topic][which.partition.value] = offset.value;
  std::string out = "{";
  for (const auto& [topic, partitions] : topics) {
    out += fmt::format("{}{}:{{", out.size() > 1 ? "," : "", Json(topic).dump());
    bool first = true;
    for (const auto& [partition, offset] : partitions) {
      out += fmt::format("{}\"{}\":{}", first ? "" : ",", partition, offset);
      first = false;
    }
    out += "}";
  }
  return out + "}\n";
}

std::string format_json(const Offsets& offsets) {
  std::string out;
  for (const auto& [which, offset] : offsets) {
    out += fmt::format("{}\n {{\"topic\":{},\"partition\":{},\"offset\":{}}}", out.empty() ? "" : ",",
                       Json(which.topic).dump(), which.partition.value, offset.value);
  }
  return "{\"partitions\":[" + out + "],\"version\":1}\n";
}

Result<std::string> format_flink(const Offsets& offsets) {
  std::set<std::string> topics;
  std::string out;
  for (const auto& [which, offset] : offsets) {
    topics.insert(which.topic);
    out +=
        fmt::format("{}partition:{},offset:{}", out.empty() ? "" : ";", which.partition.value, offset.value);
  }
  if (topics.size() > 1) {
    return fail(
        Code::invalid_argument,
        fmt::format("Flink's form is of one topic, and there are {}; nothing was printed", topics.size()),
        "--topic TOPIC");
  }
  return out + "\n";
}

}  // namespace

Result<PositionFormat> parse_position_format(std::string_view text) {
  const auto at = std::ranges::find(names, text);
  if (at != names.end()) return static_cast<PositionFormat>(at - names.begin());
  return fail(Code::invalid_argument, fmt::format("'{}' is no format of positions; nothing was done", text),
              "one of csv, json, kafka, spark, flink");
}

Result<std::string> format_positions(const Offsets& offsets, PositionFormat format,
                                     const std::vector<client::TopicPartition>& fill) {
  switch (format) {
    case PositionFormat::csv:
      return format_lines(offsets, ',');
    case PositionFormat::kafka:
      return format_lines(offsets, ':');
    case PositionFormat::json:
      return format_json(offsets);
    case PositionFormat::spark:
      return format_spark(offsets, fill);
    case PositionFormat::flink:
      break;
  }
  return format_flink(offsets);
}

Result<Offsets> parse_positions(std::string_view text, const std::string& topic) {
  const auto body = trim(text);
  if (body.empty()) return wrong("there are none");
  auto out = body.starts_with('{')            ? parse_json(body)
             : body.starts_with("partition:") ? parse_flink(body, topic)
                                              : parse_lines(body);
  if (out && out->empty()) return wrong("there are none");
  return out;
}

}  // namespace sluice::offsets
