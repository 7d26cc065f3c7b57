// Producer ids for idempotent producers: none is ever given twice, over crashes too.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"

namespace sluice::broker {

/// Ids are reserved in blocks: the end of the block is durable before its first id is given, so a crash
/// wastes the rest of a block and repeats nothing. Loop thread only.
class ProducerIds {
 public:
  /// Goes on after the last block that `data_dir` tells of.
  static Result<ProducerIds> open(env::FileSystem& fs, std::string data_dir);

  /// An id that a log knows already, as those do that come from another cluster: it is not given.
  void avoid(ProducerId id) {
    if (id.value >= next_) taken_.insert(id.value);
  }
  /// The next id. Blocks for two syncs once in `block_size` calls.
  Result<ProducerId> next();

  static constexpr std::int64_t block_size = 1000;  ///< as Kafka's
  static constexpr std::string_view file_name = "sluice-producer-ids";

 private:
  ProducerIds(env::FileSystem& fs, std::string path, std::int64_t begin)
      : fs_(&fs), path_(std::move(path)), next_(begin), end_(begin) {}

  env::FileSystem* fs_;
  std::string path_;
  std::int64_t next_;
  std::set<std::int64_t> taken_;
  std::int64_t end_;  // durable: no id at or above it was ever given
};

}  // namespace sluice::broker
