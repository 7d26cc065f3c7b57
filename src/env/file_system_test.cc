#include "env/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/assert.h"
#include "env/posix.h"

namespace sluice::env {
namespace {

using testing::HasSubstr;

class PosixFiles : public testing::Test {
 protected:
  PosixFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    SLUICE_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    dir_ = pattern;
  }
  ~PosixFiles() override { std::filesystem::remove_all(dir_); }

  std::string path(std::string_view name) const { return join(dir_, name); }

  FileSystem& fs_ = posix_file_system();
  std::string dir_;
};

TEST(Paths, JoinPutsOneSlash) {
  EXPECT_EQ(join("a", "b"), "a/b");
  EXPECT_EQ(join("a/", "b"), "a/b");
  EXPECT_EQ(join("/", "b"), "/b");
  EXPECT_EQ(join("", "b"), "b");
}

TEST(Paths, ParentIsWhatIsBeforeTheLastName) {
  EXPECT_EQ(parent("a/b/c"), "a/b");
  EXPECT_EQ(parent("a/b/"), "a");
  EXPECT_EQ(parent("/a"), "/");
  EXPECT_EQ(parent("/"), "/");
  EXPECT_EQ(parent("a"), ".");
}

TEST_F(PosixFiles, AWriteBeyondTheSizeLimitOfTheProcessIsAnErrorThatSaysWhere) {
  // RLIMIT_FSIZE makes the kernel write a part and then refuse: both halves of the write loop.
  auto file = fs_.open(path("a"), OpenMode::create).value();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = file->write_at(0, Bytes(2000, std::byte{'x'}));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr("at 1000"));
  EXPECT_THAT(failed.error().message, HasSubstr(path("a")));
  EXPECT_EQ(file->size().value(), 1000u);
}

TEST_F(PosixFiles, ALockIsFreeAgainWhenItsProcessDies) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = fs_.lock(path("lock"));
    const char answer = lock.has_value() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto refused = fs_.lock(path("lock"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(child) + " has it"));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(fs_.lock(path("lock")).has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(PosixFiles, ASymbolicLinkToADirectoryIsListedAsOne) {
  ASSERT_TRUE(fs_.create_dir(path("d")).has_value());
  ASSERT_EQ(::symlink(path("d").c_str(), path("link").c_str()), 0);
  const auto entries = fs_.list(dir_).value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1], (DirEntry{"link", true}));
}

TEST_F(PosixFiles, ATakenNameIsRefusedEvenWhereItIsADanglingLink) {
  ASSERT_EQ(::symlink(path("nowhere").c_str(), path("link").c_str()), 0);
  auto file = fs_.open(path("a"), OpenMode::create);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(fs_.rename_noreplace(path("a"), path("link")).error().code, Code::already_exists);
  EXPECT_TRUE(fs_.exists(path("link")).value());
}

}  // namespace
}  // namespace sluice::env
