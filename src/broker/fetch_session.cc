#include "broker/fetch_session.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace sluice::broker {
namespace {

constexpr auto evictable_after = std::chrono::minutes(2);  // min.incremental.fetch.session.eviction.ms

}  // namespace

void FetchSession::put(FetchEntry entry) {
  const auto known = places_.find(entry.key());
  if (known == places_.end()) {
    auto key = entry.key();
    entries.push_back(std::move(entry));
    places_.emplace(std::move(key), std::prev(entries.end()));
    return;
  }
  FetchEntry& same = *known->second;
  entry.told_high_watermark = same.told_high_watermark;
  entry.told_log_start = same.told_log_start;
  same = std::move(entry);
}

void FetchSession::drop(const FetchEntry::Key& key) {
  const auto known = places_.find(key);
  if (known == places_.end()) return;
  entries.erase(known->second);
  places_.erase(known);
}

void FetchSession::tell(const FetchEntry::Key& key, std::int64_t high_watermark, std::int64_t log_start,
                        bool gave_records) {
  const auto known = places_.find(key);
  if (known == places_.end()) return;
  known->second->told_high_watermark = high_watermark;
  known->second->told_log_start = log_start;
  if (gave_records) entries.splice(entries.end(), entries, known->second);
}

std::shared_ptr<FetchSession> FetchSessions::find(std::int32_t id, env::Instant now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return nullptr;
  found->second->last_used = now;
  return found->second;
}

std::shared_ptr<FetchSession> FetchSessions::create(std::int32_t id_wanted, env::Instant now) {
  if (sessions_.size() >= slots_max_) {
    const auto oldest =
        std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second->last_used; });
    if (oldest == sessions_.end() || now - oldest->second->last_used < evictable_after) return nullptr;
    sessions_.erase(oldest);
  }
  while (id_wanted <= 0 || sessions_.contains(id_wanted))
    id_wanted =
        id_wanted <= 0 ? 1 : (id_wanted == std::numeric_limits<std::int32_t>::max() ? 1 : id_wanted + 1);
  auto session = std::make_shared<FetchSession>();
  session->id = id_wanted;
  session->epoch = 1;
  session->last_used = now;
  sessions_[session->id] = session;
  return session;
}

bool FetchSessions::has_room(std::size_t more) const {
  for (const auto& [id, session] : sessions_) more += session->entries.size();
  return more <= entries_of_all_max;
}

std::int32_t next_session_epoch(std::int32_t epoch) {
  return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
}

}  // namespace sluice::broker
