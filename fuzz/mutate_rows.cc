#include <string>

#include "fuzz/mutator.h"

namespace {

using namespace sluice;

constexpr const char* keys[] = {"i", "d", "b", "s", "day", "t", "l", R"(\"k\u00e9y\")", "more", "i"};
constexpr const char* values[] = {"null",
                                  "true",
                                  "false",
                                  "0",
                                  "-0",
                                  "9223372036854775807",
                                  "9223372036854775808",
                                  "-9223372036854775808",
                                  "1.5",
                                  "-1e-400",
                                  "1e400",
                                  "0.1e1",
                                  "123456789012345678901234567890",
                                  "2.2250738585072011e-308",
                                  R"("")",
                                  R"("plain")",
                                  R"("\u00e9\n\ud83d\ude00")",
                                  R"("\ud800")",
                                  R"("2013-02-29")",
                                  R"("2012-02-29")",
                                  R"("2013-01-01T05:00:00Z")",
                                  R"("2013-01-01 05:00:00.123456-05:00")",
                                  R"("2013-01-01T05:00:00")",
                                  R"({"x":[1,{"y":null}]})",
                                  "[]",
                                  "[1, 2]"};

std::string record(fuzz::Random& random) {
  std::string text = "{";
  const bool in_order = random.one_in(2);
  const std::uint64_t count = random.below(std::size(keys) + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (in_order && random.one_in(4)) continue;
    const char* space = random.one_in(6) ? " " : "";
    text += text.size() > 1 ? "," : "";
    text += std::string(space) + "\"" + keys[in_order ? i : random.below(std::size(keys))] + "\"" + space +
            ":" + space;
    text += random.one_in(4) ? std::to_string(random.integer()) : values[random.below(std::size(values))];
  }
  return text + "}";
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size < 2 || random.one_in(8)) {
    std::string text = record(random);
    while (random.one_in(2)) text += "\n" + record(random);
    size = fuzz::put(as_bytes(text), data, 0, size_max);
    if (random.one_in(3)) return size;
  }
  return fuzz::bend(data, 0, size, size_max);
}
