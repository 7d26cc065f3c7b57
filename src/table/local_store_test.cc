#include "table/local_store.h"

#include <gtest/gtest.h>

#include "sim/env.h"

namespace sluice::table {
namespace {

class LocalStoreTest : public ::testing::Test {
 protected:
  std::string content(const std::string& name) {
    const auto bytes = store_.get(name, 1000);
    EXPECT_TRUE(bytes.has_value());
    return bytes && *bytes ? std::string(as_text(**bytes)) : "(none)";
  }

  sim::World world_{1};
  LocalStore store_{world_.fs, world_.random, "/lake/flights"};
};

TEST_F(LocalStoreTest, ANameIsGivenOnceAndNeverOverwritten) {
  ASSERT_TRUE(store_.put_new("_sluice/x", as_bytes("one")));
  const auto second = store_.put_new("_sluice/x", as_bytes("two"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::already_exists);
  EXPECT_EQ(content("_sluice/x"), "one");
  EXPECT_TRUE(store_.list("_sluice/tmp/objects").value().empty());
}

TEST_F(LocalStoreTest, AnObjectIsWholeOrAbsentWhereverItsCreatorDies) {
  for (const sim::Crash crash : sim::crashes) {
    for (std::uint64_t at = 0;; ++at) {
      sim::World world(at);
      LocalStore store(world.fs, world.random, "/lake/flights");
      world.fs.fail_operation(at, sim::Fault::die);
      const bool done = store.put_new("_sluice/commits/a/0/first", as_bytes("whole")).has_value();
      world.fs.restart(crash);
      LocalStore next(world.fs, world.random, "/lake/flights");
      const auto bytes = next.get("_sluice/commits/a/0/first", 100);
      ASSERT_TRUE(bytes.has_value());
      if (*bytes) {
        EXPECT_EQ(as_text(**bytes), "whole") << name(crash) << " at " << at;
      }
      if (done) {
        EXPECT_TRUE(bytes->has_value()) << name(crash) << " at " << at;
        break;
      }
    }
  }
}

TEST_F(LocalStoreTest, AFullDiskRefusesAndLeavesNothing) {
  ASSERT_TRUE(store_.put_new("_sluice/x", as_bytes("one")));
  world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::write; }, sim::Fault::enospc);
  const auto put = store_.put_new("_sluice/y", as_bytes("two"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::no_space);
  world_.fs.clear_faults();
  EXPECT_EQ(content("_sluice/y"), "(none)");
  EXPECT_TRUE(store_.list("_sluice/tmp/objects").value().empty());
  EXPECT_TRUE(store_.put_new("_sluice/y", as_bytes("two"))) << "and it goes on when there is room";
}

TEST_F(LocalStoreTest, AfterAFailedSyncOfADirectoryNothingMoreIsWritten) {
  ASSERT_TRUE(store_.put_new("_sluice/x", as_bytes("one")));
  world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::sync_dir; }, sim::Fault::eio);
  EXPECT_FALSE(store_.put_new("_sluice/y", as_bytes("two")));
  world_.fs.clear_faults();
  EXPECT_FALSE(store_.put_new("_sluice/z", as_bytes("three")));
  EXPECT_EQ(content("_sluice/z"), "(none)");
}

TEST_F(LocalStoreTest, OnlyTemporaryFilesCanBeRemoved) {
  ASSERT_TRUE(store_.put_new("_sluice/commits/x", as_bytes("one")));
  EXPECT_FALSE(store_.remove_temporary("_sluice/commits/x"));
  EXPECT_FALSE(store_.remove_temporary("_sluice/tmp/../commits/x"));
  EXPECT_TRUE(store_.remove_temporary("_sluice/tmp/missing"));
  EXPECT_EQ(content("_sluice/commits/x"), "one");
}

