#include "env/file_system.h"

#include <fmt/format.h>

namespace sluice::env {

Result<void> File::write_parts_at(std::uint64_t offset, std::span<const BytesView> parts) {
  for (BytesView part : parts) {
    SLUICE_TRY(write_at(offset, part));
    offset += part.size();
  }
  return {};
}

Result<void> File::write_durable_at(std::uint64_t offset, BytesView bytes) {
  SLUICE_TRY(write_at(offset, bytes));
  Result<void> synced = sync();
  if (!synced && synced.error().code == Code::no_space) synced.error().code = Code::io_failed;
  return synced;
}

Result<void> File::preallocate(std::uint64_t) {
  return {};
}

Result<std::uint64_t> FileSystem::total_bytes(const std::string& path) {
  return fail(Code::unsupported, fmt::format("the size of the disk of {} is not known", path));
}

Result<void> FileSystem::create_dirs_durable(const std::string& path) {
  if (path.empty() || path == "." || path == "/") return {};
  const bool there = SLUICE_TRY(exists(path));
  if (!there) {
    SLUICE_TRY(create_dirs_durable(parent(path)));
    auto made = create_dir(path);
    if (!made && made.error().code != Code::already_exists) return made;
    return sync_dir(parent(path));
  }
  // Whoever made it may have died before its name was durable, so the name is synced again. A parent that we
  // may not even read is one in which none of us made anything.
  auto synced = sync_dir(parent(path));
  if (!synced && synced.error().code == Code::io_failed && !list(parent(path))) return {};
  return synced;
}

Result<Bytes> FileSystem::read_file(const std::string& path, std::uint64_t bytes_max) {
  auto file = SLUICE_TRY(open(path, OpenMode::read));
  const std::uint64_t size = SLUICE_TRY(file->size());
  if (size > bytes_max)
    return fail(
        Code::limit_exceeded,
        fmt::format("{} was not read: it has {} bytes, more than the {} allowed", path, size, bytes_max));
  Bytes content(size);
  content.resize(SLUICE_TRY(file->read_at(0, content)));
  return content;
}

Result<void> FileSystem::replace_file_durable(const std::string& path, BytesView content) {
  const std::string temporary = path + ".tmp";
  {
    auto file = SLUICE_TRY(open(temporary, OpenMode::create_truncate));
    SLUICE_TRY(file->write_at(0, content));
    SLUICE_TRY(file->sync());
  }
  SLUICE_TRY(rename(temporary, path));
  return sync_dir(parent(path));
}

std::string join(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  std::string path(dir);
  if (path.back() != '/') path += '/';
  return path.append(name);
}

std::string parent(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  if (slash == 0) return "/";
  return std::string(path.substr(0, slash));
}

}  // namespace sluice::env
