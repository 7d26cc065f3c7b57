#include "sim/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace sluice::sim {
namespace {

using env::OpenMode;
using testing::HasSubstr;

constexpr std::string_view absent = "(absent)";

/// A disk with verbs short enough that a test reads as a story.
struct Story {
  explicit Story(std::uint64_t seed = 1) : fs(seed) {}

  void write(const std::string& path, std::string_view content, std::uint64_t offset = 0) {
    auto file = fs.open(path, OpenMode::create);
    ASSERT_TRUE(file.has_value()) << to_string(file.error());
    ASSERT_TRUE((*file)->write_at(offset, as_bytes(content)).has_value());
  }
  void sync(const std::string& path) { ASSERT_TRUE(fs.sync_file(path).has_value()); }
  void sync_dir(const std::string& path) { ASSERT_TRUE(fs.sync_dir(path).has_value()); }
  void make_dir(const std::string& path) { ASSERT_TRUE(fs.create_dir(path).has_value()); }
  void rename(const std::string& from, const std::string& to) {
    ASSERT_TRUE(fs.rename(from, to).has_value());
  }
  void write_durable(const std::string& path, std::string_view content) {
    write(path, content);
    sync(path);
    sync_dir(env::parent(path));
  }
  std::string read(const std::string& path) {
    auto content = fs.read_file(path, 1 << 20);
    return content ? std::string(as_text(*content)) : std::string(absent);
  }

  FileSystem fs;
};

/// What is seen after `act` and `crash`, over many seeds: each outcome and how often.
template <class Act, class See>
std::map<std::string, int> outcomes(Crash crash, Act act, See see) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Story story(seed);
    act(story);
    story.fs.restart(crash);
    ++seen[see(story)];
  }
  return seen;
}
std::set<std::string> keys(const std::map<std::string, int>& seen) {
  std::set<std::string> out;
  for (const auto& [key, count] : seen) out.insert(key);
  return out;
}

TEST(SimFileSystem, AKillKeepsEverythingThatWasWritten) {
  Story story;
  story.make_dir("/d");
  story.write("/d/a", "unsynced");
  story.rename("/d/a", "/d/b");
  story.fs.restart(Crash::plain);
  EXPECT_EQ(story.read("/d/b"), "unsynced");
  EXPECT_EQ(story.read("/d/a"), absent);
}

TEST(SimFileSystem, UnsyncedDataIsGoneAfterSyncLost) {
  Story story;
  story.write_durable("/a", "durable");
  story.write("/a", " lost", 7);
  story.write("/new", "lost");
  story.fs.restart(Crash::sync_lost);
  EXPECT_EQ(story.read("/a"), "durable");
  EXPECT_EQ(story.read("/new"), "");  // the name came through, its content did not
}

TEST(SimFileSystem, UnsyncedNamesAreGoneAfterRenameLost) {
  Story story;
  story.write_durable("/a", "content");
  story.write_durable("/gone", "back again");
  story.rename("/a", "/b");
  story.write("/c", "content");
  ASSERT_TRUE(story.fs.remove_file("/gone").has_value());
  story.fs.restart(Crash::rename_lost);
  EXPECT_EQ(story.read("/a"), "content");
  EXPECT_EQ(story.read("/b"), absent);
  EXPECT_EQ(story.read("/c"), absent);
  EXPECT_EQ(story.read("/gone"), "back again");
}

TEST(SimFileSystem, UnsyncedDataSurvivesRenameLostWhereTheNameIsDurable) {
  Story story;
  story.write_durable("/a", "old");
  story.write("/a", "new");
  story.fs.restart(Crash::rename_lost);
  EXPECT_EQ(story.read("/a"), "new");
}

