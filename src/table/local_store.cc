#include "table/local_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::table {
namespace {

constexpr std::string_view tmp_dir = "_sluice/tmp/";
constexpr std::string_view puts_dir = "_sluice/tmp/objects";
constexpr char slash_stand_in = '~';  // no name of an object has one
constexpr char nonce_mark = '@';

}  // namespace

LocalStore::LocalStore(env::FileSystem& files, env::Random& random, std::string root)
    : files_(files), random_(random), root_(std::move(root)) {}

std::string LocalStore::path(const std::string& name) const {
  return name.empty() ? root_ : env::join(root_, name);
}

Result<void> LocalStore::usable() const {
  const std::lock_guard lock(mutex_);
  if (!poison_) return {};
  return base::fail(
      poison_->code,
      "nothing more is written to the table by this process, since a sync failed: " + poison_->message,
      "look at the disk, then start again: recovery re-reads what is in doubt");
}

/// Remembers a failed sync, whatever made it fail (X13): a full disk too may have thrown the names away.
Result<void> LocalStore::poisoning(Result<void> synced) {
  if (!synced && synced.error().code != Code::not_found) {
    const std::lock_guard lock(mutex_);
    if (!poison_) poison_ = synced.error();
  }
  return synced;
}

Result<void> LocalStore::sync(const std::string& dir) {
  SLUICE_TRY(usable());
  return poisoning(files_.sync_dir(dir));
}

// A directory that is there may have been made by a worker that died before it was durable, so the first use
// in this process syncs the parent in either case.
Result<void> LocalStore::make_durable_dir(const std::string& dir) {
  {
    const std::lock_guard lock(mutex_);
    if (durable_dirs_.contains(dir)) return {};
  }
  const bool is_inside = dir.size() >= root_.size() && dir.starts_with(root_);
  if (!is_inside) {
    SLUICE_TRY(poisoning(files_.create_dirs_durable(dir)));
    const std::lock_guard lock(mutex_);
    durable_dirs_.insert(dir);
    return {};
  }
  const std::string above = env::parent(dir);
  if (above != dir && above != "." && !above.empty()) SLUICE_TRY(make_durable_dir(above));
  if (Result<void> made = files_.create_dir(dir); !made && made.error().code != Code::already_exists)
    return made;
  SLUICE_TRY(sync(above));
  const std::lock_guard lock(mutex_);
  durable_dirs_.insert(dir);
  return {};
}

/// `dir` and what it lies in are no longer known to be there.
void LocalStore::forget_dir(std::string dir) {
  const std::lock_guard lock(mutex_);
  for (; dir.size() > root_.size(); dir = env::parent(dir)) durable_dirs_.erase(dir);
}

std::string LocalStore::put_path(const std::string& name) {
  std::string flat = name;
  std::replace(flat.begin(), flat.end(), '/', slash_stand_in);
  return path(fmt::format("{}/{}{}{:016x}", puts_dir, flat, nonce_mark, random_.next_u64()));
}

Result<void> LocalStore::write_new(const std::string& path, BytesView content) {
  auto file = SLUICE_TRY(files_.open(path, env::OpenMode::create_new));
  SLUICE_TRY(file->write_at(0, content));
  return file->sync();  // a failure gives up this file alone: it has no name that counts
}

Result<void> LocalStore::put_new(const std::string& name, BytesView content) {
  SLUICE_TRY(usable());
  const std::string target = path(name);
  const std::string dir = env::parent(target);
  SLUICE_TRY(make_durable_dir(dir));
  SLUICE_TRY(make_durable_dir(path(std::string(puts_dir))));
  const std::string temporary = put_path(name);
  Result<void> done = write_new(temporary, content);
  if (done) done = files_.rename_noreplace(temporary, target);
  if (!done) {
    static_cast<void>(files_.remove_file(temporary));  // or sweep_puts does
    return done;
  }
  return sync(dir);
}

Result<std::optional<Bytes>> LocalStore::get(const std::string& name, std::uint64_t bytes_max) {
  Result<Bytes> bytes = files_.read_file(path(name), bytes_max);
  if (bytes) return std::optional(*std::move(bytes));
  if (bytes.error().code == Code::not_found) return std::nullopt;
  return std::unexpected(std::move(bytes.error()));
}

Result<std::vector<std::string>> LocalStore::list(const std::string& dir) {
  std::vector<std::string> names;
  const auto entries = files_.list(path(dir));
  if (!entries) {
    if (entries.error().code == Code::not_found) return names;
    return std::unexpected(entries.error());
  }
  for (const env::DirEntry& entry : *entries) names.push_back(entry.name);
  return names;
}

Result<std::optional<std::uint64_t>> LocalStore::size(const std::string& name) {
  const auto file = files_.open(path(name), env::OpenMode::read);
  if (file) return std::optional(SLUICE_TRY((*file)->size()));
  if (file.error().code == Code::not_found) return std::nullopt;
  return std::unexpected(file.error());
}

Result<void> LocalStore::sync_names(const std::string& dir) {
  SLUICE_TRY(sync(path(dir)));
  return make_durable_dir(path(dir));
}

Result<void> LocalStore::make_dir(const std::string& dir) {
  SLUICE_TRY(usable());
  return make_durable_dir(path(dir));
}

Result<void> LocalStore::publish(const std::string& temporary, const std::string& final) {
  SLUICE_TRY(usable());
  const std::string target = path(final);
  const std::string dir = env::parent(target);
  SLUICE_TRY(make_durable_dir(dir));
  Result<void> renamed = files_.rename_noreplace(path(temporary), target);
  const bool may_lack_dir = !renamed && renamed.error().code == Code::not_found;
  if (may_lack_dir && SLUICE_TRY(files_.exists(path(temporary)))) {
    // People may drop old Hive partitions while this process works (X7): the directory is made again.
    forget_dir(dir);
    SLUICE_TRY(make_durable_dir(dir));
    renamed = files_.rename_noreplace(path(temporary), target);
  }
  SLUICE_TRY(std::move(renamed));
  return sync(dir);
}

Result<void> LocalStore::remove_temporary(const std::string& name) {
  if (!valid_name(name) || !name.starts_with(tmp_dir)) {
    return base::fail(Code::invalid_argument,
                      fmt::format("{} was not removed: it is no temporary file", name));
  }
  Result<void> removed = files_.remove_file(path(name));
  if (!removed && removed.error().code == Code::not_found) return {};
  return removed;
}

Result<std::int64_t> LocalStore::sweep_puts() {
  std::int64_t removed = 0;
  for (const std::string& name : SLUICE_TRY(list(std::string(puts_dir)))) {
    std::string target = name.substr(0, name.rfind(nonce_mark));
    std::replace(target.begin(), target.end(), slash_stand_in, '/');
    if (!valid_name(target) || !SLUICE_TRY(files_.exists(path(target)))) continue;
    SLUICE_TRY(remove_temporary(fmt::format("{}/{}", puts_dir, name)));
    ++removed;
  }
  return removed;
}

}  // namespace sluice::table
