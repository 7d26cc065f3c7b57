// Runs every file of a target's regressions through it, one test each.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace sluice::fuzz {
namespace {

class Regression : public testing::Test {
 public:
  explicit Regression(std::filesystem::path path) : path_(std::move(path)) {}

  void TestBody() override {
    std::ifstream file(path_, std::ios::binary);
    ASSERT_TRUE(file.is_open()) << path_;
    const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    // In memory of its exact size, so that reading past its end is seen.
    const std::vector<std::uint8_t> input(content.begin(), content.end());
    EXPECT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0);
  }

 private:
  std::filesystem::path path_;
};

std::size_t register_all(const std::filesystem::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const auto path = entry.path();
    const std::string suite = directory.filename().string() + "Regressions";
    testing::RegisterTest(suite.c_str(), path.filename().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> Regression* { return new Regression(path); });
    ++count;
  }
  return count;
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (sluice::fuzz::register_all(SLUICE_REGRESSIONS) == 0) return 1;
  return RUN_ALL_TESTS();
}
