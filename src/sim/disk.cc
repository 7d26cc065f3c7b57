#include "sim/disk.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

namespace sluice::sim {
namespace {

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> names;
  for (auto part : std::views::split(std::string_view(path), '/')) {
    const std::string_view name(part.begin(), part.end());
    if (!name.empty() && name != ".") names.emplace_back(name);
  }
  return names;
}

std::unexpected<Error> refuse(Code code, std::string_view action, const std::string& path,
                              std::string_view why) {
  return fail(code, fmt::format("cannot {} {}: {}", action, path, why));
}

std::uint64_t file_bytes(const Node& node) {
  if (!node.is_dir) return node.content.now().size();
  std::uint64_t sum = 0;
  for (const auto& [name, child] : node.entries) sum += file_bytes(*child);
  return sum;
}

}  // namespace

NodePtr Disk::find(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& name : components(path)) {
    const auto entry = node->entries.find(name);
    if (entry == node->entries.end()) return nullptr;
    node = entry->second;
  }
  return node;
}

Result<Disk::Place> Disk::place_of(const std::string& path, std::string_view action) const {
  const auto names = components(path);
  if (names.empty()) return refuse(Code::invalid_argument, action, path, "it is the root");
  const NodePtr dir = find(env::parent(path));
  if (!dir) return refuse(Code::not_found, action, path, "no such directory");
  if (!dir->is_dir) return refuse(Code::io_failed, action, path, "the parent is not a directory");
  return Place{dir, names.back()};
}

void Disk::change(Change change) {
  for (auto* half : {&change.added, &change.removed}) {
    if (!*half) continue;
    auto& entries = (*half)->dir->entries;
    if ((*half)->target) {
      entries[(*half)->name] = (*half)->target;
    } else {
      entries.erase((*half)->name);
    }
  }
  unsynced_.push_back(std::move(change));
}

Result<NodePtr> Disk::create_file(const std::string& path) {
  auto [dir, name] = SLUICE_TRY(place_of(path, "open"));
  auto node = std::make_shared<Node>();
  change({Naming{dir, name, node}, std::nullopt});
  return node;
}

Result<void> Disk::create_dir(const std::string& path) {
  if (find(path)) return refuse(Code::already_exists, "make directory", path, "the name is taken");
  auto [dir, name] = SLUICE_TRY(place_of(path, "make directory"));
  auto node = std::make_shared<Node>();
  node->is_dir = true;
  change({Naming{dir, name, node}, std::nullopt});
  return {};
}

Result<void> Disk::rename(const std::string& from, const std::string& to, bool may_replace) {
  const auto source = SLUICE_TRY(place_of(from, "rename"));
  const auto target = SLUICE_TRY(place_of(to, "rename to"));
  const NodePtr node = find(from);
  if (!node) return refuse(Code::not_found, "rename", from, "no such file");
  if (const NodePtr there = find(to)) {
    if (!may_replace)
      return refuse(Code::already_exists, fmt::format("rename {} to", from), to, "the name is taken");
    if (there == node) return {};
    if (there->is_dir != node->is_dir)
      return refuse(Code::io_failed, fmt::format("rename {} to", from), to, "one of them is a directory");
    if (!there->entries.empty())
      return refuse(Code::conflict, fmt::format("rename {} to", from), to, "directory not empty");
  }
  change({Naming{target.dir, target.name, node}, Naming{source.dir, source.name, nullptr}});
  return {};
}

Result<void> Disk::remove(const std::string& path, bool is_dir) {
  const auto place = SLUICE_TRY(place_of(path, "remove"));
  const NodePtr node = find(path);
  if (!node) return refuse(Code::not_found, "remove", path, "no such file or directory");
  if (node->is_dir != is_dir)
    return refuse(Code::io_failed, "remove", path, is_dir ? "it is not a directory" : "it is a directory");
  if (!node->entries.empty()) return refuse(Code::conflict, "remove", path, "directory not empty");
  change({std::nullopt, Naming{place.dir, place.name, nullptr}});
  return {};
}

