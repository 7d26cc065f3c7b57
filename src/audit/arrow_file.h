// An env::File as Arrow's readers want it. Internal to audit: it includes Arrow.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <memory>
#include <string>

#include "env/file_system.h"

namespace sluice::audit {

class ArrowFile final : public arrow::io::RandomAccessFile {
 public:
  static Result<std::shared_ptr<ArrowFile>> open(env::FileSystem& files, const std::string& path);

  arrow::Status Close() override;
  bool closed() const override { return file_ == nullptr; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  arrow::Status Seek(std::int64_t position) override;
  arrow::Result<std::int64_t> GetSize() override { return size_; }
  arrow::Result<std::int64_t> Read(std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t bytes) override;
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position, std::int64_t bytes) override;

 private:
  ArrowFile(std::unique_ptr<env::File> file, std::int64_t size) : file_(std::move(file)), size_(size) {}

  std::unique_ptr<env::File> file_;
  std::int64_t size_;
  std::int64_t position_ = 0;
};

}  // namespace sluice::audit
