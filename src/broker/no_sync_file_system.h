// A file system that syncs nothing: for --ephemeral, where the data is gone with the process anyway.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/file_system.h"

namespace sluice::broker {

/// Passes everything on to `under` except the syncs, which succeed at once. `under` is borrowed.
class NoSyncFileSystem final : public env::FileSystem {
 public:
  explicit NoSyncFileSystem(env::FileSystem& under) : under_(under) {}

  Result<std::unique_ptr<env::File>> open(const std::string& path, env::OpenMode mode) override;
  Result<bool> exists(const std::string& path) override { return under_.exists(path); }
  Result<std::vector<env::DirEntry>> list(const std::string& dir) override { return under_.list(dir); }
  Result<void> create_dir(const std::string& path) override { return under_.create_dir(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return under_.rename(from, to);
  }
  Result<void> rename_noreplace(const std::string& from, const std::string& to) override {
    return under_.rename_noreplace(from, to);
  }
  Result<void> remove_file(const std::string& path) override { return under_.remove_file(path); }
  Result<void> remove_dir(const std::string& path) override { return under_.remove_dir(path); }
  Result<void> sync_dir(const std::string&) override { return {}; }
  Result<void> sync_file(const std::string&) override { return {}; }
  Result<std::unique_ptr<env::Lock>> lock(const std::string& path) override { return under_.lock(path); }
  Result<std::uint64_t> free_bytes(const std::string& path) override { return under_.free_bytes(path); }
  Result<std::uint64_t> total_bytes(const std::string& path) override { return under_.total_bytes(path); }

 private:
  env::FileSystem& under_;
};

}  // namespace sluice::broker
