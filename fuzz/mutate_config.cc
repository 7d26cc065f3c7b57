#include <string>

#include "broker/config.h"
#include "fuzz/mutator.h"

namespace {

using namespace sluice;

template <class T>
const T& any(std::span<const T> items, fuzz::Random& random) {
  return items[random.below(items.size())];
}

std::string value(fuzz::Random& random) {
  constexpr const char* words[] = {"true", "false", "",  "LogAppendTime", "producer", "-1",
                                   "1e3",  "0x10",  " 5"};
  return random.one_in(3) ? words[random.below(std::size(words))] : std::to_string(random.integer());
}

std::string properties(std::uint8_t kind, fuzz::Random& random) {
  std::string text;
  for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
    text += kind == 0 ? any(broker::server_properties(), random).name
                      : any(broker::topic_properties(), random).name;
    text += "=" + value(random) + "\n";
  }
  return text;
}

std::string schema(fuzz::Random& random) {
  constexpr const char* types[] = {"int64", "double",    "bool",           "string",
                                   "date",  "timestamp", "timestamp_local"};
  constexpr const char* names[] = {"a", "A", "b", "_c", "", "d e", "\\u00e9", "\\ud83d\\ude00", "\\u0001"};
  std::string text = R"({"format":"sluice.schema/1","fields":[)";
  const std::uint64_t count = 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    text += i == 0 ? "" : ",";
    text += std::string(R"({"name":")") + names[random.below(std::size(names))] + R"(","type":")" +
            types[random.below(std::size(types))] + "\"";
    if (random.one_in(3)) text += std::string(R"(,"from":")") + names[random.below(std::size(names))] + "\"";
    if (random.one_in(3)) text += random.one_in(2) ? R"(,"nullable":false)" : R"(,"nullable":true)";
    text += "}";
  }
  return text + "]}";
}

std::string ingest(fuzz::Random& random) {
  constexpr const char* keys[] = {"topic",         "lake",    "partition_by", "roll_records", "roll_bytes",
                                  "roll_interval", "codec",   "accept_gap",   "threads",      "more",
                                  "a.b",           "\"a.b\"", "'a'",          "memory_max"};
  constexpr const char* values[] = {"1",
                                    "-9223372036854775808",
                                    "0x7f",
                                    "1e400",
                                    "inf",
                                    "true",
                                    "\"64MiB\"",
                                    "'x'",
                                    "\"\"\"x\ny\"\"\"",
                                    "[\"a\", \"b\"]",
                                    "[[[]]]",
                                    "{ x = 1 }",
                                    "1979-05-27T07:32:00Z",
                                    "\"\\u00e9\\U0001F600\""};
  std::string text = random.one_in(8) ? "" : "version = 1\n";
  for (const char* table : {"[ingest]\n", "[client]\n"}) {
    text += table;
    for (std::uint64_t i = random.below(4); i > 0; --i) {
      text += std::string(keys[random.below(std::size(keys))]) + " = " +
              values[random.below(std::size(values))] + "\n";
    }
  }
  return text;
}

std::string valid(std::uint8_t kind, fuzz::Random& random) {
  if (kind == 2) return schema(random);
  if (kind == 3) return ingest(random);
  return properties(kind, random);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size_max < 2) return LLVMFuzzerMutate(data, size, size_max);
  if (size < 2 || random.one_in(8)) {
    const auto kind = static_cast<std::uint8_t>(random.below(4));
    data[0] = kind;
    size = fuzz::put(as_bytes(valid(kind, random)), data, 1, size_max);
    if (random.one_in(4)) return size;
  }
  return fuzz::bend(data, 1, size, size_max);
}
