#include "lake/arrow_io.h"

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <fmt/format.h>

#include <algorithm>

#include "lake/names.h"

namespace sluice::lake {
namespace {
constexpr std::size_t buffer_bytes = 256 * 1024;
}

Error arrow_error(Code code, std::string_view doing, std::string_view what) {
  return Error{code, fmt::format("{}: {}", doing, what.substr(0, 300)), {}, 0};
}

FileOutput::FileOutput(std::unique_ptr<env::File> file) : file_(std::move(file)) {
  set_mode(arrow::io::FileMode::WRITE);
}

arrow::Status FileOutput::failed(Error error) {
  if (!error_) error_ = std::move(error);
  return arrow::Status::IOError(error_->message);
}

arrow::Status FileOutput::write_out(BytesView bytes) {
  if (error_) return arrow::Status::IOError(error_->message);
  if (file_ == nullptr) return arrow::Status::IOError("the file is closed");
  if (bytes.empty()) return arrow::Status::OK();
  if (auto done = file_->write_at(written_, bytes); !done) return failed(std::move(done.error()));
  written_ += bytes.size();
  return arrow::Status::OK();
}

arrow::Status FileOutput::Write(const void* data, std::int64_t bytes) {
  const BytesView view(static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes));
  if (buffer_.size() + view.size() > buffer_bytes) ARROW_RETURN_NOT_OK(Flush());
  if (view.size() >= buffer_bytes) return write_out(view);
  buffer_.insert(buffer_.end(), view.begin(), view.end());
  return error_ ? arrow::Status::IOError(error_->message) : arrow::Status::OK();
}

arrow::Status FileOutput::Flush() {
  ARROW_RETURN_NOT_OK(write_out(buffer_));
  buffer_.clear();
  return arrow::Status::OK();
}

/// Parquet closes its sink in some places; durable is only what finish() made so.
arrow::Status FileOutput::Close() {
  return arrow::Status::OK();
}

Result<std::uint64_t> FileOutput::finish() {
  const arrow::Status flushed = Flush();
  if (error_) return std::unexpected(*error_);
  if (!flushed.ok())
    return std::unexpected(arrow_error(Code::io_failed, "data file not written", flushed.ToString()));
  if (auto synced = file_->sync(); !synced) {
    error_ = synced.error();
    return std::unexpected(*error_);
  }
  file_.reset();
  return written_;
}

void FileOutput::abandon() {
  if (!error_) error_ = Error{Code::interrupted, "the file was given up", {}, 0};
}

FileInput::FileInput(std::unique_ptr<env::File> file, std::uint64_t size)
    : file_(std::move(file)), size_(size) {
  set_mode(arrow::io::FileMode::READ);
}

arrow::Result<std::int64_t> FileInput::ReadAt(std::int64_t position, std::int64_t bytes, void* out) {
  if (file_ == nullptr) return arrow::Status::IOError("the file is closed");
  if (position < 0 || bytes < 0) return arrow::Status::Invalid("a place before the file's beginning");
  const MutableBytes to(static_cast<std::byte*>(out), static_cast<std::size_t>(bytes));
  std::size_t done = 0;
  while (done < to.size()) {
    auto read = file_->read_at(static_cast<std::uint64_t>(position) + done, to.subspan(done));
    if (!read) {
      error_ = read.error();
      return arrow::Status::IOError(error_->message);
    }
    if (*read == 0) break;
    done += *read;
  }
  return static_cast<std::int64_t>(done);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> FileInput::ReadAt(std::int64_t position, std::int64_t bytes) {
  // A damaged footer may name any length: no more is allocated than the file has.
  const std::int64_t left = std::max<std::int64_t>(0, static_cast<std::int64_t>(size_) - position);
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateResizableBuffer(std::clamp<std::int64_t>(bytes, 0, left)));
  ARROW_ASSIGN_OR_RAISE(const std::int64_t read, ReadAt(position, buffer->size(), buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(read));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Result<std::int64_t> FileInput::Read(std::int64_t bytes, void* out) {
  ARROW_ASSIGN_OR_RAISE(const std::int64_t read, ReadAt(position_, bytes, out));
  position_ += read;
  return read;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> FileInput::Read(std::int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes));
  position_ += buffer->size();
  return buffer;
}

arrow::Status FileInput::Seek(std::int64_t position) {
  position_ = position;
  return arrow::Status::OK();
}

arrow::Status FileInput::Close() {
  file_.reset();
  return arrow::Status::OK();
}

}  // namespace sluice::lake
