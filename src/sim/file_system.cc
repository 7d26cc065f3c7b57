#include "sim/file_system.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/disk.h"
#include "sim/process.h"

namespace sluice::sim {
class FileSystem::OpenFile final : public env::File {
 public:
  OpenFile(std::shared_ptr<Disk> disk, std::shared_ptr<Process> process, NodePtr node, std::string path,
           bool writable)
      : disk_(std::move(disk)),
        process_(std::move(process)),
        node_(std::move(node)),
        path_(std::move(path)),
        life_(process_->life),
        writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes out) override {
    const std::lock_guard held(disk_->mutex);
    if (!alive()) return process_died("read " + path_);
    if (process_->read_fails())
      return fail(Code::io_failed, fmt::format("injected fault: cannot read {} at {}", path_, offset));
    if (node_->is_dir) return fail(Code::io_failed, fmt::format("cannot read {}: it is a directory", path_));
    const Bytes& content = node_->content.now();
    if (offset >= content.size()) return 0;
    const auto part = BytesView(content).subspan(offset, std::min(out.size(), content.size() - offset));
    std::copy(part.begin(), part.end(), out.begin());
    return part.size();
  }

  Result<void> write_at(std::uint64_t offset, BytesView bytes) override {
    SLUICE_TRY(check_writable());
    return perform(
        {.verb = Verb::write, .path = path_, .to = {}, .offset = offset, .bytes = bytes.size()},
        [&] { return disk_->write(*node_, path_, offset, bytes); },
        [&](Fault) {
          const auto part = bytes.first(process_->random.below(bytes.size() + 1));
          static_cast<void>(disk_->write(*node_, path_, offset, part));
        });
  }

  Result<void> write_parts_at(std::uint64_t offset, std::span<const BytesView> parts) override {
    Bytes joined;  // one system call, so one operation
    for (BytesView part : parts) joined.insert(joined.end(), part.begin(), part.end());
    return write_at(offset, joined);
  }

  Result<std::uint64_t> size() override {
    const std::lock_guard held(disk_->mutex);
    if (!alive()) return process_died("read the size of " + path_);
    return node_->content.now().size();
  }

  Result<void> truncate(std::uint64_t size) override {
    SLUICE_TRY(check_writable());
    return perform(
        {.verb = Verb::truncate, .path = path_, .to = {}, .bytes = size},
        [&]() -> Result<void> {
          node_->content.truncate(size);
          return {};
        },
        nullptr);
  }

  Result<void> sync() override {
    return perform(
        {.verb = Verb::sync, .path = path_, .to = {}},
        [&]() -> Result<void> {
          node_->content.sync();
          return {};
        },
        [&](Fault fault) {
          if (fault != Fault::die) node_->content.fail_sync();
        });
  }

 private:
  bool alive() const { return process_->alive(*disk_) && process_->life == life_; }

  Result<void> check_writable() const {
    if (writable_) return {};
    return fail(Code::io_failed, fmt::format("cannot write to {}: it is open for reading only", path_));
  }

  Result<void> perform(const Operation& operation, const std::function<Result<void>()>& apply,
                       const std::function<void(Fault)>& spoil) {
    return process_->perform(*disk_, life_, operation, apply, spoil);
  }

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Process> process_;
  NodePtr node_;
  std::string path_;
  std::uint64_t life_;
  bool writable_;
};

class FileSystem::HeldLock final : public env::Lock {
 public:
  HeldLock(std::shared_ptr<Disk> disk, NodePtr node, LockOwner owner)
      : disk_(std::move(disk)), node_(std::move(node)), owner_(owner) {}
  ~HeldLock() override {
    const std::lock_guard held(disk_->mutex);
    const auto lock = disk_->locks.find(node_);
    if (lock != disk_->locks.end() && lock->second == owner_) disk_->locks.erase(lock);
  }
  HeldLock(const HeldLock&) = delete;
  HeldLock& operator=(const HeldLock&) = delete;

 private:
  std::shared_ptr<Disk> disk_;
  NodePtr node_;
  LockOwner owner_;
};

FileSystem::FileSystem(std::uint64_t seed)
    : disk_(std::make_shared<Disk>()), process_(std::make_shared<Process>(++disk_->processes, seed)) {}

FileSystem::FileSystem(const FileSystem& other, std::uint64_t seed) : disk_(other.disk_) {
  const std::lock_guard held(disk_->mutex);
  process_ = std::make_shared<Process>(++disk_->processes, seed);
  process_->power_cuts_seen = disk_->power_cuts;
}

FileSystem::~FileSystem() = default;

Result<void> FileSystem::perform(const Operation& operation, const std::function<Result<void>()>& apply,
                                 const std::function<void(Fault)>& spoil) {
  return process_->perform(*disk_, process_->current_life(*disk_), operation, apply, spoil);
}

Result<NodePtr> FileSystem::look_up(const std::string& path, std::string_view action) {
  const std::lock_guard held(disk_->mutex);
  if (!process_->alive(*disk_)) return process_died(fmt::format("{} {}", action, path));
  return disk_->find(path);
}

