#include "lake/range_writer.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "lake/hashes.h"
#include "lake/names.h"
#include "lake/read_back.h"
#include "lake/testing.h"
#include "sim/file_system.h"

namespace sluice::lake {
namespace {

using testing::Padded;
using testing::schema_of;

std::shared_ptr<const Schema> flights() {
  return schema_of({{"flight", "", Type::int64, true},
                    {"carrier", "", Type::string, true},
                    {"delay", "", Type::float64, true},
                    {"late", "", Type::boolean, true},
                    {"day", "", Type::date, true},
                    {"at", "", Type::timestamp, true}});
}

/// Record `i` of a made-up topic; every so often a null, an absent field, a new carrier.
std::string flight(std::int64_t i) {
  const std::string n = std::to_string(i);
  std::string out =
      "{\"flight\":" + (i % 7 == 3 ? "null" : n) + ",\"carrier\":\"" + (i % 50 == 0 ? "X" + n : "UA") + "\"";
  if (i % 5 != 1) out += ",\"delay\":" + std::to_string(i % 100) + ".25";
  out += ",\"late\":" + std::string(i % 2 == 0 ? "true" : "false");
  out += ",\"day\":\"2013-01-" + std::to_string(10 + i % 20) + "\"";
  return out + ",\"at\":\"2013-01-" + std::to_string(10 + i % 20) + "T0" + std::to_string(i % 10) +
         ":00:00Z\"}";
}

constexpr std::int64_t t0 = 1'700'000'000'000;

/// A topic's partition and a disk, to write ranges on.
class RangeWriterTest : public ::testing::Test {
 protected:
  RangeWriterTest() { EXPECT_TRUE(fs_.create_dir("/tmp")); }

  std::unique_ptr<RangeWriter> writer(const std::string& prefix, const std::vector<std::string>& terms = {},
                                      const WriterOptions& options = {}, std::int64_t begin = 0) {
    const auto schema = flights();
    const Partitioning partitioning = Partitioning::parse(terms, *schema).value();
    return RangeWriter::create(fs_, "/tmp/" + prefix, {"cluster", "flights", Uuid{1, 2}, PartitionId{3}, 1},
                               schema, partitioning, options, Offset{begin})
        .value();
  }

  static Result<RangeWriter::Added> add(RangeWriter& writer, std::int64_t offset, std::string_view value) {
    const Padded padded(value);
    return writer.add({Offset{offset}, t0 + offset, as_bytes("k"), padded.view(), {}, 0});
  }

  static FinishedRange fill(RangeWriter& writer, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto added = add(writer, i, flight(i));
      EXPECT_TRUE(added && *added == RangeWriter::Added::taken) << i;
    }
    auto range = writer.finish(Offset{end});
    EXPECT_TRUE(range) << to_string(range.error());
    return range.value_or(FinishedRange{});
  }

  std::string content(const std::string& path) {
    return std::string(as_text(fs_.read_file(path, 1 << 20).value()));
  }

