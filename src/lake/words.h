// Words: a growing dictionary of few distinct strings. Internal to lake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::lake {

/// Numbers strings in the order in which they come. One thread.
class Words {
 public:
  static constexpr std::size_t words_max = 4096;
  static constexpr std::size_t bytes_max = 256 * 1024;
  static constexpr std::size_t slack_bytes = 16;  ///< readable behind every word

  /// The number of `word`, new or known; -1 where the dictionary has no room for a new one.
  std::int32_t number(std::string_view word);

  std::size_t size() const { return offsets_.size() - 1; }
  std::string_view word(std::size_t number) const {
    const auto begin = static_cast<std::size_t>(offsets_[number]);
    return {bytes_.data() + begin, static_cast<std::size_t>(offsets_[number + 1]) - begin};
  }
  /// All words back to back, and where each begins (size() + 1 places).
  const std::vector<char>& bytes() const { return bytes_; }
  std::size_t bytes_used() const { return static_cast<std::size_t>(offsets_.back()); }
  const std::vector<std::int32_t>& offsets() const { return offsets_; }
  std::size_t memory_bytes() const {
    return bytes_.capacity() + table_.capacity() * sizeof(Entry) + offsets_.capacity() * 4;
  }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    std::int32_t number = -1;
  };
  static constexpr std::array<std::int16_t, 256> no_singles() {
    std::array<std::int16_t, 256> none{};
    none.fill(-1);
    return none;
  }
  void grow_table();
  std::int32_t add(std::string_view word, std::uint64_t hash);

  std::array<std::int16_t, 256> single_ = no_singles();  ///< the number of each word of one byte; -1: none
  std::vector<Entry> table_ = std::vector<Entry>(64);
  std::vector<char> bytes_ = std::vector<char>(slack_bytes);
  std::vector<std::int32_t> offsets_ = {0};
};

}  // namespace sluice::lake