TEST(SimFileSystem, WhatWasSyncedSurvivesEveryCrash) {
  for (Crash crash : crashes) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      Story story(seed);
      story.make_dir("/d");
      story.sync_dir("/");
      story.write("/d/tmp", std::string(3000, 'x'));
      story.sync("/d/tmp");
      ASSERT_TRUE(story.fs.rename_noreplace("/d/tmp", "/d/final").has_value());
      story.sync_dir("/d");
      EXPECT_TRUE(story.fs.is_durable("/d/final"));
      story.fs.restart(crash);
      EXPECT_EQ(story.read("/d/final"), std::string(3000, 'x')) << name(crash) << " seed " << seed;
      EXPECT_EQ(story.read("/d/tmp"), absent) << name(crash) << " seed " << seed;
    }
  }
}

TEST(SimFileSystem, SyncingAFileDoesNotMakeItsNameDurable) {
  Story story;
  story.write("/a", "x");
  story.sync("/a");
  EXPECT_FALSE(story.fs.is_durable("/a"));
  story.fs.restart(Crash::all_lost);
  EXPECT_EQ(story.read("/a"), absent);
}

TEST(SimFileSystem, SyncingADirectoryDoesNotMakeItsOwnNameDurable) {
  Story story;
  story.make_dir("/d");
  story.write_durable("/d/a", "x");
  EXPECT_FALSE(story.fs.is_durable("/d/a"));
  story.fs.restart(Crash::all_lost);
  EXPECT_FALSE(story.fs.exists("/d").value());
}

TEST(SimFileSystem, CreateDirsDurableLeavesEveryParentDurable) {
  Story story;
  ASSERT_TRUE(story.fs.create_dirs_durable("/a/b/c").has_value());
  EXPECT_TRUE(story.fs.is_durable("/a/b/c"));
}

TEST(SimFileSystem, ReplaceFileIsEitherOldOrNewWhereverItDies) {
  for (Crash crash : crashes) {
    for (std::uint64_t at = 0;; ++at) {
      Story story(at + 1);
      story.write_durable("/a", "old content");
      story.fs.fail_operation(story.fs.operations() + at, Fault::die);
      const bool finished = story.fs.replace_file_durable("/a", as_bytes("new")).has_value();
      story.fs.restart(crash);
      const std::string found = story.read("/a");
      EXPECT_TRUE(found == "new" || (!finished && found == "old content"))
          << name(crash) << " " << at << " " << found;
      if (finished) break;
    }
  }
}

TEST(SimFileSystem, TornKeepsOrLosesEachNameByItself) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        for (const char* path : {"/a", "/b", "/c"}) {
          story.write(path, "x");
          story.sync(path);
        }
      },
      [](Story& story) {
        std::string found;
        for (const char* path : {"/a", "/b", "/c"}) found += story.read(path) == "x" ? "+" : "-";
        return found;
      });
  EXPECT_EQ(seen.size(), 8u);  // every combination
}

TEST(SimFileSystem, TornLosesAnUnsyncedRenameThoughALaterOneIsKept) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        story.write_durable("/1.tmp", "1");
        story.write_durable("/2.tmp", "2");
        story.rename("/1.tmp", "/1");
        story.rename("/2.tmp", "/2");
      },
      [](Story& story) { return story.read("/1") + " " + story.read("/2"); });
  EXPECT_EQ(keys(seen), (std::set<std::string>{"1 2", "1 (absent)", "(absent) 2", "(absent) (absent)"}));
}

TEST(SimFileSystem, ARenameWithinADirectoryIsAtomic) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        story.write_durable("/from", "x");
        story.rename("/from", "/to");
      },
      [](Story& story) { return story.read("/from") + " " + story.read("/to"); });
  EXPECT_EQ(keys(seen), (std::set<std::string>{"x (absent)", "(absent) x"}));
}

TEST(SimFileSystem, ARenameAcrossDirectoriesMayLeaveBothNamesButNeverNone) {
  const auto act = [](Story& story) {
    story.make_dir("/d");
    story.make_dir("/e");
    story.sync_dir("/");
    story.write_durable("/d/from", "x");
    story.rename("/d/from", "/e/to");
  };
  const auto see = [](Story& story) { return story.read("/d/from") + " " + story.read("/e/to"); };
  EXPECT_EQ(keys(outcomes(Crash::torn, act, see)),
            (std::set<std::string>{"x (absent)", "x x", "(absent) x"}));
  const auto synced_old = [&](Story& story) {
    act(story);
    story.sync_dir("/d");
  };
  EXPECT_EQ(keys(outcomes(Crash::all_lost, synced_old, see)), (std::set<std::string>{"(absent) x"}));
  const auto synced_new = [&](Story& story) {
    act(story);
    story.sync_dir("/e");
  };
  EXPECT_EQ(keys(outcomes(Crash::torn, synced_new, see)), (std::set<std::string>{"x x", "(absent) x"}));
}

