#include "audit/offset_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::audit {

void OffsetSet::add(OffsetRange range) {
  if (range.empty()) return;
  count_ += range.count();
  if (!ranges_.empty() && ranges_.back().end == range.begin) {
    ranges_.back().end = range.end;
    return;
  }
  folded_ = folded_ && (ranges_.empty() || ranges_.back().end < range.begin);
  if (ranges_.size() >= ranges_max) fold();
  if (ranges_.size() >= ranges_max) {
    incomplete_ = true;
    return;
  }
  ranges_.push_back(range);
}

void OffsetSet::add_some(std::int64_t count, OffsetRange within) {
  if (count <= 0) return;
  const auto before = count_;
  add(within);
  count_ = before + count;
  if (count != within.count()) incomplete_ = true;
}

void OffsetSet::merge(const OffsetSet& other) {
  const auto sum = count_ + other.count_;
  for (const auto range : other.ranges()) add(range);
  count_ = sum;
  incomplete_ = incomplete_ || other.incomplete_;
}

const std::vector<OffsetRange>& OffsetSet::ranges() const {
  fold();
  return ranges_;
}

void OffsetSet::fold() const {
  if (folded_) return;
  folded_ = true;
  std::ranges::sort(ranges_, {}, &OffsetRange::begin);
  std::size_t last = 0;
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].begin <= ranges_[last].end) {
      ranges_[last].end = std::max(ranges_[last].end, ranges_[i].end);
    } else {
      ranges_[++last] = ranges_[i];
    }
  }
  ranges_.resize(last + 1);
}

std::string OffsetSet::to_text(std::size_t shown_max) const {
  std::string out;
  const auto& all = ranges();
  for (std::size_t i = 0; i < all.size() && i < shown_max; ++i) {
    if (i != 0) out += ", ";
    out += all[i].count() == 1 ? fmt::format("{}", all[i].begin.value)
                               : fmt::format("{}..{}", all[i].begin.value, all[i].end.value - 1);
  }
  if (all.size() > shown_max) out += fmt::format(" ({} more ranges)", all.size() - shown_max);
  if (incomplete_) out += " (not all of them are exact)";
  return out;
}

}  // namespace sluice::audit
