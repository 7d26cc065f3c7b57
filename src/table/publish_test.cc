#include "table/publish.h"

#include <gtest/gtest.h>

#include "sim/env.h"
#include "table/example.h"
#include "table/local_store.h"

namespace sluice::table {
namespace {

using example::chain;
using example::commit;

/// Files are texts; the recorded hash of a file is that of its text.
class TextContent final : public Content {
 public:
  explicit TextContent(Store& store) : store_(store) {}

  Result<bool> holds(const std::string& name, const CommitFile& file) override {
    const auto bytes = SLUICE_TRY(store_.get(name, 1000));
    return bytes && std::hash<std::string_view>{}(as_text(*bytes)) == file.logical_hash;
  }
  Result<std::vector<std::string>> rebuild(const CommitObject& object) override {
    ++rebuilds;
    if (gone) return base::fail(Code::out_of_range, "the topic has dropped the range");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < object.files.size(); ++i) {
      names.push_back(temporary_name(chain, object.range.begin, "again" + std::to_string(rebuilds),
                                     static_cast<int>(i), "rows"));
      SLUICE_TRY(write(store_, names.back(), text_of(object.files[i].name)));
    }
    return names;
  }
  static std::string text_of(const std::string& name) { return "rows of " + name; }
  static Result<void> write(Store& store, const std::string& name, std::string_view text) {
    SLUICE_TRY(store.make_dir(temporaries_dir(chain)));
    auto file = SLUICE_TRY(store.files().open(store.path(name), env::OpenMode::create_truncate));
    SLUICE_TRY(file->write_at(0, as_bytes(text)));
    SLUICE_TRY(file->sync());
    return store.sync_names(temporaries_dir(chain));
  }

  int rebuilds = 0;
  bool gone = false;

 private:
  Store& store_;
};

class PublishTest : public ::testing::Test {
 protected:
  /// [begin, end) with `count` files, written under their temporary names.
  CommitObject written(std::int64_t begin, std::int64_t end, int count = 1, std::uint64_t nonce = 7) {
    CommitObject object = commit(begin, end, nonce);
    object.files.clear();
    for (int i = 0; i < count; ++i) {
      CommitFile file;
      file.name = data_file_name("dt=" + std::to_string(i), chain, object.range, 0);
      file.temporary = temporary_name(chain, object.range.begin, to_string(object.nonce), i, "rows");
      const std::string text = TextContent::text_of(file.name);
      file.rows = i + 1 < count ? 1 : end - begin - count + 1;
      file.bytes = text.size();
      file.logical_hash = std::hash<std::string_view>{}(text);
      EXPECT_TRUE(TextContent::write(store_, file.temporary, text));
      object.files.push_back(file);
    }
    return object;
  }
  bool there(const std::string& name) { return store_.size(name).value().has_value(); }
  void expect_published(const CommitObject& object) {
    for (const CommitFile& file : object.files) {
      EXPECT_TRUE(content_.holds(file.name, file).value()) << file.name;
      EXPECT_FALSE(there(file.temporary)) << file.temporary;
    }
  }

  sim::World world_{1};
  LocalStore store_{world_.fs, world_.random, "/lake/flights"};
  TextContent content_{store_};
};

TEST_F(PublishTest, EveryFileGetsItsNameDurably) {
  const CommitObject object = written(0, 10, 3);
  const auto report = publish(store_, object, content_, true);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->published, 3);
  expect_published(object);
  world_.fs.restart(sim::Crash::all_lost);
  for (const CommitFile& file : object.files) EXPECT_TRUE(there(file.name));
}

TEST_F(PublishTest, PublishingAgainChangesNothing) {
  const CommitObject object = written(0, 10, 3);
  ASSERT_TRUE(publish(store_, object, content_, true));
  for (const bool fresh : {true, false}) {
    const auto report = publish(store_, object, content_, fresh);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_EQ(report->present, 3);
    EXPECT_EQ(content_.rebuilds, 0);
  }
}