TEST(SimFileSystem, AFileIsNotLostWhereItsOldNameIsTakenAgain) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        story.write_durable("/log", "old");
        story.rename("/log", "/log.1");
        story.write("/log", "new");
        story.sync("/log");
      },
      [](Story& story) { return story.read("/log") + " " + story.read("/log.1"); });
  EXPECT_EQ(keys(seen), (std::set<std::string>{"old (absent)", "(absent) old", "new old"}));
}

TEST(SimFileSystem, TheLastWriteIsTornAtAnyByte) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        story.write_durable("/a", "");
        story.write("/a", "0123456789");
      },
      [](Story& story) { return story.read("/a"); });
  for (std::size_t bytes = 0; bytes <= 10; ++bytes)
    EXPECT_TRUE(seen.contains(std::string("0123456789").substr(0, bytes))) << bytes;
  EXPECT_EQ(seen.size(), 11u);
}

TEST(SimFileSystem, SectorsOfEarlierUnsyncedWritesAreKeptOrLostIndependently) {
  const auto seen = outcomes(
      Crash::torn,
      [](Story& story) {
        story.write_durable("/a", std::string(3 * sector_bytes, '-'));
        story.write("/a", std::string(3 * sector_bytes, '+'));
        story.write("/a", "", 0);
      },
      [](Story& story) {
        const std::string content = story.read("/a");
        std::string found;
        for (std::size_t at = 0; at < content.size(); at += sector_bytes) {
          EXPECT_EQ(content.substr(at, sector_bytes), std::string(sector_bytes, content[at]));
          found += content[at];
        }
        return found;
      });
  EXPECT_EQ(seen.size(), 8u);
}

TEST(SimFileSystem, ASyncThatFailedHasThrownTheDataAway) {
  Story story;
  story.write_durable("/a", "good");
  auto file = story.fs.open("/a", OpenMode::read_write).value();
  ASSERT_TRUE(file->write_at(4, as_bytes(" lost")).has_value());
  story.fs.fail_operation(story.fs.operations(), Fault::eio);
  EXPECT_EQ(file->sync().error().code, Code::io_failed);
  EXPECT_TRUE(file->sync().has_value());  // and it lies
  EXPECT_EQ(story.read("/a"), "good lost");
  EXPECT_FALSE(story.fs.is_durable("/a"));
  ASSERT_TRUE(file->write_at(9, as_bytes(" kept")).has_value());
  ASSERT_TRUE(file->sync().has_value());
  story.fs.restart(Crash::rename_lost);
  EXPECT_EQ(story.read("/a"), std::string("good\0\0\0\0\0 kept", 14));
}

TEST(SimFileSystem, ADirectorySyncThatFailedHasForgottenTheNames) {
  Story story;
  story.write("/a", "x");
  story.sync("/a");
  story.fs.fail_operation(story.fs.operations(), Fault::eio);
  EXPECT_EQ(story.fs.sync_dir("/").error().code, Code::io_failed);
  EXPECT_TRUE(story.fs.sync_dir("/").has_value());
  story.fs.restart(Crash::sync_lost);
  EXPECT_EQ(story.read("/a"), absent);
}

TEST(SimFileSystem, OnlyTheChosenOperationFails) {
  Story story;
  story.write_durable("/a", "x");
  story.fs.fail_operation(story.fs.operations() + 1, Fault::eio);
  EXPECT_TRUE(story.fs.create_dir("/d").has_value());
  const auto failed = story.fs.create_dir("/e");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::io_failed);
  EXPECT_THAT(failed.error().message, HasSubstr("create_dir /e"));
  EXPECT_FALSE(story.fs.exists("/e").value());
  EXPECT_TRUE(story.fs.create_dir("/e").has_value());
}