Result<std::unique_ptr<env::File>> FileSystem::open(const std::string& path, env::OpenMode mode) {
  using env::OpenMode;
  NodePtr node = SLUICE_TRY(look_up(path, "open"));
  const bool makes = mode == OpenMode::create_new || mode == OpenMode::create_truncate ||
                     (mode == OpenMode::create && !node);
  if (makes) {
    const auto make = [&]() -> Result<void> {
      node = disk_->find(path);
      if (node && mode == OpenMode::create_new)
        return fail(Code::already_exists, fmt::format("cannot open {}: the name is taken", path));
      if (node && node->is_dir)
        return fail(Code::io_failed, fmt::format("cannot open {}: it is a directory", path));
      if (!node) node = SLUICE_TRY(disk_->create_file(path));
      if (mode == OpenMode::create_truncate && !node->content.now().empty()) node->content.truncate(0);
      return {};
    };
    SLUICE_TRY(perform({.verb = Verb::create, .path = path, .to = {}}, make, nullptr));
  }
  if (!node) return fail(Code::not_found, fmt::format("cannot open {}: no such file", path));
  if (node->is_dir && mode != OpenMode::read)
    return fail(Code::io_failed, fmt::format("cannot open {}: it is a directory", path));
  const std::lock_guard held(disk_->mutex);
  return std::make_unique<OpenFile>(disk_, process_, node, path, mode != OpenMode::read);
}

Result<bool> FileSystem::exists(const std::string& path) {
  return SLUICE_TRY(look_up(path, "look up")) != nullptr;
}

Result<std::vector<env::DirEntry>> FileSystem::list(const std::string& dir) {
  const NodePtr node = SLUICE_TRY(look_up(dir, "list"));
  if (!node) return fail(Code::not_found, fmt::format("cannot list {}: no such directory", dir));
  if (!node->is_dir) return fail(Code::io_failed, fmt::format("cannot list {}: it is not a directory", dir));
  const std::lock_guard held(disk_->mutex);
  if (process_->read_fails())
    return fail(Code::io_failed, fmt::format("injected fault: cannot list {}", dir));
  std::vector<env::DirEntry> entries;  // a map's order is the sorted one
  for (const auto& [name, child] : node->entries) entries.push_back({name, child->is_dir});
  return entries;
}

Result<void> FileSystem::create_dir(const std::string& path) {
  return perform(
      {.verb = Verb::create_dir, .path = path, .to = {}}, [&] { return disk_->create_dir(path); }, nullptr);
}

Result<void> FileSystem::rename(const std::string& from, const std::string& to) {
  return perform(
      {.verb = Verb::rename, .path = from, .to = to}, [&] { return disk_->rename(from, to, true); }, nullptr);
}

Result<void> FileSystem::rename_noreplace(const std::string& from, const std::string& to) {
  return perform(
      {.verb = Verb::rename, .path = from, .to = to}, [&] { return disk_->rename(from, to, false); },
      nullptr);
}

Result<void> FileSystem::remove_file(const std::string& path) {
  return perform(
      {.verb = Verb::remove, .path = path, .to = {}}, [&] { return disk_->remove(path, false); }, nullptr);
}

Result<void> FileSystem::remove_dir(const std::string& path) {
  return perform(
      {.verb = Verb::remove, .path = path, .to = {}}, [&] { return disk_->remove(path, true); }, nullptr);
}

Result<void> FileSystem::sync_dir(const std::string& dir) {
  return perform(
      {.verb = Verb::sync_dir, .path = dir, .to = {}}, [&] { return disk_->sync_dir(dir); },
      [&](Fault fault) {
        if (fault != Fault::die) disk_->fail_sync_dir(dir);
      });
}

Result<void> FileSystem::sync_file(const std::string& path) {
  const auto file = SLUICE_TRY(open(path, env::OpenMode::read));
  return file->sync();
}

Result<std::unique_ptr<env::Lock>> FileSystem::lock(const std::string& path) {
  SLUICE_TRY(open(path, env::OpenMode::create));
  const std::lock_guard held(disk_->mutex);
  if (!process_->alive(*disk_)) return process_died("lock " + path);
  const NodePtr node = disk_->find(path);
  if (!node) return fail(Code::not_found, fmt::format("cannot lock {}: no such file", path));
  const LockOwner owner{process_->id, process_->life};
  const auto [lock, is_new] = disk_->locks.emplace(node, owner);
  if (!is_new)
    return fail(Code::conflict, fmt::format("cannot lock {}: process {} has it", path, lock->second.process),
                "stop that process first, or use another directory");
  return std::make_unique<HeldLock>(disk_, node, owner);
}

Result<std::uint64_t> FileSystem::free_bytes(const std::string& path) {
  const NodePtr node = SLUICE_TRY(look_up(path, "read the free space of"));
  if (!node)
    return fail(Code::not_found, fmt::format("cannot read the free space of {}: no such file", path));
  const std::lock_guard held(disk_->mutex);
  return disk_->free_bytes();
}

}  // namespace sluice::sim
