// What every env::FileSystem promises, held against the operating system's and the simulated one alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/assert.h"
#include "env/posix.h"
#include "sim/file_system.h"

namespace sluice {
namespace {

using env::DirEntry;
using env::OpenMode;
using testing::ElementsAre;
using testing::HasSubstr;

/// A directory of the real disk that goes with the test.
class PosixDisk {
 public:
  PosixDisk() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    SLUICE_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    dir_ = pattern;
  }
  ~PosixDisk() { std::filesystem::remove_all(dir_); }
  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;

  env::FileSystem& fs() { return env::posix_file_system(); }
  const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

class SimulatedDisk {
 public:
  SimulatedDisk() { SLUICE_ASSERT(fs_.create_dir(dir_).has_value()); }
  env::FileSystem& fs() { return fs_; }
  const std::string& dir() const { return dir_; }

 private:
  sim::FileSystem fs_;
  std::string dir_ = "/data";
};

template <class Disk>
class FileSystemContract : public testing::Test {
 protected:
  env::FileSystem& fs() { return disk_.fs(); }
  std::string path(std::string_view name) { return env::join(disk_.dir(), name); }

  std::unique_ptr<env::File> open(std::string_view name, OpenMode mode) {
    auto file = fs().open(path(name), mode);
    EXPECT_TRUE(file.has_value()) << to_string(file.error());
    return file ? *std::move(file) : nullptr;
  }
  void put(std::string_view name, std::string_view content) {
    auto file = open(name, OpenMode::create_truncate);
    EXPECT_TRUE(file->write_at(0, as_bytes(content)).has_value());
    EXPECT_TRUE(file->sync().has_value());
  }
  std::string get(std::string_view name) {
    auto content = fs().read_file(path(name), 1 << 20);
    return content ? std::string(as_text(*content)) : "error: " + to_string(content.error());
  }

 private:
  Disk disk_;
};

template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::kafka : result.error().code;
}

using Disks = testing::Types<PosixDisk, SimulatedDisk>;
class DiskNames {
 public:
  template <class Disk>
  static std::string GetName(int) {
    return std::is_same_v<Disk, PosixDisk> ? "Posix" : "Simulated";
  }
};
TYPED_TEST_SUITE(FileSystemContract, Disks, DiskNames);

TYPED_TEST(FileSystemContract, WhatWasWrittenIsReadBack) {
  auto file = this->open("a", OpenMode::create_new);
  ASSERT_TRUE(file->write_at(0, as_bytes("hello world")).has_value());
  ASSERT_TRUE(file->write_at(6, as_bytes("there")).has_value());
  std::array<std::byte, 32> out;
  EXPECT_EQ(file->read_at(0, out).value(), 11u);
  EXPECT_EQ(as_text(BytesView(out).first(11)), "hello there");
  EXPECT_EQ(file->read_at(9, out).value(), 2u);
  EXPECT_EQ(file->read_at(11, out).value(), 0u);
  EXPECT_EQ(file->read_at(1000, out).value(), 0u);
  EXPECT_EQ(file->size().value(), 11u);
}

TYPED_TEST(FileSystemContract, AWriteBeyondTheEndLeavesZerosBetween) {
  auto file = this->open("a", OpenMode::create);
  ASSERT_TRUE(file->write_at(3, as_bytes("x")).has_value());
  EXPECT_EQ(this->get("a"), std::string("\0\0\0x", 4));
}

TYPED_TEST(FileSystemContract, AnEmptyWriteBeyondTheEndChangesNothing) {
  auto file = this->open("a", OpenMode::create);
  ASSERT_TRUE(file->write_at(7, {}).has_value());
  EXPECT_EQ(file->size().value(), 0u);
}

TYPED_TEST(FileSystemContract, PartsAreWrittenOneAfterAnother) {
  auto file = this->open("a", OpenMode::create);
  std::vector<std::string> texts;
  std::string expected = "ab";
  for (int i = 0; i < 1000; ++i)
    texts.push_back(std::string(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26)));
  std::vector<BytesView> parts;
  for (const auto& text : texts) {
    parts.push_back(as_bytes(text));
    expected += text;
  }
  ASSERT_TRUE(file->write_at(0, as_bytes("ab")).has_value());
  ASSERT_TRUE(file->write_parts_at(2, parts).has_value());
  EXPECT_EQ(this->get("a"), expected);
  EXPECT_TRUE(file->write_parts_at(0, {}).has_value());
}

TYPED_TEST(FileSystemContract, DurableWritesAreReadBackAsTheyAreAlignedOrNot) {
  struct alignas(env::direct_block_bytes) Blocks {
    std::array<std::byte, 2 * env::direct_block_bytes> bytes;
  };
  const auto blocks = std::make_unique<Blocks>();
  blocks->bytes.fill(std::byte{'x'});
  const BytesView aligned{blocks->bytes};
  auto file = this->open("a", OpenMode::create_new);
  ASSERT_TRUE(file->write_durable_at(0, aligned).has_value()) << "the file grows by it";
  ASSERT_TRUE(file->write_durable_at(env::direct_block_bytes - 1, as_bytes("abc")).has_value());
  ASSERT_TRUE(file->write_durable_at(0, aligned.first(env::direct_block_bytes)).has_value())
      << "over what is there";
  ASSERT_TRUE(file->write_durable_at(aligned.size(), as_bytes("end")).has_value());
  std::string expected(aligned.size(), 'x');
  expected[env::direct_block_bytes] = 'b';
  expected[env::direct_block_bytes + 1] = 'c';
  EXPECT_EQ(this->get("a"), expected + "end");
}