Result<void> Disk::sync_dir(const std::string& path) {
  const NodePtr dir = find(path);
  if (!dir) return refuse(Code::not_found, "sync directory", path, "no such directory");
  if (!dir->is_dir) return refuse(Code::io_failed, "sync directory", path, "it is not a directory");
  persist([&](const Naming& naming) { return naming.dir == dir; });
  return {};
}

void Disk::fail_sync_dir(const std::string& path) {
  const NodePtr dir = find(path);
  std::erase_if(unsynced_, [&](const Change& change) {
    return (change.added && change.added->dir == dir) || (change.removed && change.removed->dir == dir);
  });
}

void Disk::persist(const std::function<bool(const Naming&)>& chosen) {
  // From the newest change back: a name's change needs the earlier changes of that name, and an old name may
  // only go where the new one has come.
  std::set<std::pair<Node*, std::string>> needed;
  std::vector<std::pair<bool, bool>> kept(unsynced_.size());
  const auto wanted = [&](const std::optional<Naming>& half) {
    return half && (needed.contains({half->dir.get(), half->name}) || chosen(*half));
  };
  for (std::size_t i = unsynced_.size(); i-- > 0;) {
    const Change& change = unsynced_[i];
    auto& [added, removed] = kept[i];
    added = wanted(change.added);
    removed = wanted(change.removed);
    if (change.is_atomic()) removed = added || removed;
    if (removed && change.added) added = true;
    if (added) needed.emplace(change.added->dir.get(), change.added->name);
    if (removed) needed.emplace(change.removed->dir.get(), change.removed->name);
  }
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    Change& change = unsynced_[i];
    if (kept[i].first) {
      change.added->dir->durable[change.added->name] = change.added->target;
      change.added.reset();
    }
    if (kept[i].second) {
      change.removed->dir->durable.erase(change.removed->name);
      change.removed.reset();
    }
  }
  std::erase_if(unsynced_, [](const Change& change) { return !change.added && !change.removed; });
}

std::uint64_t Disk::free_bytes() const {
  if (capacity_bytes == unlimited) return unlimited;
  const std::uint64_t used = file_bytes(*root_);
  return used < capacity_bytes ? capacity_bytes - used : 0;
}

Result<void> Disk::write(Node& file, const std::string& path, std::uint64_t offset, BytesView bytes) {
  const std::uint64_t size = file.content.now().size();
  const std::uint64_t end = offset + bytes.size();
  const std::uint64_t growth = end > size ? end - size : 0;
  const std::uint64_t room = growth == 0 ? unlimited : free_bytes();
  const std::uint64_t missing = growth > room ? std::min<std::uint64_t>(growth - room, bytes.size()) : 0;
  file.content.write(offset, bytes.first(bytes.size() - missing));
  if (missing != 0) return refuse(Code::no_space, "write to", path, "the simulated disk is full");
  return {};
}

void Disk::cut_power(Crash crash, Random& random) {
  switch (crash) {
    case Crash::plain:
      return;
    case Crash::torn:
      persist([&](const Naming&) { return random.coin(); });
      break;
    case Crash::sync_lost:
      persist([](const Naming&) { return true; });
      break;
    case Crash::rename_lost:
    case Crash::all_lost:
      break;
  }
  ++power_cuts;
  unsynced_.clear();
  locks.clear();
  std::set<const Node*> seen;
  forget_volatile(root_, crash, random, seen);
}

void Disk::forget_volatile(const NodePtr& dir, Crash crash, Random& random, std::set<const Node*>& seen) {
  dir->entries = dir->durable;
  for (const auto& [name, node] : dir->entries) {
    if (!seen.insert(node.get()).second) continue;  // it has two names
    if (node->is_dir) {
      forget_volatile(node, crash, random, seen);
    } else {
      node->content.cut_power(crash, random);
    }
  }
}

bool Disk::is_durable(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& name : components(path)) {
    const auto seen = node->entries.find(name);
    const auto kept = node->durable.find(name);
    if (seen == node->entries.end() || kept == node->durable.end() || seen->second != kept->second)
      return false;
    node = seen->second;
  }
  return node->content.is_durable();
}

void Disk::release_locks(std::uint64_t process) {
  std::erase_if(locks, [&](const auto& held) { return held.second.process == process; });
}

}  // namespace sluice::sim
