#include "lake/words.h"

#include <cstring>

#include "base/bytes.h"

namespace sluice::lake {
namespace {

template <class T>
std::uint64_t load(const char* p) {
  return base::load_le<T>(reinterpret_cast<const std::byte*>(p));
}

constexpr std::uint64_t factor = 0xff51afd7ed558ccdu;

/// Reads no byte outside the word: its ends overlap instead.
std::uint64_t hash_of(std::string_view word) {
  const char* p = word.data();
  std::size_t n = word.size();
  std::uint64_t h = n * 0x9E3779B97F4A7C15u;
  for (; n > 8; p += 8, n -= 8) {
    h = (h ^ load<std::uint64_t>(p)) * factor;
    h ^= h >> 32;
  }
  std::uint64_t last = 0;
  if (n >= 4) {
    last = load<std::uint32_t>(p) | load<std::uint32_t>(p + n - 4) << 32;
  } else if (n > 0) {
    last = static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) |
           static_cast<std::uint64_t>(static_cast<unsigned char>(p[n / 2])) << 8 |
           static_cast<std::uint64_t>(static_cast<unsigned char>(p[n - 1])) << 16;
  }
  h = (h ^ last) * factor;
  return h ^ h >> 32;
}

bool same(const char* a, const char* b, std::size_t n) {
  if (n > 16) return std::memcmp(a, b, n) == 0;
  if (n >= 8) {
    return ((load<std::uint64_t>(a) ^ load<std::uint64_t>(b)) |
            (load<std::uint64_t>(a + n - 8) ^ load<std::uint64_t>(b + n - 8))) == 0;
  }
  for (std::size_t i = 0; i < n; ++i)
    if (a[i] != b[i]) return false;
  return true;
}

}  // namespace

std::int32_t Words::number(std::string_view word) {
  if (word.size() == 1) {
    std::int16_t& number = single_[static_cast<unsigned char>(word[0])];
    if (number < 0) number = static_cast<std::int16_t>(add(word, hash_of(word)));
    return number;
  }
  const std::uint64_t hash = hash_of(word);
  const std::size_t mask = table_.size() - 1;
  const Entry* const table = table_.data();
  const std::int32_t* const offsets = offsets_.data();
  for (std::size_t i = hash & mask; table[i].number >= 0; i = (i + 1) & mask) {
    if (table[i].hash != hash) continue;
    const std::int32_t* const place = offsets + table[i].number;
    const auto bytes = static_cast<std::size_t>(place[1] - place[0]);
    if (bytes == word.size() && same(bytes_.data() + place[0], word.data(), bytes)) return table[i].number;
  }
  return add(word, hash);
}

std::int32_t Words::add(std::string_view word, std::uint64_t hash) {
  if (size() == words_max || bytes_used() + word.size() > bytes_max) return -1;
  if ((size() + 1) * 2 > table_.size()) grow_table();
  const auto number = static_cast<std::int32_t>(size());
  const std::size_t begin = bytes_used();
  bytes_.resize(begin + word.size() + slack_bytes);
  if (!word.empty()) std::memcpy(bytes_.data() + begin, word.data(), word.size());
  offsets_.push_back(static_cast<std::int32_t>(begin + word.size()));
  std::size_t i = hash & (table_.size() - 1);
  while (table_[i].number >= 0) i = (i + 1) & (table_.size() - 1);
  table_[i] = {hash, number};
  return number;
}

void Words::grow_table() {
  std::vector<Entry> larger(table_.size() * 2);
  for (const Entry& entry : table_) {
    if (entry.number < 0) continue;
    std::size_t i = entry.hash & (larger.size() - 1);
    while (larger[i].number >= 0) i = (i + 1) & (larger.size() - 1);
    larger[i] = entry;
  }
  table_ = std::move(larger);
}

}  // namespace sluice::lake
