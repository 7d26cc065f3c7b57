// What an audit found. Format of the JSON: docs/formats/audit_report.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/offset_set.h"
#include "base/ids.h"

namespace sluice::audit {

enum class Verdict : std::uint8_t {
  verified,   ///< every record that the table claims is there once, as it was, and the topic still had it
  wrong,      ///< something is missing, doubled, altered, or the commit log is damaged
  undecided,  ///< nothing wrong was found, but not everything could be looked at
};
std::string_view name(Verdict verdict);

/// One thing that is not as it should be, in words, with its place.
struct Finding {
  bool wrong = true;  ///< false: only keeps the audit from deciding
  std::string what;
};

struct PartitionReport {
  PartitionId partition;
  OffsetRange committed;  ///< the chain, from its first to its last commit object; empty: no chain
  OffsetRange topic;      ///< [log start, end) at the time of the audit
  std::int64_t commits = 0;
  std::int64_t verified = 0;     ///< records that are in the table or in quarantine exactly as in the topic
  std::int64_t quarantined = 0;  ///< of them
  std::int64_t unverifiable =
      0;                       ///< rows that the topic no longer has; their files agree with the commit log
  std::int64_t explained = 0;  ///< offsets without a record: markers, aborted, compacted, accepted gaps
  OffsetSet missing;
  OffsetSet duplicate;
  OffsetSet altered;
  std::vector<Finding> findings;

  /// Records that the table has to account for.
  std::int64_t records() const { return verified + unverifiable + missing.count() + altered.count(); }
  /// Records in the topic that the table has not reached yet.
  std::int64_t behind() const;
  Verdict verdict() const;
};

struct Report {
  std::string topic;
  std::string cluster_id;
  Uuid topic_id;
  std::string table;
  std::vector<PartitionReport> partitions;
  std::vector<Finding> findings;  ///< about the table as a whole

  std::int64_t records() const;
  std::int64_t missing() const;
  std::int64_t duplicate() const;
  std::int64_t altered() const;
  std::int64_t unverifiable() const;
  Verdict verdict() const;
};

/// Lines for people: one a partition, what was found, and at last "missing N duplicate N altered N: VERDICT".
std::string to_text(const Report& report);
/// One JSON object and a newline.
std::string to_json(const Report& report);

}  // namespace sluice::audit
