// A topic in memory, and sources over it. For tests: batches are real ones, a partition can be compacted,
// truncated, dropped from its start, hold transactions, and be recreated.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ingest/source.h"
#include "record/builder.h"
#include "record/compression.h"

namespace sluice::ingest {

/// Safe from several threads.
class MemoryTopic {
 public:
  TopicInfo info{"K9qUpRtoTrGWGGkNzaKyQw", "flights", Uuid{0x1f2e3d4c5b6a7988u, 0x0102030405060708u}, false,
                 1};

  struct Stored {
    Piece piece;  // its batch points into `bytes`
    Bytes bytes;
  };
  struct Log {
    Offset start;
    std::vector<Stored> batches;
    std::map<LeaderEpoch, Offset> epoch_ends;
    Offset end() const { return batches.empty() ? start : batches.back().piece.range.end; }
  };

  /// Appends a batch of `values`; returns the offset of the first.
  Offset produce(PartitionId partition, const std::vector<std::string>& values,
                 record::Codec codec = record::Codec::none, LeaderEpoch epoch = LeaderEpoch{0}) {
    record::BatchBuilder builder(codec);
    builder.set_leader_epoch(epoch);
    for (const std::string& value : values) builder.add(timestamp_ms, std::nullopt, as_bytes(value));
    return append(partition, Piece::Kind::records, builder, epoch);
  }
  Offset produce_aborted(PartitionId partition, const std::vector<std::string>& values) {
    record::BatchBuilder builder;
    for (const std::string& value : values) builder.add(timestamp_ms, std::nullopt, as_bytes(value));
    return append(partition, Piece::Kind::aborted, builder, LeaderEpoch{0});
  }
  Offset produce_marker(PartitionId partition) {
    record::BatchBuilder builder;
    builder.add(timestamp_ms, std::nullopt, as_bytes("marker"));
    return append(partition, Piece::Kind::control, builder, LeaderEpoch{0});
  }

  /// Retention: nothing below `offset` is left.
  void drop_before(PartitionId partition, Offset offset) {
    const std::lock_guard lock(mutex);
    Log& log = logs[partition];
    log.start = std::max(log.start, offset);
    std::erase_if(log.batches, [&](const Stored& stored) { return stored.piece.range.end <= offset; });
  }
  /// Compaction, or a hole: the batches within [begin, end) are gone.
  void remove(PartitionId partition, Offset begin, Offset end) {
    const std::lock_guard lock(mutex);
    std::erase_if(logs[partition].batches, [&](const Stored& stored) {
      return stored.piece.range.begin >= begin && stored.piece.range.end <= end;
    });
  }
  /// An unclean leader election: everything from `offset` on is gone.
  void truncate(PartitionId partition, Offset offset) {
    const std::lock_guard lock(mutex);
    std::erase_if(logs[partition].batches,
                  [&](const Stored& stored) { return stored.piece.range.end > offset; });
  }

  std::mutex mutex;
  std::map<PartitionId, Log> logs;
  std::int64_t timestamp_ms = 1'358'000'000'000;
  std::size_t batches_per_poll = 2;
  std::function<void()> on_poll;  ///< before each poll, with no lock held

 private:
  Offset append(PartitionId partition, Piece::Kind kind, record::BatchBuilder& builder, LeaderEpoch epoch) {
    const std::lock_guard lock(mutex);
    Log& log = logs[partition];
    const Offset base = log.end();
    const auto batch = builder.finish(base);
    Stored stored;
    stored.bytes.assign(batch->begin(), batch->end());
    stored.bytes.resize(stored.bytes.size() + record::padding_bytes);
    const std::size_t bytes = batch->size();
    const auto view = record::BatchView::parse(BytesView(stored.bytes).first(bytes));
    stored.piece = {kind, view->range(), epoch, {}};
    log.batches.push_back(std::move(stored));
    log.batches.back().piece.batch = BytesView(log.batches.back().bytes).first(bytes);
    return base;
  }
};

class MemorySource final : public Source {
 public:
  /// `clock` moves while a poll finds nothing.
  MemorySource(MemoryTopic& topic, env::Clock& clock) : topic_(topic), clock_(clock) {}

  Result<TopicInfo> describe() override {
    const std::lock_guard lock(topic_.mutex);
    return topic_.info;
  }
  Result<Bounds> bounds(PartitionId partition) override {
    const std::lock_guard lock(topic_.mutex);
    return bounds_of(topic_.logs[partition]);
  }
  Result<Offset> end_of_epoch(PartitionId partition, LeaderEpoch epoch) override {
    const std::lock_guard lock(topic_.mutex);
    const auto& ends = topic_.logs[partition].epoch_ends;
    const auto found = ends.find(epoch);
    return found == ends.end() ? Offset{-1} : found->second;
  }
  Result<void> assign(PartitionId partition, Offset from, LeaderEpoch) override {
    at_[partition] = from;
    return {};
  }
  void revoke(PartitionId partition) override { at_.erase(partition); }

  Result<std::vector<Polled>> poll(env::Duration wait) override {
    if (topic_.on_poll) topic_.on_poll();
    std::vector<Polled> all = poll_now();
    if (all.empty()) clock_.sleep_for(wait);
    return all;
  }

 private:
  std::vector<Polled> poll_now() {
    const std::lock_guard lock(topic_.mutex);
    lent_.clear();
    std::vector<Polled> all;
    for (auto& [partition, at] : at_) {
      Polled polled = read(partition, at);
      if (!polled.pieces.empty() || !polled.result) all.push_back(std::move(polled));
    }
    return all;
  }

  static Bounds bounds_of(const MemoryTopic::Log& log) { return {log.start, log.end(), log.end()}; }

  Polled read(PartitionId partition, Offset& at) {
    const MemoryTopic::Log& log = topic_.logs[partition];
    Polled polled;
    polled.partition = partition;
    polled.bounds = bounds_of(log);
    if (at < log.start || at > log.end()) {
      polled.result =
          base::fail(Code::out_of_range,
                     "offset " + std::to_string(at.value) + " is not in the topic, which has [" +
                         std::to_string(log.start.value) + "," + std::to_string(log.end().value) + ")");
      return polled;
    }
    for (const MemoryTopic::Stored& stored : log.batches) {
      if (stored.piece.range.end <= at || polled.pieces.size() >= topic_.batches_per_poll) continue;
      lent_.push_back(stored.bytes);  // as a frame: the topic may change meanwhile
      Piece piece = stored.piece;
      piece.batch = BytesView(lent_.back()).first(stored.piece.batch.size());
      polled.pieces.push_back(piece);
      at = piece.range.end;
    }
    return polled;
  }

  MemoryTopic& topic_;
  env::Clock& clock_;
  std::map<PartitionId, Offset> at_;
  std::vector<Bytes> lent_;
};

}  // namespace sluice::ingest
