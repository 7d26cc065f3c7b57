// A table on a file system whose rename can refuse to replace (ext4, xfs, btrfs): X2 and X5 by
// rename_noreplace.
#pragma once

#include <mutex>
#include <set>

#include "env/random.h"
#include "table/store.h"

namespace sluice::table {

class LocalStore final : public Store {
 public:
  /// `root` is the table's directory, made at the first write. `files` and `random` outlive the store.
  LocalStore(env::FileSystem& files, env::Random& random, std::string root);

  Result<void> put_new(const std::string& name, BytesView content) override;
  Result<std::optional<Bytes>> get(const std::string& name, std::uint64_t bytes_max) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<std::optional<std::uint64_t>> size(const std::string& name) override;
  Result<void> sync_names(const std::string& dir) override;
  Result<void> make_dir(const std::string& dir) override;
  Result<void> publish(const std::string& temporary, const std::string& final) override;
  Result<void> remove_temporary(const std::string& name) override;
  Result<std::int64_t> sweep_puts() override;
  env::FileSystem& files() override { return files_; }
  std::string path(const std::string& name) const override;

 private:
  Result<void> usable() const;
  Result<void> poisoning(Result<void> synced);
  Result<void> sync(const std::string& dir);
  void forget_dir(std::string dir);
  Result<void> make_durable_dir(const std::string& dir);
  Result<void> write_new(const std::string& path, BytesView content);
  std::string put_path(const std::string& name);

  env::FileSystem& files_;
  env::Random& random_;
  const std::string root_;
  mutable std::mutex mutex_;            // guards what follows
  std::set<std::string> durable_dirs_;  // directories whose own name this store has made durable
  std::optional<Error> poison_;         // the sync that failed (X13)
};

}  // namespace sluice::table
