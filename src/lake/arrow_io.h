// Arrow's streams over env::File, and Arrow's errors as ours. Internal to lake; the only headers with Arrow
// in them are this one and parquet_schema.h.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "env/file_system.h"

namespace sluice::lake {

/// Appends to a file through a buffer. The first error of the file is kept as ours, for Arrow only passes a
/// text on; after it every call fails (X13).
class FileOutput final : public arrow::io::OutputStream {
 public:
  explicit FileOutput(std::unique_ptr<env::File> file);

  arrow::Status Write(const void* data, std::int64_t bytes) override;
  arrow::Status Flush() override;
  arrow::Status Close() override;
  arrow::Result<std::int64_t> Tell() const override {
    return static_cast<std::int64_t>(written_ + buffer_.size());
  }
  bool closed() const override { return file_ == nullptr; }

  /// Writes what is buffered, makes it durable and closes the file.
  Result<std::uint64_t> finish();
  /// Nothing more is written, whoever asks.
  void abandon();
  const std::optional<Error>& error() const { return error_; }

 private:
  arrow::Status failed(Error error);
  arrow::Status write_out(BytesView bytes);

  std::unique_ptr<env::File> file_;
  std::vector<std::byte> buffer_;
  std::uint64_t written_ = 0;
  std::optional<Error> error_;
};

/// Reads a file at any place.
class FileInput final : public arrow::io::RandomAccessFile {
 public:
  FileInput(std::unique_ptr<env::File> file, std::uint64_t size);

  arrow::Result<std::int64_t> GetSize() override { return static_cast<std::int64_t>(size_); }
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position, std::int64_t bytes) override;
  arrow::Result<std::int64_t> Read(std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t bytes) override;
  arrow::Status Seek(std::int64_t position) override;
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  arrow::Status Close() override;
  bool closed() const override { return file_ == nullptr; }

  const std::optional<Error>& error() const { return error_; }

 private:
  std::unique_ptr<env::File> file_;
  std::uint64_t size_;
  std::int64_t position_ = 0;
  std::optional<Error> error_;
};

/// What Arrow or Parquet said, as our error of `code`; `doing` says what did not happen.
Error arrow_error(Code code, std::string_view doing, std::string_view what);

/// Runs `action`, which may throw as Parquet does. `kept` is the stream's own error, which tells more.
template <class Action>
Result<void> without_exceptions(Code code, std::string_view doing, const std::optional<Error>& kept,
                                Action&& action) {
  std::string what;
  try {
    const arrow::Status status = action();
    if (status.ok()) return {};
    what = status.ToString();
  } catch (const std::exception& exception) {
    what = exception.what();
  }
  if (kept) return std::unexpected(Error(*kept).in(doing));
  return std::unexpected(arrow_error(code, doing, what));
}

}  // namespace sluice::lake
