// How a partition's log comes back: what is trusted, what is read again, what is cut off. Internal to `log`.
//
// Below the durable watermark nothing may be missing or damaged: if it is, the log is halted and not touched.
// Above it lies what nobody was promised: it is kept as far as it is whole, and cut off from there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "log/partition_log.h"

namespace sluice::log {

class Recovery {
 public:
  Recovery(PartitionLog& log, const OpenHints& hints) : log_(log), hints_(hints) {}

  Result<void> run();

 private:
  /// Where the good part of the log ends, and why.
  struct Stop {
    std::size_t segment = 0;
    std::uint64_t position = 0;
    Offset offset;
    std::string why;
  };
  /// Bytes of a segment that were not known to be durable.
  struct Tail {
    Segment* segment = nullptr;
    std::uint64_t from = 0;
  };

  Result<void> finish_swaps();
  Result<void> finish_swap(Offset base);
  Result<void> read_small_files();
  Result<void> finish_renames();
  Result<void> open_segments();
  Result<void> note_ages();
  Result<std::optional<std::int64_t>> taken_at(Offset snapshot);
  std::size_t first_to_scan() const;
  Result<void> check_trusted(std::size_t end);
  Result<bool> trust(Segment& segment);
  Result<void> scan_all(std::size_t begin);
  Result<void> scan(std::size_t index, bool note_producers);
  Result<std::optional<std::string>> scan_piece(Segment& segment, std::uint64_t file_bytes,
                                                bool note_producers);
  std::optional<std::string> check_place(const Segment& segment, const BatchHead& head) const;
  Result<std::optional<std::string>> take(Segment& segment, const BatchHead& head, BytesView batch,
                                          bool note_producers);
  bool joins_next(std::size_t index);
  bool may_be_hole(Offset end) const;
  void stop(std::size_t index, std::string why);
  Result<void> restore_producers(Offset up_to);
  Result<void> trust_txns(std::size_t index);
  Result<bool> txns_as_noted(const Segment& segment);
  Result<void> settle();
  void doom(const Segment& segment);
  Result<void> halt(bool scanned);
  Result<void> cut();
  Result<void> finish(bool scanned);
  Result<void> rewrite(const Tail& tail);
  void grow_buffer(std::uint64_t file_bytes);
  Result<void> store_scanned();
  Result<void> make_names_again();
  Result<void> remove_doomed();

  PartitionLog& log_;
  OpenHints hints_;
  bool has_watermark_ = false;
  bool epochs_known_ = false;
  Epochs epochs_found_;  // as the batches say, in case the checkpoint is not there
  Offset durable_;       // the lower bound of what must be there
  Offset holes_end_;     // below it, offsets may have no batch
  std::vector<Offset> snapshots_;
  std::vector<std::string> doomed_;  // files to remove once it is clear that the log is not halted
  std::vector<Segment*> scanned_;
  std::vector<Segment*> txns_rebuilt_;  // of sealed segments that were not scanned for it
  std::vector<Tail> tails_;
  std::optional<Stop> stop_;
  Bytes buffer_;
};

}  // namespace sluice::log
