#include "audit/arrow_file.h"

namespace sluice::audit {

Result<std::shared_ptr<ArrowFile>> ArrowFile::open(env::FileSystem& files, const std::string& path) {
  auto file = SLUICE_TRY(files.open(path, env::OpenMode::read));
  const auto size = SLUICE_TRY(file->size());
  return std::shared_ptr<ArrowFile>(new ArrowFile(std::move(file), static_cast<std::int64_t>(size)));
}

arrow::Status ArrowFile::Close() {
  file_.reset();
  return arrow::Status::OK();
}

arrow::Status ArrowFile::Seek(std::int64_t position) {
  if (position < 0 || position > size_) return arrow::Status::Invalid("seek outside the file");
  position_ = position;
  return arrow::Status::OK();
}

arrow::Result<std::int64_t> ArrowFile::ReadAt(std::int64_t position, std::int64_t bytes, void* out) {
  if (file_ == nullptr) return arrow::Status::Invalid("the file is closed");
  if (position < 0 || bytes < 0) return arrow::Status::Invalid("a negative position or size");
  auto read = file_->read_at(static_cast<std::uint64_t>(position),
                             MutableBytes(static_cast<std::byte*>(out), static_cast<std::size_t>(bytes)));
  if (!read) return arrow::Status::IOError(to_string(read.error()));
  return static_cast<std::int64_t>(*read);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ArrowFile::ReadAt(std::int64_t position, std::int64_t bytes) {
  if (position < 0 || bytes < 0 || position > size_) return arrow::Status::Invalid("a read outside the file");
  const auto present = std::min(bytes, size_ - position);  // a hostile footer must not size the buffer
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(present));
  ARROW_ASSIGN_OR_RAISE(const auto read, ReadAt(position, present, buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(read));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Result<std::int64_t> ArrowFile::Read(std::int64_t bytes, void* out) {
  ARROW_ASSIGN_OR_RAISE(const auto read, ReadAt(position_, bytes, out));
  position_ += read;
  return read;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ArrowFile::Read(std::int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes));
  position_ += buffer->size();
  return buffer;
}

}  // namespace sluice::audit
