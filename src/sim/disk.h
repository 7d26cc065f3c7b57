// The simulated disk: a tree of files and directories, each change of a name un-durable until its directory
// is synced.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/content.h"

namespace sluice::sim {

struct Node;
using NodePtr = std::shared_ptr<Node>;

/// A file or a directory. Names point to it; it has none itself.
struct Node {
  bool is_dir = false;
  Content content;                         ///< of a file
  std::map<std::string, NodePtr> entries;  ///< of a directory, as the processes see it
  std::map<std::string, NodePtr> durable;  ///< of a directory, as a power cut leaves it at least
};

/// Who holds a lock: a process in one of its lives.
struct LockOwner {
  std::uint64_t process = 0;
  std::uint64_t life = 0;
  friend bool operator==(const LockOwner&, const LockOwner&) = default;
};

/// The verbs' plain effects. Whoever calls holds `mutex`. Faults are the FileSystem's business.
class Disk {
 public:
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

  std::mutex mutex;
  std::uint64_t power_cuts = 0;
  std::uint64_t processes = 0;
  std::uint64_t capacity_bytes = unlimited;
  std::map<NodePtr, LockOwner> locks;

  /// The node at `path`; nullptr where there is none.
  NodePtr find(const std::string& path) const;

  Result<NodePtr> create_file(const std::string& path);
  Result<void> create_dir(const std::string& path);
  Result<void> rename(const std::string& from, const std::string& to, bool may_replace);
  Result<void> remove(const std::string& path, bool is_dir);
  Result<void> sync_dir(const std::string& path);
  /// What a failed sync of the directory does: the changes so far never become durable.
  void fail_sync_dir(const std::string& path);

  /// Writes as much as fits; no_space where that is not all.
  Result<void> write(Node& file, const std::string& path, std::uint64_t offset, BytesView bytes);
  std::uint64_t free_bytes() const;

  void cut_power(Crash crash, Random& random);
  bool is_durable(const std::string& path) const;
  void release_locks(std::uint64_t process);

 private:
  /// A name in a directory that from now on stands for `target`, or, where that is null, for nothing.
  struct Naming {
    NodePtr dir;
    std::string name;
    NodePtr target;
  };
  /// One verb's change of names. A rename has both halves; their order matters: the new name is there before
  /// the old one goes.
  struct Change {
    std::optional<Naming> added;
    std::optional<Naming> removed;

    bool is_atomic() const { return added && removed && added->dir == removed->dir; }
  };
  struct Place {
    NodePtr dir;
    std::string name;
  };

  Result<Place> place_of(const std::string& path, std::string_view action) const;
  void change(Change change);
  /// Makes durable what `chosen` says yes to, and what that needs.
  void persist(const std::function<bool(const Naming&)>& chosen);
  void forget_volatile(const NodePtr& dir, Crash crash, Random& random, std::set<const Node*>& seen);

  NodePtr root_ = std::make_shared<Node>(Node{.is_dir = true, .content = {}, .entries = {}, .durable = {}});
  std::vector<Change> unsynced_;  ///< oldest first
};

}  // namespace sluice::sim
