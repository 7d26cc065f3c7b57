// Where things lie in a table. Every name is made and read here and nowhere else.
//
//   _sluice/table.json                                   the descriptor
//   _sluice/schema/N.json                                schema versions, from 1
//   _sluice/commits/TOPIC_ID/PARTITION/first             the first commit object of a chain (X2)
//   _sluice/commits/TOPIC_ID/PARTITION/BEGIN             those after it; BEGIN has 20 digits
//   _sluice/checkpoints/TOPIC_ID/PARTITION/END           an index over the objects before END (X7)
//   _sluice/tmp/TOPIC_ID/PARTITION/BEGIN-NONCE-K.KIND    temporary files of a range (X3)
//   _sluice/tmp/objects/NAME@NONCE                       an object on its way to NAME
//   _sluice/quarantine/TOPIC_ID-PARTITION-BEGIN-END.jsonl
//   COLUMN=VALUE/.../part-TOPIC_ID-PARTITION-BEGIN-END.parquet
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace sluice::table {

/// The chain of commit objects of one partition of one topic.
struct ChainId {
  Uuid topic_id;
  PartitionId partition;
  friend constexpr bool operator==(ChainId, ChainId) = default;
};

inline constexpr std::string_view descriptor_name = "_sluice/table.json";
inline constexpr std::string_view first_commit = "first";

std::string schema_name(std::int32_t version);
std::string commits_dir(ChainId chain);
/// The name of the object that begins at `begin`; `first` where it opens the chain.
std::string commit_name(ChainId chain, Offset begin, bool first);
std::string checkpoints_dir(ChainId chain);
std::string checkpoint_name(ChainId chain, Offset end);

/// The directory of a chain's temporary files.
std::string temporaries_dir(ChainId chain);
/// A temporary file: `nonce` is the attempt's, `number` tells the files of one attempt apart, `kind` is its
/// extension ("rows", "quarantine"), never "parquet".
std::string temporary_name(ChainId chain, Offset begin, std::string_view nonce, int number,
                           std::string_view kind);
/// The offset at which the range of a temporary file begins; nullopt where `last_part` is no such name.
std::optional<Offset> temporary_begin(std::string_view last_part);

/// A data file. `hive_dir` is "" or "COLUMN=VALUE/..."; `number` tells several files of a range in one
/// directory apart (0 is not shown).
std::string data_file_name(std::string_view hive_dir, ChainId chain, OffsetRange range, int number);
std::string quarantine_file_name(ChainId chain, OffsetRange range);

/// 20 decimal digits, so that names sort as offsets do.
std::string padded(Offset offset);
/// What `padded` gives, and nothing else.
std::optional<Offset> parse_padded(std::string_view text);

}  // namespace sluice::table
