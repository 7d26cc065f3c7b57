// The side of FileSystem that faces the test: faults, death, questions.

#include <utility>

#include <fmt/format.h>

#include "sim/disk.h"
#include "sim/file_system.h"
#include "sim/process.h"

namespace sluice::sim {

std::string_view name(Verb verb) {
  switch (verb) {
    case Verb::create:
      return "create";
    case Verb::write:
      return "write";
    case Verb::truncate:
      return "truncate";
    case Verb::sync:
      return "sync";
    case Verb::create_dir:
      return "create_dir";
    case Verb::rename:
      return "rename";
    case Verb::remove:
      return "remove";
    case Verb::sync_dir:
      return "sync_dir";
  }
  return "unknown";
}

std::string_view name(Crash crash) {
  switch (crash) {
    case Crash::plain:
      return "plain";
    case Crash::torn:
      return "torn";
    case Crash::sync_lost:
      return "sync_lost";
    case Crash::rename_lost:
      return "rename_lost";
    case Crash::all_lost:
      return "all_lost";
  }
  return "unknown";
}

std::string to_string(const Operation& operation) {
  std::string text =
      fmt::format("operation {}: {} {}", operation.number, name(operation.verb), operation.path);
  if (operation.verb == Verb::write)
    text += fmt::format(" [{}, {})", operation.offset, operation.offset + operation.bytes);
  if (operation.verb == Verb::truncate) text += fmt::format(" to {} bytes", operation.bytes);
  if (operation.verb == Verb::rename) text += " to " + operation.to;
  return text;
}

void FileSystem::fail_operation(std::uint64_t number, Fault fault) {
  const std::lock_guard held(disk_->mutex);
  process_->faults[number] = fault;
}

void FileSystem::fail_when(std::function<bool(const Operation&)> when, Fault fault) {
  const std::lock_guard held(disk_->mutex);
  process_->when = std::move(when);
  process_->when_fault = fault;
}

void FileSystem::fail_read(std::uint64_t number) {
  const std::lock_guard held(disk_->mutex);
  process_->read_faults.insert(number);
}

void FileSystem::clear_faults() {
  const std::lock_guard held(disk_->mutex);
  process_->forget_faults();
}

void FileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard held(disk_->mutex);
  disk_->capacity_bytes = bytes;
}

void FileSystem::before_operation(std::function<void(const Operation&)> hook) {
  const std::lock_guard held(disk_->mutex);
  process_->hook = std::move(hook);
}

std::uint64_t FileSystem::operations() const {
  const std::lock_guard held(disk_->mutex);
  return process_->operations;
}

std::uint64_t FileSystem::reads() const {
  const std::lock_guard held(disk_->mutex);
  return process_->reads;
}

std::vector<Operation> FileSystem::trace() const {
  const std::lock_guard held(disk_->mutex);
  return process_->trace;
}

void FileSystem::die() {
  const std::lock_guard held(disk_->mutex);
  process_->kill(*disk_);
}

bool FileSystem::dead() const {
  const std::lock_guard held(disk_->mutex);
  return !process_->alive(*disk_);
}

void FileSystem::restart(Crash crash) {
  const std::lock_guard held(disk_->mutex);
  process_->kill(*disk_);
  disk_->cut_power(crash, process_->random);
  process_->forget_faults();
  ++process_->life;
  process_->power_cuts_seen = disk_->power_cuts;
  process_->killed = false;
}

bool FileSystem::is_durable(const std::string& path) const {
  const std::lock_guard held(disk_->mutex);
  return disk_->is_durable(path);
}

}  // namespace sluice::sim
