// A commit object as tests start from it.
#pragma once

#include <string>

#include "table/commit_object.h"
#include "table/names.h"

namespace sluice::table::example {

inline constexpr ChainId chain{Uuid{0x1f2e3d4c5b6a7988u, 0x0102030405060708u}, PartitionId{3}};
inline constexpr const char* cluster_id = "K9qUpRtoTrGWGGkNzaKyQw";

/// An object of attempt `nonce` with one data file that has all rows of [begin, end).
inline CommitObject commit(std::int64_t begin, std::int64_t end, std::uint64_t nonce = 7) {
  CommitObject object;
  object.nonce = Uuid{nonce, 1};
  object.written_at_ms = 1'700'000'000'000;
  object.writer = "sluice 0.1.0";
  object.cluster_id = cluster_id;
  object.topic = "flights";
  object.topic_id = chain.topic_id;
  object.partition = chain.partition;
  object.range = {Offset{begin}, Offset{end}};
  object.leader_epoch = LeaderEpoch{2};
  object.last_record = LastRecord{Offset{end - 1}, 1'358'000'000'000, 0xfeedULL};
  object.schema_version = 1;
  object.counts.rows = end - begin;
  object.raw_hash = 0x1122334455667788ULL;
  object.files.push_back({FileKind::rows, data_file_name("", chain, object.range, 0),
                          temporary_name(chain, object.range.begin, to_string(object.nonce), 0, "rows"), 100,
                          end - begin, 0xabcdefULL});
  return object;
}

}  // namespace sluice::table::example
