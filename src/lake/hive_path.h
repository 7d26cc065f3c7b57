// HivePaths: the directory of each row. Internal to lake.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lake/decoder.h"
#include "lake/partitioning.h"

namespace sluice::lake {

/// One thread.
class HivePaths {
 public:
  HivePaths(std::shared_ptr<const Schema> schema, const Partitioning& partitioning);

  /// True: path() is the row's directory, "" without partitioning. False: problem() says why it has none.
  bool make(const Row& row, std::int64_t timestamp_ms);
  const std::string& path() const { return path_; }
  const std::string& problem() const { return problem_; }

 private:
  /// What the last path was made of: records mostly go where the one before them went.
  struct Key {
    bool known = false;
    bool present = false;
    std::int64_t whole = 0;  ///< of a day or hour, its number; else the value's bits
    std::string text;
    friend bool operator==(const Key&, const Key&) = default;
  };
  /// Replaces keys_[i]; whether it stays what it was.
  bool same_key(std::size_t i, const Row& row, std::int64_t timestamp_ms);
  bool append_value(const PartitionTerm& term, const Row& row, std::int64_t timestamp_ms);
  bool no_value(const PartitionTerm& term, std::string_view why);

  std::shared_ptr<const Schema> schema_;
  Partitioning partitioning_;
  std::vector<std::string> names_;  ///< escaped, with '='
  std::vector<Key> keys_;
  std::string path_;
  std::string problem_;
};

}  // namespace sluice::lake