TEST(SimFileSystem, AFullDiskRefusesWhatDoesNotFitAndServesOn) {
  Story story;
  story.write_durable("/a", "12345");
  story.fs.set_capacity(8);
  EXPECT_EQ(story.fs.free_bytes("/").value(), 3u);
  auto file = story.fs.open("/a", OpenMode::read_write).value();
  const auto refused = file->write_at(5, as_bytes("6789"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::no_space);
  EXPECT_EQ(story.read("/a"), "12345678");
  EXPECT_TRUE(file->write_at(0, as_bytes("abc")).has_value());  // no growth, no need of room
  story.fs.set_capacity(100);
  EXPECT_TRUE(file->write_at(8, as_bytes("9")).has_value());
  EXPECT_EQ(story.read("/a"), "abc456789");
}

TEST(SimFileSystem, ALostAnswerHasDoneItsWork) {
  Story story;
  story.write_durable("/a", "x");
  story.fs.fail_operation(story.fs.operations(), Fault::lost_answer);
  EXPECT_EQ(story.fs.rename_noreplace("/a", "/b").error().code, Code::io_failed);
  EXPECT_EQ(story.read("/b"), "x");
  EXPECT_EQ(story.read("/a"), absent);
}

TEST(SimFileSystem, FaultsCanBeChosenByWhatTheOperationIs) {
  Story story;
  story.fs.fail_when(
      [](const Operation& operation) { return operation.verb == Verb::sync && operation.path == "/b"; },
      Fault::enospc);
  story.write_durable("/a", "x");
  story.write("/b", "x");
  EXPECT_EQ(story.fs.sync_file("/b").error().code, Code::no_space);
  story.fs.clear_faults();
  EXPECT_TRUE(story.fs.sync_file("/b").has_value());
}

TEST(SimFileSystem, AReadFailsWhereAsked) {
  Story story;
  story.write_durable("/a", "x");
  story.fs.fail_read(story.fs.reads() + 1);
  EXPECT_EQ(story.read("/a"), "x");
  EXPECT_EQ(story.fs.read_file("/a", 10).error().code, Code::io_failed);
  EXPECT_EQ(story.read("/a"), "x");
}

TEST(SimFileSystem, AfterDeathNothingWorksUntilTheRestart) {
  Story story;
  story.write_durable("/a", "x");
  auto file = story.fs.open("/a", OpenMode::read_write).value();
  story.fs.fail_operation(story.fs.operations(), Fault::die);
  EXPECT_EQ(story.fs.create_dir("/d").error().code, Code::interrupted);
  EXPECT_TRUE(story.fs.dead());
  std::array<std::byte, 1> out;
  EXPECT_EQ(file->read_at(0, out).error().code, Code::interrupted);
  EXPECT_EQ(file->write_at(0, as_bytes("y")).error().code, Code::interrupted);
  EXPECT_EQ(file->sync().error().code, Code::interrupted);
  EXPECT_EQ(file->size().error().code, Code::interrupted);
  EXPECT_EQ(story.fs.exists("/a").error().code, Code::interrupted);
  EXPECT_EQ(story.fs.list("/").error().code, Code::interrupted);
  EXPECT_EQ(story.fs.open("/a", OpenMode::read).error().code, Code::interrupted);
  EXPECT_EQ(story.fs.lock("/lock").error().code, Code::interrupted);
  story.fs.restart(Crash::plain);
  EXPECT_FALSE(story.fs.dead());
  EXPECT_FALSE(story.fs.exists("/d").value());
  EXPECT_EQ(file->write_at(0, as_bytes("y")).error().code, Code::interrupted);  // a handle of the life before
  EXPECT_EQ(story.read("/a"), "x");
}

TEST(SimFileSystem, DyingInAWriteLeavesAPartOfIt) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Story story(seed);
    story.write_durable("/a", "");
    auto file = story.fs.open("/a", OpenMode::read_write).value();
    story.fs.fail_operation(story.fs.operations(), Fault::die);
    EXPECT_FALSE(file->write_at(0, as_bytes("abc")).has_value());
    story.fs.restart(Crash::plain);
    seen.insert(story.read("/a"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "a", "ab", "abc"}));
}

