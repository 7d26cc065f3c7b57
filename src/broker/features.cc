#include "broker/features.h"

#include <algorithm>

#include "broker/router.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t txn_offset_commit_key = 28;
constexpr std::int16_t consumer_group_heartbeat_key = 68;

bool is_routed(std::int16_t key) {
  return std::ranges::find(routes(), key, &Route::key) != routes().end();
}

}  // namespace

std::vector<Feature> features(const Core&) {
  std::vector<Feature> out;
  if (is_routed(consumer_group_heartbeat_key)) out.push_back({"group.version", 0, 1});
  out.push_back({"metadata.version", 7, 30});
  if (is_routed(txn_offset_commit_key)) out.push_back({"transaction.version", 0, 2});
  return out;
}

}  // namespace sluice::broker
