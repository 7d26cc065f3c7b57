// A chain of commit objects: reading it, and adding to it. The heart of exactly once: X1, X2, X4, X7.
#pragma once

#include <string>
#include <vector>

#include "table/checkpoint.h"
#include "table/commit_object.h"
#include "table/names.h"
#include "table/store.h"

namespace sluice::table {

enum class CommitOutcome : std::uint8_t {
  committed,  ///< the object is there, durable, and this one
  refused,    ///< another worker decided about this offset; the chain has been read on to its end
};

/// One partition's chain, as far as it has been read. One thread. `store` outlives it.
class CommitLog {
 public:
  CommitLog(Store& store, ChainId id, std::string cluster_id);

  /// Reads the chain from its last checkpoint to its end and makes what was read durable, so that it may be
  /// relied upon. corrupt where an object is damaged, misplaced, or missing with later ones present.
  Result<void> open();
  /// Reads on from the end; true where others had added something.
  Result<bool> read_on();

  bool started() const { return started_; }
  Offset begin() const { return begin_; }  ///< where the chain starts; only if started()
  Offset end() const { return end_; }      ///< the next range begins here; only if started()
  /// The last object; nullptr before the first.
  const CommitObject* last() const { return last_ ? &*last_ : nullptr; }
  /// The objects after the last checkpoint, oldest first: those whose files may still lack their final names
  /// (X6).
  const std::vector<CommitObject>& tail() const { return tail_; }
  ChainId id() const { return id_; }

  /// Commits `object`, whose range begins at end() (or, before the first, where the chain is to start). Its
  /// files are complete and durable under their temporary names. Decides by what is in the store after a
  /// refusal and after a lost answer. An error: not known to be committed; give up this CommitLog and open
  /// another.
  Result<CommitOutcome> commit(const CommitObject& object);

  /// Certifies that all of tail() is published: call only then. No-op on an empty tail.
  Result<void> write_checkpoint();

  /// The object that begins at `begin`; nullopt where none does.
  Result<std::optional<CommitObject>> object_at(Offset begin);

 private:
  Result<std::optional<CommitObject>> read(const std::string& name);
  Result<void> fits(const std::string& name, const CommitObject& object) const;
  Result<void> start_from_checkpoint();
  Result<bool> walk();
  void append(CommitObject object);

  Store& store_;
  const ChainId id_;
  const std::string cluster_id_;
  bool started_ = false;
  Offset begin_;
  Offset end_;
  std::optional<CommitObject> last_;
  std::optional<Checkpoint> checkpoint_;
  std::vector<CommitObject> tail_;
};

/// Every object of a chain, oldest first, for audits and repairs: no checkpoint is believed. corrupt as for
/// CommitLog::open().
Result<std::vector<CommitObject>> read_whole_chain(Store& store, ChainId id, const std::string& cluster_id);

}  // namespace sluice::table
