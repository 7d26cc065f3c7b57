#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "env/posix.h"
#include "env/posix_internal.h"

namespace sluice::env {
namespace {

constexpr mode_t file_mode = 0666;  // the user's umask decides
constexpr mode_t dir_mode = 0777;
constexpr std::size_t iovecs_max = 256;

std::unexpected<Error> errno_failure(std::string action) {
  return std::unexpected(errno_error(std::move(action), errno));
}

/// `call` again while a signal interrupts it.
template <class Call>
auto retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Fd open_fd(const std::string& path, int flags) {
  return Fd(retrying([&] { return ::open(path.c_str(), flags | O_CLOEXEC, file_mode); }));
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = retrying([&] {
        return ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (n < 0)
        return errno_failure(fmt::format("cannot read {} bytes at {} of {}", out.size(), offset, path_));
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, BytesView bytes) override {
    return write_parts_at(offset, {&bytes, 1});
  }

  Result<void> write_parts_at(std::uint64_t offset, std::span<const BytesView> parts) override {
    std::size_t skip = 0;  // bytes of parts.front() that are written already
    while (!parts.empty()) {
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): 4 KiB, of which only what is set is read
      std::array<iovec, iovecs_max> vectors;
      const std::size_t count = std::min(parts.size(), vectors.size());
      for (std::size_t i = 0; i < count; ++i) {
        const BytesView part = parts[i].subspan(i == 0 ? skip : 0);
        vectors[i] = {const_cast<std::byte*>(part.data()), part.size()};
      }
      const ssize_t n = retrying([&] {
        return ::pwritev(fd_.get(), vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      });
      if (n < 0) return errno_failure(fmt::format("cannot write to {} at {}", path_, offset));
      offset += static_cast<std::uint64_t>(n);
      skip += static_cast<std::size_t>(n);
      while (!parts.empty() && skip >= parts.front().size()) {
        skip -= parts.front().size();
        parts = parts.subspan(1);
      }
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) return errno_failure("cannot read the size of " + path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (retrying([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0)
      return errno_failure(fmt::format("cannot cut {} to {} bytes", path_, size));
    return {};
  }

  Result<void> sync() override {
    // Never retried, not even after EINTR: after a failure the kernel may have dropped the data (X13).
    if (::fdatasync(fd_.get()) != 0) return errno_failure("cannot sync " + path_);
    return {};
  }

  Result<void> write_durable_at(std::uint64_t offset, BytesView bytes) override {
    if (is_aligned(offset, bytes) && open_direct()) {
      const std::size_t written = SLUICE_TRY(write_direct(offset, bytes));
      offset += written;
      bytes = bytes.subspan(written);
    }
    return bytes.empty() ? Result<void>{} : File::write_durable_at(offset, bytes);
  }

  void start_writeback() override {
    static_cast<void>(::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
  }

  Result<void> preallocate(std::uint64_t bytes) override {
    if (bytes == 0) return {};
    if (retrying([&] { return ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)); }) ==
        0)
      return {};
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return {};  // only a hint
    return errno_failure(fmt::format("cannot reserve {} bytes for {}", bytes, path_));
  }

 private:
  static bool is_aligned(std::uint64_t offset, BytesView bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
    return (offset | bytes.size() | address) % direct_block_bytes == 0;
  }

  /// Opens the file once more for direct_, if the system can and the name still means this file.
  bool open_direct() {
    if (direct_refused_ || direct_.is_open()) return !direct_refused_;
    direct_ = open_fd(path_, O_WRONLY | O_DIRECT | O_DSYNC);
    struct stat mine{};
    struct stat named{};
    const bool same = direct_.is_open() && ::fstat(fd_.get(), &mine) == 0 &&
                      ::fstat(direct_.get(), &named) == 0 && mine.st_dev == named.st_dev &&
                      mine.st_ino == named.st_ino;
    if (!same) refuse_direct();
    return same;
  }
  void refuse_direct() {
    direct_refused_ = true;
    direct_ = Fd();
  }

  /// How many bytes are durable now: all, or fewer where the file system has no such writes.
  Result<std::size_t> write_direct(std::uint64_t offset, BytesView bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = retrying([&] {
        return ::pwrite(direct_.get(), bytes.data() + done, bytes.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (n < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
        refuse_direct();
        break;
      }
      if (n < 0) return errno_failure(fmt::format("cannot write to {} at {} durably", path_, offset + done));
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  std::string path_;
  Fd fd_;
  Fd direct_;  // for writes that are durable when they return
  bool direct_refused_ = false;
};

class PosixLock final : public Lock {
 public:
  explicit PosixLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;  // closing it releases the lock
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::create_truncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    Fd fd = open_fd(path, flags_of(mode));
    if (!fd.is_open()) return errno_failure("cannot open " + path);
    return std::make_unique<PosixFile>(path, std::move(fd));
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return errno_failure("cannot look up " + path);
  }

  Result<std::vector<DirEntry>> list(const std::string& dir) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(dir.c_str()), &::closedir);
    if (!stream) return errno_failure("cannot list " + dir);
    std::vector<DirEntry> entries;
    while (true) {
      errno = 0;
      // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread has this stream
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const bool is_dir = is_directory(::dirfd(stream.get()), *entry);
      entries.push_back({std::move(name), is_dir});
    }
    if (errno != 0) return errno_failure("cannot list " + dir);
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  Result<void> create_dir(const std::string& path) override {
    if (::mkdir(path.c_str(), dir_mode) != 0) return errno_failure("cannot make directory " + path);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return errno_failure(fmt::format("cannot rename {} to {}", from, to));
    return {};
  }

  Result<void> rename_noreplace(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    const bool unsupported = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
    // link refuses an existing name as well. Dying between the two calls leaves both names, which the
    // contract allows.
    if (unsupported && ::link(from.c_str(), to.c_str()) == 0) return remove_file(from);
    return errno_failure(fmt::format("cannot rename {} to {}, which must not exist", from, to));
  }

  Result<void> remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return errno_failure("cannot remove " + path);
    return {};
  }

  Result<void> remove_dir(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) return errno_failure("cannot remove directory " + path);
    return {};
  }

  Result<void> sync_dir(const std::string& dir) override {
    const Fd fd = open_fd(dir, O_RDONLY | O_DIRECTORY);
    if (!fd.is_open()) return errno_failure("cannot open directory " + dir);
    if (::fsync(fd.get()) != 0) return errno_failure("cannot sync directory " + dir);
    return {};
  }

  Result<void> sync_file(const std::string& path) override {
    const Fd fd = open_fd(path, O_RDONLY);
    if (!fd.is_open()) return errno_failure("cannot open " + path);
    if (::fdatasync(fd.get()) != 0) return errno_failure("cannot sync " + path);
    return {};
  }

  Result<std::unique_ptr<Lock>> lock(const std::string& path) override;

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs status{};
    if (::statvfs(path.c_str(), &status) != 0) return errno_failure("cannot read the free space of " + path);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }
  Result<std::uint64_t> total_bytes(const std::string& path) override {
    struct statvfs status{};
    if (::statvfs(path.c_str(), &status) != 0) return errno_failure("cannot read the size of " + path);
    return static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize;
  }

 private:
  static bool is_directory(int dir_fd, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return entry.d_type == DT_DIR;
    struct stat status{};
    return ::fstatat(dir_fd, entry.d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
  }
};

/// The process id that the owner of a lock wrote into it, or "another process".
std::string lock_owner(int fd) {
  std::array<char, 20> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  std::string_view digits(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  return digits.empty() ? "another process" : fmt::format("process {}", digits);
}

Result<std::unique_ptr<Lock>> PosixFileSystem::lock(const std::string& path) {
  Fd fd = open_fd(path, O_RDWR | O_CREAT);
  if (!fd.is_open()) return errno_failure("cannot open lock " + path);
  if (retrying([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return errno_failure("cannot lock " + path);
    return fail(Code::conflict, fmt::format("cannot lock {}: {} has it", path, lock_owner(fd.get())),
                "stop that process first, or use another directory");
  }
  // The process id only helps whoever is refused, so a full disk does not matter here.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) == 0) static_cast<void>(!::pwrite(fd.get(), pid.data(), pid.size(), 0));
  return std::make_unique<PosixLock>(std::move(fd));
}

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem file_system;
  return file_system;
}

}  // namespace sluice::env
