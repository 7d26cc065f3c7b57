// A set of offsets as ranges: what was found missing, doubled or altered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace sluice::audit {

/// Counts exactly; remembers at most `ranges_max` ranges. Offsets may come in any order, also repeatedly:
/// each counts once more.
class OffsetSet {
 public:
  static constexpr std::size_t ranges_max = 10'000;

  void add(Offset offset) { add(OffsetRange{offset, offset + 1}); }
  void add(OffsetRange range);
  /// Counts `count` records of which nobody can say which offsets of `within` they have.
  void add_some(std::int64_t count, OffsetRange within);
  void merge(const OffsetSet& other);

  std::int64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// Sorted, disjoint, folded.
  const std::vector<OffsetRange>& ranges() const;
  /// Some ranges were not remembered, or are wider than what was counted.
  bool incomplete() const { return incomplete_; }

  /// "5, 9..11 (3 more ranges)"; ends of ranges are inclusive here, as people read them.
  std::string to_text(std::size_t shown_max = 20) const;

 private:
  void fold() const;

  std::int64_t count_ = 0;
  bool incomplete_ = false;
  mutable std::vector<OffsetRange> ranges_;
  mutable bool folded_ = true;
};

}  // namespace sluice::audit