TYPED_TEST(FileSystemContract, ADurableWriteIsOfTheFileThatIsOpenNotOfItsName) {
  struct alignas(env::direct_block_bytes) Block {
    std::array<std::byte, env::direct_block_bytes> bytes{};
  };
  const auto block = std::make_unique<Block>();
  auto file = this->open("a", OpenMode::create_new);
  ASSERT_TRUE(this->fs().rename(this->path("a"), this->path("b")).has_value());
  this->put("a", "another one");
  ASSERT_TRUE(file->write_durable_at(0, block->bytes).has_value());
  EXPECT_EQ(this->get("a"), "another one");
  EXPECT_EQ(this->get("b").size(), env::direct_block_bytes);
}

TYPED_TEST(FileSystemContract, TruncateCutsAndExtends) {
  auto file = this->open("a", OpenMode::create);
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")).has_value());
  ASSERT_TRUE(file->truncate(2).has_value());
  ASSERT_TRUE(file->truncate(4).has_value());
  EXPECT_EQ(this->get("a"), std::string("ab\0\0", 4));
}

TYPED_TEST(FileSystemContract, PreallocationDoesNotChangeTheSize) {
  auto file = this->open("a", OpenMode::create);
  EXPECT_TRUE(file->preallocate(65536).has_value());
  EXPECT_EQ(file->size().value(), 0u);
}

TYPED_TEST(FileSystemContract, OpenModesDifferInWhatMustExist) {
  EXPECT_EQ(code_of(this->fs().open(this->path("a"), OpenMode::read)), Code::not_found);
  EXPECT_EQ(code_of(this->fs().open(this->path("a"), OpenMode::read_write)), Code::not_found);
  EXPECT_EQ(code_of(this->fs().open(this->path("no/a"), OpenMode::create)), Code::not_found);
  this->put("a", "old");
  EXPECT_EQ(code_of(this->fs().open(this->path("a"), OpenMode::create_new)), Code::already_exists);
  EXPECT_TRUE(this->open("a", OpenMode::create));
  EXPECT_EQ(this->get("a"), "old");
  EXPECT_TRUE(this->open("a", OpenMode::create_truncate));
  EXPECT_EQ(this->get("a"), "");
}

TYPED_TEST(FileSystemContract, AFileOpenForReadingCannotBeWritten) {
  this->put("a", "x");
  auto file = this->open("a", OpenMode::read);
  EXPECT_FALSE(file->write_at(0, as_bytes("y")).has_value());
  EXPECT_FALSE(file->truncate(0).has_value());
  EXPECT_TRUE(file->sync().has_value());
  EXPECT_EQ(this->get("a"), "x");
}

TYPED_TEST(FileSystemContract, ListGivesSortedNames) {
  this->put("b", "");
  this->put("a", "");
  ASSERT_TRUE(this->fs().create_dir(this->path("c")).has_value());
  EXPECT_THAT(this->fs().list(this->path("")).value(),
              ElementsAre(DirEntry{"a", false}, DirEntry{"b", false}, DirEntry{"c", true}));
  EXPECT_EQ(code_of(this->fs().list(this->path("none"))), Code::not_found);
  EXPECT_EQ(code_of(this->fs().list(this->path("a"))), Code::io_failed);
}

TYPED_TEST(FileSystemContract, ExistsTellsFilesDirectoriesAndNothing) {
  this->put("a", "");
  EXPECT_TRUE(this->fs().exists(this->path("a")).value());
  EXPECT_TRUE(this->fs().exists(this->path("")).value());
  EXPECT_FALSE(this->fs().exists(this->path("b")).value());
  EXPECT_FALSE(this->fs().exists(this->path("a/b")).value());
}

TYPED_TEST(FileSystemContract, CreateDirRefusesATakenName) {
  ASSERT_TRUE(this->fs().create_dir(this->path("d")).has_value());
  EXPECT_EQ(code_of(this->fs().create_dir(this->path("d"))), Code::already_exists);
  EXPECT_EQ(code_of(this->fs().create_dir(this->path("x/y"))), Code::not_found);
}

