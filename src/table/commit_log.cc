#include "table/commit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <utility>

namespace sluice::table {
namespace {

CommitCounts add(CommitCounts a, const CommitCounts& b) {
  a.rows += b.rows;
  a.quarantined += b.quarantined;
  a.filtered += b.filtered;
  a.control += b.control;
  a.aborted += b.aborted;
  a.compacted += b.compacted;
  a.lost += b.lost;
  return a;
}

std::string range_text(OffsetRange range) {
  return fmt::format("[{},{})", range.begin.value, range.end.value);
}

}  // namespace

CommitLog::CommitLog(Store& store, ChainId id, std::string cluster_id)
    : store_(store), id_(id), cluster_id_(std::move(cluster_id)) {}

Result<void> CommitLog::fits(const std::string& name, const CommitObject& object) const {
  if (object.topic_id != id_.topic_id || object.partition != id_.partition ||
      object.cluster_id != cluster_id_) {
    return base::fail(
        Code::corrupt,
        fmt::format(
            "the chain of partition {} was not read: {} belongs to partition {} of topic id {}, cluster {}",
            id_.partition.value, name, object.partition.value, to_string(object.topic_id),
            object.cluster_id));
  }
  if (started_ && object.range.begin != end_) {
    return base::fail(Code::corrupt,
                      fmt::format("the chain of partition {} was not read on from {}: {} holds the range {}",
                                  id_.partition.value, end_.value, name, range_text(object.range)));
  }
  return {};
}

Result<std::optional<CommitObject>> CommitLog::read(const std::string& name) {
  const auto bytes = SLUICE_TRY(store_.get(name, commit_object_bytes_max));
  if (!bytes) return std::nullopt;
  Result<CommitObject> object = decode_commit_object(*bytes);
  if (!object) return std::unexpected(std::move(object.error()).in(name));
  return *std::move(object);
}

void CommitLog::append(CommitObject object) {
  if (!started_) begin_ = object.range.begin;
  started_ = true;
  end_ = object.range.end;
  last_ = object;
  tail_.push_back(std::move(object));
}

Result<bool> CommitLog::walk() {
  bool grew = false;
  while (true) {
    const std::string name = commit_name(id_, end_, !started_);
    auto object = SLUICE_TRY(read(name));
    if (!object) return grew;
    SLUICE_TRY(fits(name, *object));
    append(*std::move(object));
    grew = true;
  }
}

Result<bool> CommitLog::read_on() {
  const bool grew = SLUICE_TRY(walk());
  // What was read may have been created by a worker that died before its name was durable (X4).
  if (grew) SLUICE_TRY(store_.sync_names(commits_dir(id_)));
  return grew;
}

Result<void> CommitLog::start_from_checkpoint() {
  const auto names = SLUICE_TRY(store_.list(checkpoints_dir(id_)));
  for (const std::string& name : names | std::views::reverse) {
    const auto bytes = SLUICE_TRY(store_.get(checkpoints_dir(id_) + "/" + name, checkpoint_bytes_max));
    if (!bytes) continue;
    auto checkpoint = decode_checkpoint(*bytes);
    if (!checkpoint || padded(checkpoint->end) != name)
      continue;  // it replaces nothing: an older one does, or none
    if (checkpoint->topic_id != id_.topic_id || checkpoint->partition != id_.partition ||
        checkpoint->cluster_id != cluster_id_)
      continue;
    const OffsetRange range = checkpoint->ranges.back();
    const std::string object_name = commit_name(id_, range.begin, range.begin == checkpoint->start);
    auto object = SLUICE_TRY(read(object_name));
    if (!object || object->range != range) {
      return base::fail(
          Code::corrupt,
          fmt::format(
              "the chain of partition {} was not read: the checkpoint at {} names the range {}, and {} is {}",
              id_.partition.value, checkpoint->end.value, range_text(range), object_name,
              object ? "another range" : "missing"),
          "sluice audit run tells what the table still holds");
    }
    SLUICE_TRY(fits(object_name, *object));
    started_ = true;
    begin_ = checkpoint->start;
    end_ = checkpoint->end;
    last_ = *std::move(object);
    checkpoint_ = *std::move(checkpoint);
    return {};
  }
  return {};
}

Result<void> CommitLog::open() {
  const auto names = SLUICE_TRY(store_.list(commits_dir(id_)));
  if (names.empty()) return {};
  if (std::ranges::find(names, first_commit) == names.end()) {
    return base::fail(
        Code::corrupt,
        fmt::format(
            "the chain of partition {} was not read: {}/{} is missing, and there are {} later objects",
            id_.partition.value, commits_dir(id_), first_commit, names.size()),
        "sluice audit run tells what the table still holds");
  }
  SLUICE_TRY(start_from_checkpoint());
  const Offset from = started_ ? end_ : Offset{-1};
  SLUICE_TRY(walk());
  SLUICE_TRY(store_.sync_names(commits_dir(id_)));
  std::set<Offset> begins;
  for (const CommitObject& object : tail_) begins.insert(object.range.begin);
  for (const std::string& name : names) {
    const auto begin = parse_padded(name);
    if (!begin || *begin < from || begins.contains(*begin)) continue;
    return base::fail(
        Code::corrupt,
        fmt::format(
            "the chain of partition {} was not relied upon: it is whole up to offset {}, and {}/{} does not "
            "continue it: a commit object is missing",
            id_.partition.value, end_.value, commits_dir(id_), name),
        "sluice audit run tells which offsets the table lacks");
  }
  return {};
}

Result<CommitOutcome> CommitLog::commit(const CommitObject& object) {
  const std::string name = commit_name(id_, object.range.begin, !started_);
  SLUICE_TRY(fits(name, object));  // X2: a range begins at the end of its predecessor
  const Bytes bytes = SLUICE_TRY(encode(object));
  Result<void> put = store_.put_new(name, bytes);
  if (put) {
    append(object);
    return CommitOutcome::committed;
  }
  // Refused, or the answer is lost: what is there decides.
  const auto there = SLUICE_TRY(read(name));
  if (!there) {
    return std::unexpected(std::move(put.error())
                               .in(fmt::format("partition {} offsets {} were not committed",
                                               id_.partition.value, range_text(object.range))));
  }
  SLUICE_TRY(read_on());
  return there->nonce == object.nonce ? CommitOutcome::committed : CommitOutcome::refused;
}

Result<void> CommitLog::write_checkpoint() {
  while (!tail_.empty()) {
    const std::size_t count = std::min(tail_.size(), checkpoint_ranges_max);
    Checkpoint next;
    next.cluster_id = cluster_id_;
    next.topic_id = id_.topic_id;
    next.partition = id_.partition;
    next.start = begin_;
    next.end = tail_[count - 1].range.end;
    if (checkpoint_) {
      next.previous_end = checkpoint_->end;
      next.commits = checkpoint_->commits;
      next.counts = checkpoint_->counts;
    }
    next.commits += static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      next.counts = add(next.counts, tail_[i].counts);
      next.ranges.push_back(tail_[i].range);
    }
    const Bytes bytes = SLUICE_TRY(encode(next));
    const Result<void> put = store_.put_new(checkpoint_name(id_, next.end), bytes);
    // Another worker's checkpoint at the same end certifies the same.
    if (!put && put.error().code != Code::already_exists) return put;
    checkpoint_ = std::move(next);
    tail_.erase(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return {};
}

Result<std::optional<CommitObject>> CommitLog::object_at(Offset begin) {
  return read(commit_name(id_, begin, started_ && begin == begin_));
}

Result<std::vector<CommitObject>> read_whole_chain(Store& store, ChainId id, const std::string& cluster_id) {
  const auto names = SLUICE_TRY(store.list(commits_dir(id)));  // first: what comes later may be a new commit
  std::vector<CommitObject> chain;
  Offset end;
  while (true) {
    const std::string name = commit_name(id, end, chain.empty());
    const auto bytes = SLUICE_TRY(store.get(name, commit_object_bytes_max));
    if (!bytes) break;
    Result<CommitObject> object = decode_commit_object(*bytes);
    if (!object) return std::unexpected(std::move(object.error()).in(name));
    const bool ours = object->topic_id == id.topic_id && object->partition == id.partition &&
                      object->cluster_id == cluster_id;
    if (!ours || (!chain.empty() && object->range.begin != end)) {
      return base::fail(
          Code::corrupt,
          fmt::format("the chain of partition {} was not read on from {}: {} does not belong there",
                      id.partition.value, end.value, name));
    }
    end = object->range.end;
    chain.push_back(*std::move(object));
  }
  std::set<std::string> read;
  for (const CommitObject& object : chain) read.insert(commit_name(id, object.range.begin, read.empty()));
  for (const std::string& name : names) {
    if ((name != first_commit && !parse_padded(name)) || read.contains(commits_dir(id) + "/" + name))
      continue;
    return base::fail(
        Code::corrupt,
        fmt::format("the chain of partition {} is whole up to offset {}, and {}/{} does not continue it: a "
                    "commit object is missing",
                    id.partition.value, end.value, commits_dir(id), name),
        "sluice audit run tells which offsets the table lacks");
  }
  return chain;
}

}  // namespace sluice::table