TEST(SimFileSystem, DeathReleasesLocksAndAnOldLockReleasesNothing) {
  Story story;
  auto old_lock = story.fs.lock("/lock");
  ASSERT_TRUE(old_lock.has_value());
  story.fs.restart(Crash::plain);
  auto lock = story.fs.lock("/lock");
  ASSERT_TRUE(lock.has_value());
  old_lock->reset();
  EXPECT_EQ(story.fs.lock("/lock").error().code, Code::conflict);
}

TEST(SimFileSystem, TwoProcessesShareADiskAndDieAlone) {
  Story one;
  FileSystem two(one.fs, 2);
  auto lock = one.fs.lock("/lock");
  EXPECT_EQ(two.lock("/lock").error().code, Code::conflict);
  one.write("/a", "by one");
  EXPECT_EQ(as_text(two.read_file("/a", 100).value()), "by one");
  one.fs.die();
  EXPECT_FALSE(two.dead());
  EXPECT_TRUE(two.lock("/lock").has_value());
  EXPECT_EQ(as_text(two.read_file("/a", 100).value()), "by one");
}

TEST(SimFileSystem, APowerCutKillsEveryProcessOfTheDisk) {
  Story one;
  FileSystem two(one.fs, 2);
  one.write_durable("/a", "x");
  one.fs.restart(Crash::all_lost);
  EXPECT_FALSE(one.fs.dead());
  EXPECT_TRUE(two.dead());
  EXPECT_EQ(two.exists("/a").error().code, Code::interrupted);
  two.restart(Crash::plain);
  EXPECT_TRUE(two.exists("/a").value());
}

TEST(SimFileSystem, AnotherProcessCanActBetweenTwoOperations) {
  Story one;
  one.write_durable("/a", "one");
  FileSystem two(one.fs, 2);
  one.fs.before_operation([&](const Operation& operation) {
    if (operation.verb == Verb::rename) {
      EXPECT_TRUE(two.rename_noreplace("/a", "/taken").has_value());
    }
  });
  EXPECT_EQ(one.fs.rename_noreplace("/a", "/taken").error().code, Code::not_found);
}

TEST(SimFileSystem, TheTraceTellsWhatHappened) {
  Story story;
  story.write("/a", "abc");
  story.rename("/a", "/b");
  const auto trace = story.fs.trace();
  ASSERT_EQ(trace.size(), 3u);
  EXPECT_EQ(story.fs.operations(), 3u);
  EXPECT_EQ(to_string(trace[0]), "operation 0: create /a");
  EXPECT_EQ(to_string(trace[1]), "operation 1: write /a [0, 3)");
  EXPECT_EQ(to_string(trace[2]), "operation 2: rename /a to /b");
}

TEST(SimFileSystem, ReadsAndOpensOfWhatIsThereDoNotCount) {
  Story story;
  story.write_durable("/a", "abc");
  const auto before = story.fs.operations();
  EXPECT_EQ(story.read("/a"), "abc");
  EXPECT_TRUE(story.fs.open("/a", OpenMode::create).has_value());
  EXPECT_TRUE(story.fs.list("/").has_value());
  EXPECT_EQ(story.fs.operations(), before);
}

TEST(SimFileSystem, TheSameSeedGivesTheSameCrash) {
  const auto run = [](std::uint64_t seed) {
    Story story(seed);
    for (int i = 0; i < 10; ++i) story.write("/" + std::to_string(i), std::string(2000, 'x'));
    story.fs.restart(Crash::torn);
    std::string found;
    for (int i = 0; i < 10; ++i) found += std::to_string(story.read("/" + std::to_string(i)).size()) + " ";
    return found;
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace sluice::sim