TEST_F(PublishTest, WhoDiesAnywhereIsFinishedByTheNext) {
  for (const sim::Crash crash : sim::crashes) {
    for (std::uint64_t at = 0;; ++at) {
      sim::World world(at + 100);
      LocalStore store(world.fs, world.random, "/lake/flights");
      CommitObject object = commit(0, 10);
      object.files[0].name = data_file_name("dt=1", chain, object.range, 0);
      const std::string text = TextContent::text_of(object.files[0].name);
      object.files[0].bytes = text.size();
      object.files[0].logical_hash = std::hash<std::string_view>{}(text);
      ASSERT_TRUE(TextContent::write(store, object.files[0].temporary, text));
      world.fs.fail_operation(world.fs.operations() + at, sim::Fault::die);
      TextContent content(store);
      const bool done = publish(store, object, content, true).has_value();
      world.fs.restart(crash);
      world.fs.clear_faults();
      LocalStore next(world.fs, world.random, "/lake/flights");
      TextContent next_content(next);
      const auto report = publish(next, object, next_content, false);
      ASSERT_TRUE(report.has_value()) << name(crash) << " at " << at << ": " << report.error().message;
      EXPECT_TRUE(next_content.holds(object.files[0].name, object.files[0]).value());
      if (done) {
        EXPECT_EQ(report->present, 1) << name(crash) << " at " << at;
        break;
      }
    }
  }
}

TEST_F(PublishTest, ALostTemporaryFileIsMadeAgainFromTheSameRange) {
  const CommitObject object = written(0, 10, 3);
  ASSERT_TRUE(store_.remove_temporary(object.files[1].temporary));
  const auto report = publish(store_, object, content_, false);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->published, 2);
  EXPECT_EQ(report->rebuilt, 1);
  expect_published(object);
  EXPECT_TRUE(store_.list(temporaries_dir(chain)).value().empty());
}

TEST_F(PublishTest, ADamagedTemporaryFileIsMadeAgain) {
  const CommitObject object = written(0, 10);
  ASSERT_TRUE(TextContent::write(store_, object.files[0].temporary, "half of the ro"));
  ASSERT_TRUE(publish(store_, object, content_, false));
  EXPECT_EQ(content_.rebuilds, 1);
  EXPECT_TRUE(content_.holds(object.files[0].name, object.files[0]).value());
}

TEST_F(PublishTest, WhatCannotBeMadeAgainIsAnErrorAndNeverDropped) {
  const CommitObject object = written(0, 10);
  ASSERT_TRUE(store_.remove_temporary(object.files[0].temporary));
  content_.gone = true;
  const auto report = publish(store_, object, content_, false);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Code::out_of_range);
}

TEST_F(PublishTest, ANameTakenByAnotherContentIsNeverOverwritten) {
  const CommitObject object = written(0, 10);
  ASSERT_TRUE(TextContent::write(store_, "_sluice/tmp/foreign", "foreign"));
  ASSERT_TRUE(store_.publish("_sluice/tmp/foreign", object.files[0].name));
  for (const bool fresh : {true, false}) {
    const auto report = publish(store_, object, content_, fresh);
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().code, Code::corrupt);
  }
  EXPECT_EQ(as_text(*store_.get(object.files[0].name, 100).value()), "foreign");
}

TEST_F(PublishTest, SweepingRemovesOnlyWhatCanNeverBeCommitted) {
  const CommitObject winner = written(0, 10, 1, 1);
  const CommitObject loser = written(0, 8, 1, 2);
  const CommitObject later = written(10, 20, 1, 3);
  const CommitObject inside = written(5, 9, 1, 4);
  CommitLog log(store_, chain, example::cluster_id);
  ASSERT_TRUE(log.open());
  EXPECT_EQ(sweep(store_, log), 0) << "before the first commit anything may still be committed";
  ASSERT_EQ(log.commit(winner), CommitOutcome::committed);
  EXPECT_EQ(sweep(store_, log), 2);
  EXPECT_TRUE(there(winner.files[0].temporary)) << "named by a commit object";
  EXPECT_TRUE(there(later.files[0].temporary)) << "begins at the end of the chain";
  EXPECT_FALSE(there(loser.files[0].temporary));
  EXPECT_FALSE(there(inside.files[0].temporary));
}

}  // namespace
}  // namespace sluice::table
