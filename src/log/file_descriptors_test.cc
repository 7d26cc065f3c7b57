// A process that has no file descriptor left, on the real file system.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "env/posix.h"
#include "log/log_fixture.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

/// While it lives, no more files can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);  // the lowest that is free
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

class FileDescriptorsTest : public testing::Test {
 protected:
  FileDescriptorsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-log-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    auto made =
        PartitionLog::create(env::posix_file_system(), dir_, events, events_id, {.segment_bytes_max = 300});
    EXPECT_TRUE(made);
    log_ = std::move(*made);
  }
  ~FileDescriptorsTest() override { std::filesystem::remove_all(dir_); }

  Result<Appended> append(std::int64_t number) {
    Bytes batch = batch_of(number);
    return log_->append(batch, LeaderEpoch{0}, now);
  }

  std::string dir_;
  std::unique_ptr<PartitionLog> log_;
};

TEST_F(FileDescriptorsTest, ARollWithoutThemIsRefusedAndTheLogGoesOnWhenThereAreSome) {
  std::int64_t written = 0;
  ASSERT_TRUE(append(written++));
  ASSERT_TRUE(log_->sync());
  {
    const NoDescriptors none;
    Result<Appended> appended = append(written);
    while (appended && written < 20) appended = append(++written);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code, Code::exhausted) << to_string(appended.error());
    EXPECT_EQ(appended.error().kafka_error, record::kafka_error::kafka_storage_error);
    EXPECT_FALSE(append(written)) << "again";
  }
  EXPECT_FALSE(log_->poisoned());
  while (log_->segments_count() < 4) ASSERT_TRUE(append(written++));
  ASSERT_TRUE(log_->sync());
  EXPECT_EQ(values(*log_), numbered(0, written));
  ASSERT_TRUE(log_->close());
}

TEST_F(FileDescriptorsTest, ASyncOfNewNamesWithoutThemIsDoneLater) {
  std::int64_t written = 0;
  while (log_->segments_count() < 3) ASSERT_TRUE(append(written++));
  {
    const NoDescriptors none;
    EXPECT_EQ(log_->sync().error().code, Code::exhausted);
    EXPECT_EQ(log_->high_watermark(), Offset{0}) << "nothing is shown that may be lost (X14)";
    EXPECT_TRUE(log_->needs_sync());
  }
  ASSERT_TRUE(log_->sync());
  EXPECT_EQ(log_->high_watermark(), Offset{written});
  log_.reset();
  auto opened =
      PartitionLog::open(env::posix_file_system(), dir_, events, {.segment_bytes_max = 300}, {.now_ms = now});
  ASSERT_TRUE(opened);
  EXPECT_EQ(values(**opened), numbered(0, written));
}

}  // namespace
}  // namespace sluice::log