TEST_F(LocalStoreTest, WhatInterruptedPutsLeaveIsSweptOnceTheNameIsTaken) {
  world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::rename; }, sim::Fault::die);
  EXPECT_FALSE(store_.put_new("_sluice/x", as_bytes("one")));
  world_.fs.restart(sim::Crash::plain);
  world_.fs.clear_faults();
  EXPECT_EQ(store_.sweep_puts(), 0) << "it might still be renamed by a zombie";
  ASSERT_TRUE(store_.put_new("_sluice/x", as_bytes("two")));
  EXPECT_EQ(store_.sweep_puts(), 1);
  EXPECT_EQ(content("_sluice/x"), "two");
}

TEST_F(LocalStoreTest, AMissingDirectoryIsAnEmptyOne) {
  const auto names = store_.list("_sluice/nowhere");
  ASSERT_TRUE(names.has_value());
  EXPECT_TRUE(names->empty());
}

TEST_F(LocalStoreTest, TheProbeAcceptsAStoreThatLetsOneCreatorWin) {
  const auto probed = probe(store_, "nonce");
  EXPECT_TRUE(probed.has_value()) << probed.error().message;
  EXPECT_TRUE(store_.list("_sluice/tmp/probe").value().empty());
}

/// A store whose create-only verb lets everybody win.
class LaxStore final : public Store {
 public:
  explicit LaxStore(Store& inner) : inner_(inner) {}
  Result<void> put_new(const std::string& name, BytesView content) override {
    const auto put = inner_.put_new(name, content);
    return put || put.error().code == Code::already_exists ? Result<void>() : put;
  }
  Result<std::optional<Bytes>> get(const std::string& name, std::uint64_t bytes_max) override {
    return inner_.get(name, bytes_max);
  }
  Result<std::vector<std::string>> list(const std::string& dir) override { return inner_.list(dir); }
  Result<std::optional<std::uint64_t>> size(const std::string& name) override { return inner_.size(name); }
  Result<void> sync_names(const std::string& dir) override { return inner_.sync_names(dir); }
  Result<void> make_dir(const std::string& dir) override { return inner_.make_dir(dir); }
  Result<void> publish(const std::string& from, const std::string& to) override {
    return inner_.publish(from, to);
  }
  Result<void> remove_temporary(const std::string& name) override { return inner_.remove_temporary(name); }
  Result<std::int64_t> sweep_puts() override { return inner_.sweep_puts(); }
  env::FileSystem& files() override { return inner_.files(); }
  std::string path(const std::string& name) const override { return inner_.path(name); }

 private:
  Store& inner_;
};

TEST_F(LocalStoreTest, TheProbeRefusesAStoreThatLetsTwoCreatorsWin) {
  LaxStore lax(store_);
  const auto probed = probe(lax, "nonce");
  ASSERT_FALSE(probed.has_value());
  EXPECT_EQ(probed.error().code, Code::unsupported);
}

TEST_F(LocalStoreTest, AHivePartitionThatWasDroppedMeanwhileIsMadeAgain) {
  const auto write = [&](const std::string& name) {
    ASSERT_TRUE(store_.make_dir("_sluice/tmp"));
    const auto file = world_.fs.open(store_.path(name), env::OpenMode::create_new);
    ASSERT_TRUE(file && (*file)->write_at(0, as_bytes("rows")) && (*file)->sync());
    ASSERT_TRUE(store_.sync_names("_sluice/tmp"));
  };
  write("_sluice/tmp/a");
  ASSERT_TRUE(store_.publish("_sluice/tmp/a", "y=1/m=1/a.parquet"));
  ASSERT_TRUE(world_.fs.remove_file(store_.path("y=1/m=1/a.parquet")));
  ASSERT_TRUE(world_.fs.remove_dir(store_.path("y=1/m=1")));
  ASSERT_TRUE(world_.fs.remove_dir(store_.path("y=1")));
  write("_sluice/tmp/b");
  ASSERT_TRUE(store_.publish("_sluice/tmp/b", "y=1/m=1/b.parquet"));
  world_.fs.restart(sim::Crash::all_lost);
  EXPECT_EQ(content("y=1/m=1/b.parquet"), "rows");
  EXPECT_EQ(store_.publish("_sluice/tmp/none", "y=1/m=1/c.parquet").error().code, Code::not_found);
}

}  // namespace
}  // namespace sluice::table