  sim::FileSystem fs_;
};

TEST_F(RangeWriterTest, AFileReadBackHasTheHashRowsAndFooterItWasWrittenWith) {
  for (const std::int64_t n : {1, 100, 40'000}) {
    auto w = writer("a" + std::to_string(n), {}, {}, 10);
    const FinishedRange range = fill(*w, 10, 10 + n);
    ASSERT_EQ(range.files.size(), 1u);
    EXPECT_EQ(range.rows, n);
    EXPECT_EQ(range.quarantined, 0);
    EXPECT_FALSE(range.quarantine);
    const DataFile& file = range.files[0];
    EXPECT_TRUE(fs_.is_durable(file.temp_path) || fs_.sync_dir("/tmp"));
    const auto back = read_back(fs_, file.temp_path);
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->rows, n);
    EXPECT_EQ(back->footer_rows, n);
    EXPECT_EQ(hash_text(back->logical_hash), hash_text(file.logical_hash));
    EXPECT_EQ(back->footer_logical_hash, file.logical_hash);
    EXPECT_EQ(back->footer_raw_hash, range.raw_hash);
    EXPECT_EQ(back->range, (OffsetRange{Offset{10}, Offset{10 + n}}));
    EXPECT_EQ(back->topic, "flights");
    EXPECT_EQ(back->cluster_id, "cluster");
    EXPECT_EQ(back->topic_id, (Uuid{1, 2}));
    EXPECT_EQ(back->partition, PartitionId{3});
    EXPECT_EQ(fs_.open(file.temp_path, env::OpenMode::read).value()->size().value(), file.bytes);
  }
}

TEST_F(RangeWriterTest, TheSameRecordsGiveTheSameHashesWhateverTheCodecAndTheRowGroups) {
  WriterOptions small;
  small.codec = {Codec::Kind::snappy, 0};
  small.row_group_rows_max = 5'000;
  WriterOptions tiny;
  tiny.codec = {Codec::Kind::none, 0};
  tiny.row_group_bytes_max = 1;
  const FinishedRange a = fill(*writer("a"), 0, 80'000);
  const FinishedRange b = fill(*writer("b", {}, small), 0, 80'000);
  const FinishedRange c = fill(*writer("c", {}, tiny), 0, 80'000);
  EXPECT_EQ(a.files[0].logical_hash, b.files[0].logical_hash);
  EXPECT_EQ(a.files[0].logical_hash, c.files[0].logical_hash);
  EXPECT_EQ(a.raw_hash, b.raw_hash);
  for (const FinishedRange* range : {&a, &b, &c}) {
    const auto back = read_back(fs_, range->files[0].temp_path);
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->logical_hash, a.files[0].logical_hash);
  }
  const FinishedRange d = fill(*writer("d"), 0, 79'999);
  EXPECT_NE(a.files[0].logical_hash, d.files[0].logical_hash);
}

TEST_F(RangeWriterTest, StringsOfManyFewAndGrowingValuesAllComeBack) {
  const auto schema = schema_of({{"few", "", Type::string, true},
                                 {"many", "", Type::string, true},
                                 {"grows", "", Type::string, true},
                                 {"middle", "", Type::string, false}});
  WriterOptions options;
  options.row_group_rows_max = 70'000;
  auto w = RangeWriter::create(fs_, "/tmp/s", {"c", "t", Uuid{1, 2}, PartitionId{0}, 1}, schema, {}, options,
                               Offset{0})
               .value();
  constexpr std::int64_t n = 200'000;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::string number = std::to_string(i);
    // `grows` gets new words after its dictionary has gone into a row group, and at last too many for one.
    const Padded value("{\"few\":" + (i % 3 == 0 ? "null" : "\"" + std::to_string(i % 5) + "\"") +
                       ",\"many\":\"a word of its own " + number + "\",\"grows\":\"" +
                       std::to_string(i < 40'000 ? i % 10 : i % (i / 30)) + "\",\"middle\":\"" +
                       std::to_string(i % 3000) + "\"}");
    ASSERT_TRUE(w->add({Offset{i}, t0, std::nullopt, value.view(), {}, 0}));
  }
  const auto range = w->finish(Offset{n});
  ASSERT_TRUE(range) << to_string(range.error());
  const auto back = read_back(fs_, range->files[0].temp_path);
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(back->rows, n);
  EXPECT_EQ(back->logical_hash, range->files[0].logical_hash);
}

TEST_F(RangeWriterTest, RecordsThatDoNotFitAreKeptWholeInTheQuarantine) {
  auto w = writer("q");
  ASSERT_TRUE(add(*w, 0, flight(0)));
  ASSERT_TRUE(add(*w, 1, R"({"flight":1.5})"));
  ASSERT_TRUE(w->add({Offset{2}, t0, std::nullopt, std::nullopt, {}, 0}));
  const Padded bad("\x01\xff");
  const std::byte headers[] = {std::byte{2},   std::byte{'h'}, std::byte{1},   std::byte{2},
                               std::byte{'i'}, std::byte{4},   std::byte{'v'}, std::byte{'w'}};
  ASSERT_TRUE(w->add({Offset{3}, t0, as_bytes("key"), bad.view(), headers, 2}));
  EXPECT_EQ(w->rows(), 1);
  EXPECT_EQ(w->quarantined(), 3);
  const FinishedRange range = w->finish(Offset{4}).value();
  ASSERT_TRUE(range.quarantine);
  EXPECT_EQ(range.quarantined, 3);
  EXPECT_EQ(range.quarantine->records, 3);
  const std::string text = content(range.quarantine->temp_path);
  EXPECT_EQ(
      text,
      R"({"partition":3,"offset":1,"timestamp":1700000000001,"reason":"field `flight`: 1.5 does not fit int64",)"
      R"("key":"aw==","value":"eyJmbGlnaHQiOjEuNX0=","headers":[]})"
      "\n"
      R"({"partition":3,"offset":2,"timestamp":1700000000000,"reason":"no value",)"
      R"("key":null,"value":null,"headers":[]})"
      "\n"
      R"({"partition":3,"offset":3,"timestamp":1700000000000,"reason":"not a JSON object",)"
      R"("key":"a2V5","value":"Af8=","headers":[["aA==",null],["aQ==","dnc="]]})"
      "\n");
  EXPECT_EQ(range.quarantine->bytes, text.size());
  std::uint64_t raw = 0;
  raw += raw_hash(Offset{0}, t0, as_bytes("k"), as_bytes(flight(0)));
  raw += raw_hash(Offset{1}, t0 + 1, as_bytes("k"), as_bytes(R"({"flight":1.5})"));
  raw += raw_hash(Offset{2}, t0, std::nullopt, std::nullopt);
  raw += raw_hash(Offset{3}, t0, as_bytes("key"), bad.view());
  EXPECT_EQ(range.raw_hash, raw);
}

TEST_F(RangeWriterTest, ARangeWithoutRowsMakesNoFiles) {
  auto w = writer("none", {}, {}, 5);
  const FinishedRange range = w->finish(Offset{9}).value();
  EXPECT_TRUE(range.files.empty());
  EXPECT_FALSE(range.quarantine);
  EXPECT_EQ(range.raw_hash, 0u);
  EXPECT_EQ(range.range, (OffsetRange{Offset{5}, Offset{9}}));
  EXPECT_TRUE(fs_.list("/tmp").value().empty());
}

TEST_F(RangeWriterTest, RecordsBeforeTheRangeAreIgnoredAndOffsetsMustGrow) {
  auto w = writer("o", {}, {}, 5);
  ASSERT_TRUE(add(*w, 3, flight(3)));
  EXPECT_EQ(w->rows(), 0);
  ASSERT_TRUE(add(*w, 7, flight(7)));
  const auto again = add(*w, 7, flight(7));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::corrupt);
  EXPECT_FALSE(w->finish(Offset{8})) << "a poisoned range must not be finished";
}

TEST_F(RangeWriterTest, EachHiveDirectoryGetsItsFileAndALostColumn) {
  const FinishedRange range = fill(*writer("h", {"dt=day(at)", "late"}), 0, 1'000);
  ASSERT_EQ(range.files.size(), 20u);
  std::int64_t rows = 0;
  for (const DataFile& file : range.files) {
    rows += file.rows;
    EXPECT_TRUE(file.hive_dir.starts_with("dt=2013-01-")) << file.hive_dir;
    EXPECT_TRUE(file.hive_dir.ends_with("/late=true") || file.hive_dir.ends_with("/late=false"))
        << file.hive_dir;
    const auto back = read_back(fs_, file.temp_path);
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->rows, file.rows);
    EXPECT_EQ(back->logical_hash, file.logical_hash);
    EXPECT_EQ(back->hive_dir, file.hive_dir);
  }
  EXPECT_EQ(rows, 1'000);
}

TEST_F(RangeWriterTest, ADirectoryTooManyEndsTheRangeBeforeItsRecord) {
  WriterOptions options;
  options.open_files_max = 3;
  auto w = writer("full", {"flight"}, options);
  ASSERT_EQ(add(*w, 0, flight(0)).value(), RangeWriter::Added::taken);
  ASSERT_EQ(add(*w, 1, flight(1)).value(), RangeWriter::Added::taken);
  ASSERT_EQ(add(*w, 2, flight(2)).value(), RangeWriter::Added::taken);
  ASSERT_EQ(add(*w, 3, flight(4)).value(), RangeWriter::Added::full);
  const FinishedRange range = w->finish(Offset{3}).value();
  EXPECT_EQ(range.rows, 3);
  EXPECT_EQ(range.files.size(), 3u);
}

TEST_F(RangeWriterTest, AThousandDirectoriesAreOneRangeWhereMemoryAllows) {
  auto w = writer("many", {"flight"});
  for (std::int64_t i = 0; i < 3'000; ++i)
    ASSERT_EQ(add(*w, i, R"({"flight":)" + std::to_string(i * 7 % 1'000) + "}").value(),
              RangeWriter::Added::taken);
  EXPECT_EQ(w->finish(Offset{3'000}).value().files.size(), 1'000u);
}

TEST_F(RangeWriterTest, DirectoriesWithOneRecordEachAreBoundedByMemoryToo) {
  WriterOptions options;
  options.memory_bytes_max = 4 << 20;
  auto w = writer("sparse", {"flight"}, options);
  std::int64_t i = 0;
  while (add(*w, i, R"({"flight":)" + std::to_string(i) + "}").value() == RangeWriter::Added::taken) ++i;
  EXPECT_GT(i, 50);
  EXPECT_LT(w->memory_bytes(), 6u << 20);
  EXPECT_EQ(w->finish(Offset{i}).value().rows, i);
}

TEST_F(RangeWriterTest, MemoryIsBoundedByEndingTheRange) {
  WriterOptions options;
  options.memory_bytes_max = 2 << 20;
  auto w = writer("m", {}, options);
  std::int64_t i = 0;
  for (;; ++i) {
    ASSERT_LT(i, 1'000'000);
    const auto added = add(*w, i, flight(i));
    ASSERT_TRUE(added);
    if (*added == RangeWriter::Added::full) break;
  }
  EXPECT_GT(i, 1'000);
  EXPECT_LT(w->memory_bytes(), 4u << 20);
  EXPECT_EQ(w->finish(Offset{i}).value().rows, i);
}

TEST_F(RangeWriterTest, ValuesThatMakeNoDirectoryGoToTheQuarantine) {
  auto w = writer("v", {"carrier"});
  ASSERT_TRUE(add(*w, 0, R"({"carrier":""})"));
  ASSERT_TRUE(add(*w, 1, R"({"carrier":"__HIVE_DEFAULT_PARTITION__"})"));
  ASSERT_TRUE(add(*w, 2, R"({"carrier":")" + std::string(201, 'x') + R"("})"));
  ASSERT_TRUE(add(*w, 3, R"({"carrier":null})"));
  ASSERT_TRUE(add(*w, 4, R"({"carrier":"../a b=%\u0000"})"));
  const FinishedRange range = w->finish(Offset{5}).value();
  EXPECT_EQ(range.quarantined, 3);
  ASSERT_EQ(range.files.size(), 2u);
  EXPECT_EQ(range.files[0].hive_dir, "carrier=..%2Fa b%3D%25%00");
  EXPECT_EQ(range.files[1].hive_dir, "carrier=__HIVE_DEFAULT_PARTITION__");
}

TEST_F(RangeWriterTest, AnErrorOfTheDiskIsReportedAsItIsAndPoisonsTheRange) {
  std::uint64_t operations = 0;
  {
    fill(*writer("count"), 0, 40'000);
    operations = fs_.operations();
  }
  ASSERT_GT(operations, 3u);
  for (const sim::Fault fault : {sim::Fault::eio, sim::Fault::enospc}) {
    for (std::uint64_t k = 0; k + 1 < operations; ++k) {  // the first was /tmp itself
      const std::string prefix = "e" + std::to_string(k) + std::string(sim::name(sim::Verb::write)) +
                                 std::to_string(static_cast<int>(fault));
      auto w = writer(prefix);
      fs_.fail_operation(fs_.operations() + k, fault);
      Result<RangeWriter::Added> added = RangeWriter::Added::taken;
      for (std::int64_t i = 0; i < 40'000 && added; ++i) added = add(*w, i, flight(i));
      const auto range = w->finish(Offset{40'000});
      ASSERT_FALSE(range) << "operation " << k << " failed, yet the range was finished";
      EXPECT_EQ(range.error().code, fault == sim::Fault::enospc ? Code::no_space : Code::io_failed);
      fs_.clear_faults();
      const std::uint64_t before = fs_.operations();
      w.reset();
      EXPECT_EQ(fs_.operations(), before) << "an abandoned writer must leave the disk alone";
    }
  }
}

TEST_F(RangeWriterTest, AnAbandonedRangeLeavesNoFileThatReadsAsComplete) {
  auto w = writer("gone");
  for (std::int64_t i = 0; i < 40'000; ++i) ASSERT_TRUE(add(*w, i, flight(i)));
  w.reset();
  EXPECT_FALSE(read_back(fs_, "/tmp/gone-1"));
}

TEST_F(RangeWriterTest, ATemporaryNameThatIsTakenIsRefusedNotOverwritten) {
  fill(*writer("same"), 0, 10);
  const std::string before = content("/tmp/same-1");
  auto w = writer("same");
  for (std::int64_t i = 0; i < 10; ++i) ASSERT_TRUE(add(*w, i, flight(i)));
  EXPECT_EQ(w->finish(Offset{10}).error().code, Code::already_exists);
  EXPECT_EQ(content("/tmp/same-1"), before);
}

TEST_F(RangeWriterTest, AnyDamageToAFileIsSeenWhenItIsReadBack) {
  const FinishedRange range = fill(*writer("d"), 0, 300);
  const std::string path = range.files[0].temp_path;
  const Bytes whole = fs_.read_file(path, 1 << 20).value();
  std::mt19937_64 random(3);
  int unseen = 0;
  for (int i = 0; i < 400; ++i) {
    Bytes damaged = whole;
    damaged[random() % damaged.size()] ^= static_cast<std::byte>(1 + random() % 255);
    if (i % 4 == 0) damaged.resize(random() % damaged.size());
    auto file = fs_.open("/tmp/damaged", env::OpenMode::create_truncate).value();
    ASSERT_TRUE(file->write_at(0, damaged));
    const auto back = read_back(fs_, "/tmp/damaged");
    // What is left intact is the content; a flipped bit in a name or a statistic changes no row.
    if (back && back->logical_hash != range.files[0].logical_hash) ++unseen;
    if (!back) {
      EXPECT_EQ(back.error().code, Code::corrupt) << to_string(back.error());
    }
  }
  EXPECT_LT(unseen, 40) << "page checksums should see nearly all of it";
}

}  // namespace
}  // namespace sluice::lake
