// One simulated process on a simulated disk: its lives, its count of operations, the faults that wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "sim/disk.h"
#include "sim/file_system.h"
#include "sim/random.h"

namespace sluice::sim {

/// The error of every call of a dead process: "cannot WHAT: ...".
std::unexpected<Error> process_died(std::string_view what);

/// Guarded by the disk's mutex, apart from perform() and current_life(), which take it.
struct Process {
  Process(std::uint64_t process_id, std::uint64_t seed) : id(process_id), random(seed) {}

  std::uint64_t id;
  Random random;
  std::uint64_t life = 1;             ///< grows with each restart; files of an earlier life are dead
  std::uint64_t power_cuts_seen = 0;  ///< fewer than the disk's: a power cut killed this process
  bool killed = false;
  std::uint64_t operations = 0;
  std::uint64_t reads = 0;
  std::map<std::uint64_t, Fault> faults;
  std::set<std::uint64_t> read_faults;
  std::function<bool(const Operation&)> when;
  Fault when_fault = Fault::eio;
  std::function<void(const Operation&)> hook;
  std::vector<Operation> trace;

  bool alive(const Disk& disk) const { return !killed && power_cuts_seen == disk.power_cuts; }
  std::uint64_t current_life(Disk& disk) const;
  void kill(Disk& disk);
  void forget_faults();
  /// Counts a read; true where it is to fail.
  bool read_fails() { return read_faults.contains(reads++); }

  /// Does one operation of life `in_life`: `apply` where nothing is wrong, `spoil` (may be empty) where a
  /// fault leaves a part of it.
  Result<void> perform(Disk& disk, std::uint64_t in_life, Operation operation,
                       const std::function<Result<void>()>& apply, const std::function<void(Fault)>& spoil);

 private:
  std::optional<Fault> take_fault(const Operation& operation);
};

}  // namespace sluice::sim
