#include "broker/no_sync_file_system.h"

#include <utility>

namespace sluice::broker {
namespace {

class NoSyncFile final : public env::File {
 public:
  explicit NoSyncFile(std::unique_ptr<env::File> under) : under_(std::move(under)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes out) override {
    return under_->read_at(offset, out);
  }
  Result<void> write_at(std::uint64_t offset, BytesView bytes) override {
    return under_->write_at(offset, bytes);
  }
  Result<void> write_parts_at(std::uint64_t offset, std::span<const BytesView> parts) override {
    return under_->write_parts_at(offset, parts);
  }
  Result<std::uint64_t> size() override { return under_->size(); }
  Result<void> truncate(std::uint64_t size) override { return under_->truncate(size); }
  Result<void> sync() override { return {}; }
  Result<void> preallocate(std::uint64_t bytes) override { return under_->preallocate(bytes); }

 private:
  std::unique_ptr<env::File> under_;
};

}  // namespace

Result<std::unique_ptr<env::File>> NoSyncFileSystem::open(const std::string& path, env::OpenMode mode) {
  auto under = SLUICE_TRY(under_.open(path, mode));
  return std::make_unique<NoSyncFile>(std::move(under));
}

}  // namespace sluice::broker