TYPED_TEST(FileSystemContract, RenameReplacesAndRenameNoreplaceRefuses) {
  this->put("a", "new");
  this->put("b", "old");
  EXPECT_EQ(code_of(this->fs().rename_noreplace(this->path("a"), this->path("b"))), Code::already_exists);
  EXPECT_EQ(this->get("b"), "old");
  EXPECT_EQ(this->get("a"), "new");
  ASSERT_TRUE(this->fs().rename(this->path("a"), this->path("b")).has_value());
  EXPECT_EQ(this->get("b"), "new");
  EXPECT_FALSE(this->fs().exists(this->path("a")).value());
  ASSERT_TRUE(this->fs().rename_noreplace(this->path("b"), this->path("c")).has_value());
  EXPECT_EQ(this->get("c"), "new");
  EXPECT_EQ(code_of(this->fs().rename(this->path("none"), this->path("d"))), Code::not_found);
  EXPECT_EQ(code_of(this->fs().rename_noreplace(this->path("none"), this->path("d"))), Code::not_found);
}

TYPED_TEST(FileSystemContract, AnOpenFileIsReadOnAfterItsNameIsGone) {
  this->put("a", "still here");
  auto file = this->open("a", OpenMode::read);
  ASSERT_TRUE(this->fs().remove_file(this->path("a")).has_value());
  std::array<std::byte, 10> out;
  EXPECT_EQ(file->read_at(0, out).value(), 10u);
  EXPECT_EQ(as_text(out), "still here");
}

TYPED_TEST(FileSystemContract, RemoveTellsFilesFromDirectories) {
  this->put("a", "");
  ASSERT_TRUE(this->fs().create_dir(this->path("d")).has_value());
  this->put("d/x", "");
  EXPECT_FALSE(this->fs().remove_dir(this->path("a")).has_value());
  EXPECT_FALSE(this->fs().remove_file(this->path("d")).has_value());
  EXPECT_EQ(code_of(this->fs().remove_dir(this->path("d"))), Code::conflict);
  ASSERT_TRUE(this->fs().remove_file(this->path("d/x")).has_value());
  EXPECT_TRUE(this->fs().remove_dir(this->path("d")).has_value());
  EXPECT_EQ(code_of(this->fs().remove_file(this->path("d"))), Code::not_found);
}

TYPED_TEST(FileSystemContract, SyncWorksOnFilesAndDirectoriesByPath) {
  this->put("a", "x");
  EXPECT_TRUE(this->fs().sync_file(this->path("a")).has_value());
  EXPECT_TRUE(this->fs().sync_dir(this->path("")).has_value());
  EXPECT_EQ(code_of(this->fs().sync_file(this->path("none"))), Code::not_found);
  EXPECT_EQ(code_of(this->fs().sync_dir(this->path("none"))), Code::not_found);
  EXPECT_FALSE(this->fs().sync_dir(this->path("a")).has_value());
}

TYPED_TEST(FileSystemContract, ALockExcludesUntilItGoes) {
  auto lock = this->fs().lock(this->path("lock"));
  ASSERT_TRUE(lock.has_value());
  const auto second = this->fs().lock(this->path("lock"));
  ASSERT_EQ(code_of(second), Code::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("process "));
  EXPECT_THAT(second.error().message, HasSubstr(this->path("lock")));
  lock->reset();
  EXPECT_TRUE(this->fs().lock(this->path("lock")).has_value());
}

TYPED_TEST(FileSystemContract, MissingParentsAreMadeAllAtOnce) {
  ASSERT_TRUE(this->fs().create_dirs_durable(this->path("a/b/c")).has_value());
  ASSERT_TRUE(this->fs().create_dirs_durable(this->path("a/b/c")).has_value());
  this->put("a/b/c/x", "deep");
  EXPECT_EQ(this->get("a/b/c/x"), "deep");
}

TYPED_TEST(FileSystemContract, ReadFileRefusesMoreThanItsLimit) {
  this->put("a", "12345");
  EXPECT_EQ(as_text(this->fs().read_file(this->path("a"), 5).value()), "12345");
  const auto refused = this->fs().read_file(this->path("a"), 4);
  ASSERT_EQ(code_of(refused), Code::limit_exceeded);
  EXPECT_THAT(refused.error().message, HasSubstr("5 bytes"));
}

TYPED_TEST(FileSystemContract, ReplaceFileLeavesTheNewContentAlone) {
  ASSERT_TRUE(this->fs().replace_file_durable(this->path("a"), as_bytes("one, longer")).has_value());
  ASSERT_TRUE(this->fs().replace_file_durable(this->path("a"), as_bytes("two")).has_value());
  EXPECT_EQ(this->get("a"), "two");
  EXPECT_THAT(this->fs().list(this->path("")).value(), ElementsAre(DirEntry{"a", false}));
}

TYPED_TEST(FileSystemContract, FreeSpaceIsToldForWhatExists) {
  EXPECT_GT(this->fs().free_bytes(this->path("")).value(), 0u);
  EXPECT_EQ(code_of(this->fs().free_bytes(this->path("none"))), Code::not_found);
}

TYPED_TEST(FileSystemContract, ErrorsNameThePath) {
  const auto error = this->fs().open(this->path("none"), OpenMode::read).error();
  EXPECT_THAT(error.message, HasSubstr(this->path("none")));
  EXPECT_THAT(error.message, HasSubstr("cannot open"));
}

}  // namespace
}  // namespace sluice
