// Audit finds what is planted: tables made by hand on the simulated disk, each with one thing wrong.
#include "audit/audit.h"

#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "audit/column_hash.h"
#include "audit/hashing.h"
#include "sim/file_system.h"
#include "table/commit_object.h"
#include "table/descriptor.h"
#include "table/names.h"

namespace sluice::audit {
namespace {

constexpr PartitionId partition{0};
constexpr std::int64_t records_per_commit = 100;
const Uuid topic_id{0x1122334455667788u, 0x99aabbccddeeff00u};

/// A topic in memory: offsets without a record are markers.
class FakeTopic final : public Topic {
 public:
  struct Stored {
    std::int64_t timestamp_ms;
    std::optional<std::string> key;
    std::optional<std::string> value;
  };
  std::map<std::int64_t, Stored> records;
  OffsetRange bounds;
  TopicIdentity is{"cluster", topic_id, {partition}};

  Result<TopicIdentity> identity() override { return is; }
  Result<std::unique_ptr<PartitionReader>> open(PartitionId) override {
    return std::make_unique<Reader>(*this);
  }

  TopicRecord record(std::int64_t offset) const {
    const auto& stored = records.at(offset);
    const auto view = [](const std::optional<std::string>& text) {
      return text ? std::optional<BytesView>(as_bytes(*text)) : std::nullopt;
    };
    return {Offset{offset}, stored.timestamp_ms, view(stored.key), view(stored.value), {}};
  }

 private:
  class Reader final : public PartitionReader {
   public:
    explicit Reader(const FakeTopic& topic) : topic_(topic) {}
    Result<OffsetRange> bounds() override { return topic_.bounds; }
    Result<void> read(OffsetRange range, const Take& take) override {
      for (auto at = topic_.records.lower_bound(range.begin.value);
           at != topic_.records.end() && at->first < range.end.value; ++at) {
        take(topic_.record(at->first));
      }
      return {};
    }

   private:
    const FakeTopic& topic_;
  };
};

/// A row as the test writes it.
struct Row {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::int64_t> a;
  std::string b;
};

std::shared_ptr<arrow::RecordBatch> make_batch(const std::vector<Row>& rows) {
  arrow::Int64Builder a;
  arrow::StringBuilder b;
  arrow::Int32Builder partitions;
  arrow::Int64Builder offsets;
  const auto ms = arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
  arrow::TimestampBuilder timestamps(ms, arrow::default_memory_pool());
  for (const auto& row : rows) {
    EXPECT_TRUE((row.a ? a.Append(*row.a) : a.AppendNull()).ok());
    EXPECT_TRUE(b.Append(row.b).ok() && partitions.Append(partition.value).ok());
    EXPECT_TRUE(offsets.Append(row.offset).ok() && timestamps.Append(row.timestamp_ms).ok());
  }
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8()),
                     arrow::field("_partition", arrow::int32(), false),
                     arrow::field("_offset", arrow::int64(), false), arrow::field("_timestamp", ms, false)});
  return arrow::RecordBatch::Make(
      schema, static_cast<std::int64_t>(rows.size()),
      {a.Finish().ValueOrDie(), b.Finish().ValueOrDie(), partitions.Finish().ValueOrDie(),
       offsets.Finish().ValueOrDie(), timestamps.Finish().ValueOrDie()});
}

std::uint64_t hash_of(const std::vector<Row>& rows) {
  std::vector<ColumnHash> columns(5);
  const auto batch = make_batch(rows);
  for (int i = 0; i < batch->num_columns(); ++i) columns[static_cast<std::size_t>(i)].add(*batch->column(i));
  return file_hash(columns, batch->num_rows());
}

/// A topic of three commits' length and the table that a right ingest would have made of it.
class AuditTest : public testing::Test {
 protected:
  static constexpr std::int64_t commits = 3;
  static constexpr std::int64_t records = commits * records_per_commit;

  void SetUp() override {
    topic_.bounds = {Offset{0}, Offset{records}};
    for (std::int64_t o = 0; o < records; ++o) topic_.records[o] = make_record(o);
    const table::Descriptor descriptor{Uuid{1, 2}, "cluster", "events", topic_id, {}, "", {Offset{0}}};
    write(std::string(table::descriptor_name), table::encode(descriptor).value());
    const std::string schema =
        R"({"format":"sluice.schema/1","fields":[{"name":"a","type":"int64"},{"name":"b","type":"string"}]})";
    write(table::schema_name(1), to_owned(as_bytes(schema)));
    for (std::int64_t c = 0; c < commits; ++c) commit(c);
  }

  /// Offset 42 of each hundred does not fit; 77 is a marker.
  static FakeTopic::Stored make_record(std::int64_t o) {
    if (o % 100 == 42) return {o * 10, std::nullopt, R"({"a":"no number"})"};
    return {o * 10, "k",
            R"({"a":)" + (o % 5 == 0 ? "null" : std::to_string(o)) + R"(,"b":"text )" + std::to_string(o) +
                "\"}"};
  }
  static bool is_marker(std::int64_t o) { return o % 100 == 77; }
  static bool is_unfit(std::int64_t o) { return o % 100 == 42; }

  static OffsetRange range(std::int64_t c) {
    return {Offset{c * records_per_commit}, Offset{(c + 1) * records_per_commit}};
  }
  static std::string data_file(std::int64_t c) {
    return table::data_file_name("", {topic_id, partition}, range(c), 0);
  }
  static std::string quarantine_file(std::int64_t c) {
    return table::quarantine_file_name({topic_id, partition}, range(c));
  }
  static std::string commit_file(std::int64_t c) {
    return table::commit_name({topic_id, partition}, range(c).begin, c == 0);
  }

  static std::vector<Row> rows(std::int64_t c) {
    std::vector<Row> out;
    for (auto o = range(c).begin.value; o < range(c).end.value; ++o) {
      if (is_marker(o) || is_unfit(o)) continue;
      out.push_back({o, o * 10, o % 5 == 0 ? std::nullopt : std::optional(o), "text " + std::to_string(o)});
    }
    return out;
  }

  static std::string quarantine_line(std::int64_t c) {
    const auto o = range(c).begin.value + 42;
    return R"({"partition":0,"offset":)" + std::to_string(o) + R"(,"timestamp":)" + std::to_string(o * 10) +
           R"(,"reason":"field `a`","key":null,"value":"eyJhIjoibm8gbnVtYmVyIn0=","headers":[]})" + "\n";
  }

  table::CommitObject make_commit(std::int64_t c) {
    table::CommitObject object;
    object.nonce = Uuid{7, static_cast<std::uint64_t>(c) + 1};
    object.written_at_ms = 1;
    object.writer = "test";
    object.cluster_id = "cluster";
    object.topic = "events";
    object.topic_id = topic_id;
    object.partition = partition;
    object.range = range(c);
    object.leader_epoch = LeaderEpoch{0};
    object.schema_version = 1;
    object.counts.rows = records_per_commit - 2;
    object.counts.quarantined = 1;
    object.counts.control = 1;
    for (auto o = range(c).begin.value; o < range(c).end.value; ++o) {
      if (is_marker(o)) continue;
      const auto record = topic_.record(o);
      object.raw_hash += raw_term(record.offset, record.timestamp_ms, record.key, record.value);
      object.last_record = table::LastRecord{record.offset, record.timestamp_ms, 1};
    }
    const auto temporary = [&](int number, std::string_view kind) {
      return table::temporary_name({topic_id, partition}, range(c).begin, "nonce", number, kind);
    };
    object.files = {{table::FileKind::rows, data_file(c), temporary(0, "rows"), 1, records_per_commit - 2,
                     hash_of(rows(c))},
                    {table::FileKind::quarantine, quarantine_file(c), temporary(1, "quarantine"),
                     quarantine_line(c).size(), 1, xxh3(quarantine_line(c))}};
    return object;
  }

  void commit(std::int64_t c) {
    for (auto o = range(c).begin.value; o < range(c).end.value; ++o) {
      if (is_marker(o)) topic_.records.erase(o);
    }
    write_rows(data_file(c), rows(c));
    write(quarantine_file(c), to_owned(as_bytes(quarantine_line(c))));
    const auto encoded = table::encode(make_commit(c));
    ASSERT_TRUE(encoded.has_value()) << to_string(encoded.error());
    write(commit_file(c), *encoded);
  }

  void write(const std::string& name, const Bytes& content) {
    const auto path = "/lake/events/" + name;
    ASSERT_TRUE(files_.create_dirs_durable(env::parent(path)).has_value());
    ASSERT_TRUE(files_.replace_file_durable(path, content).has_value());
  }
  void remove(const std::string& name) {
    ASSERT_TRUE(files_.remove_file("/lake/events/" + name).has_value());
  }

  void write_rows(const std::string& name, const std::vector<Row>& content) {
    const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
    const auto table = arrow::Table::FromRecordBatches({make_batch(content)}).ValueOrDie();
    ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, 37).ok());
    const auto buffer = sink->Finish().ValueOrDie();
    write(name, to_owned(as_bytes(std::string_view(*buffer))));
  }

  Report audit(std::int64_t window = 1 << 20) {
    Options options;
    options.topic = "events";
    options.table = "/lake/events";
    options.window_offsets_max = window;
    auto report = run(options, topic_, files_, {});
    EXPECT_TRUE(report.has_value()) << to_string(report.error());
    return report ? *std::move(report) : Report{};
  }
  static std::string counts(const Report& report) {
    return "missing " + std::to_string(report.missing()) + " duplicate " +
           std::to_string(report.duplicate()) + " altered " + std::to_string(report.altered()) + ": " +
           std::string(name(report.verdict()));
  }

  FakeTopic topic_;
  sim::FileSystem files_;
};

TEST_F(AuditTest, ARightTableIsVerifiedRecordByRecord) {
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: verified") << to_text(report);
  EXPECT_EQ(report.records(), 297);
  EXPECT_EQ(report.partitions[0].verified, 297);
  EXPECT_EQ(report.partitions[0].quarantined, 3);
  EXPECT_EQ(report.partitions[0].explained, 3);
}

TEST_F(AuditTest, WindowsOfAnySizeFindTheSame) {
  for (const std::int64_t window : {1, 7, 99, 100}) {
    EXPECT_EQ(to_json(audit(window)), to_json(audit())) << window;
  }
}

TEST_F(AuditTest, ARowThatWasRemovedIsMissingAndNamed) {
  auto content = rows(1);
  content.erase(content.begin() + 10);  // offset 110
  write_rows(data_file(1), content);
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 1 duplicate 0 altered 0: wrong");
  EXPECT_EQ(report.partitions[0].missing.to_text(), "110");
}

TEST_F(AuditTest, ARowThatWasDoubledIsDuplicateAndNamed) {
  auto content = rows(1);
  content.push_back(content[10]);
  write_rows(data_file(1), content);
  for (const std::int64_t window : {3, 1000}) {
    const auto report = audit(window);
    EXPECT_EQ(counts(report), "missing 0 duplicate 1 altered 0: wrong");
    EXPECT_EQ(report.partitions[0].duplicate.to_text(), "110");
  }
}

TEST_F(AuditTest, AnyAlteredValueIsFoundAndNamed) {
  const std::vector<std::function<void(Row&)>> changes = {
      [](Row& row) { row.a = row.a.value_or(0) + 1; }, [](Row& row) { row.a = std::nullopt; },
      [](Row& row) { row.b += " "; }, [](Row& row) { row.timestamp_ms += 1; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto content = rows(1);
    changes[i](content[11]);
    write_rows(data_file(1), content);
    const auto report = audit();
    EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 1: wrong") << i;
    EXPECT_EQ(report.partitions[0].altered.to_text(), "111") << i;
  }
}

TEST_F(AuditTest, TwoRowsThatExchangedTheirOffsetsAreBothAltered) {
  auto content = rows(1);
  std::swap(content[10].offset, content[11].offset);
  write_rows(data_file(1), content);
  const auto report = audit();
  EXPECT_EQ(report.partitions[0].altered.to_text(), "110..111");
  EXPECT_EQ(report.missing(), 0);
}

TEST_F(AuditTest, RowsInAnotherOrderAreAFindingAlthoughEachIsRight) {
  auto content = rows(1);
  std::swap(content[10], content[11]);
  write_rows(data_file(1), content);
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: wrong");
  EXPECT_NE(to_text(report).find("is not what was committed"), std::string::npos);
}

TEST_F(AuditTest, AFileThatWasRemovedIsMissingWithAllItsOffsets) {
  remove(data_file(1));
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 98 duplicate 0 altered 0: wrong");
  EXPECT_EQ(report.partitions[0].missing.to_text(), "100..141, 143..176, 178..199");
}

TEST_F(AuditTest, AFileThatCannotBeReadIsMissingAndSaysWhy) {
  write(data_file(1), to_owned(as_bytes("PAR1 this is no Parquet file PAR1")));
  const auto report = audit();
  EXPECT_EQ(report.missing(), 98);
  EXPECT_NE(to_text(report).find("cannot be read"), std::string::npos);
}

TEST_F(AuditTest, AFileThatWasCopiedIsDuplicateWithAllItsRows) {
  write_rows("copy.parquet", rows(1));
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 98 altered 0: wrong");
  EXPECT_EQ(report.partitions[0].duplicate.to_text(), "100..141, 143..176, 178..199");
}

TEST_F(AuditTest, ACommitObjectThatWasRemovedLeavesAHoleThatIsNamed) {
  for (const std::int64_t c : {0, 1, 2}) {
    const auto object = make_commit(c);
    remove(commit_file(c));
    const auto report = audit();
    EXPECT_EQ(counts(report), "missing 99 duplicate 0 altered 0: wrong") << c;
    const auto hole =
        "no commit object covers [" + std::to_string(c * 100) + ", " + std::to_string(c * 100 + 100) + ")";
    EXPECT_NE(to_text(report).find(hole), std::string::npos) << to_text(report);
    write(commit_file(c), table::encode(object).value());
  }
}

TEST_F(AuditTest, ACopyUnderAnyNameThatSomeReaderTakesIsADuplicate) {
  for (const std::string name : {"copy", "copy.parq", "copy.PARQUET", "k=v/copy"}) {
    write_rows(name, rows(1));
    EXPECT_EQ(counts(audit()), "missing 0 duplicate 98 altered 0: wrong") << name;
    remove(name);
  }
  for (const std::string hidden : {"_copy.parquet", ".copy.parquet"}) write_rows(hidden, rows(1));
  write("notes.txt", to_owned(as_bytes("no rows for anybody")));
  EXPECT_EQ(counts(audit()), "missing 0 duplicate 0 altered 0: verified");
}

TEST_F(AuditTest, ALastCommitObjectThatWasRemovedWithItsFilesIsKnownFromWhatElseNamesItsEnd) {
  remove(commit_file(2));
  remove(data_file(2));
  EXPECT_EQ(counts(audit()), "missing 99 duplicate 0 altered 0: wrong") << "its quarantine file is there";
  remove(quarantine_file(2));
  EXPECT_EQ(counts(audit()), "missing 0 duplicate 0 altered 0: verified") << "as if it had never been";
  write(table::checkpoint_name({topic_id, partition}, range(2).end), to_owned(as_bytes("any content")));
  EXPECT_EQ(counts(audit()), "missing 99 duplicate 0 altered 0: wrong") << "a checkpoint knows it";
}

TEST_F(AuditTest, ADamagedCommitObjectIsNeverBelieved) {
  auto bytes = table::encode(make_commit(1)).value();
  bytes[bytes.size() / 2] ^= std::byte{1};
  write(commit_file(1), bytes);
  const auto report = audit();
  EXPECT_EQ(report.missing(), 99);
  EXPECT_NE(to_text(report).find("is damaged"), std::string::npos);
}

TEST_F(AuditTest, AQuarantineLineThatWasRemovedOrAlteredIsNamed) {
  write(quarantine_file(1), {});
  EXPECT_EQ(audit().partitions[0].missing.to_text(), "142");
  auto line = quarantine_line(1);
  line.replace(line.find("eyJh"), 4, "eyJi");
  write(quarantine_file(1), to_owned(as_bytes(line)));
  EXPECT_EQ(audit().partitions[0].altered.to_text(), "142");
  remove(quarantine_file(1));
  EXPECT_EQ(audit().partitions[0].missing.to_text(), "142");
}

TEST_F(AuditTest, ARecordThatChangedInTheTopicIsFoundEvenWhereTheRowDoesNotShowIt) {
  topic_.records[150].key = "another";
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: wrong");
  EXPECT_NE(to_text(report).find("the topic's records hash to"), std::string::npos);
}

TEST_F(AuditTest, ARowWhereTheTopicHasAMarkerIsAltered) {
  auto content = rows(1);
  content.push_back({177, 1770, 1, "invented"});
  write_rows(data_file(1), content);
  const auto report = audit();
  EXPECT_EQ(report.partitions[0].altered.to_text(), "177");
  EXPECT_EQ(report.verdict(), Verdict::wrong);
}

TEST_F(AuditTest, WhatTheTopicHasDroppedIsNoLongerVerifiableAndItsFilesAreComparedWithTheCommitLog) {
  topic_.bounds.begin = Offset{150};
  topic_.records.erase(topic_.records.begin(), topic_.records.lower_bound(150));
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: undecided") << to_text(report);
  EXPECT_EQ(report.unverifiable(), 149);
  EXPECT_EQ(report.records(), 297);

  auto content = rows(0);
  content[3].b = "changed";
  write_rows(data_file(0), content);
  EXPECT_EQ(audit().verdict(), Verdict::wrong);
  content.erase(content.begin() + 3);
  write_rows(data_file(0), content);
  EXPECT_EQ(audit().missing(), 1);
}

TEST_F(AuditTest, RecordsCompactedAwaySinceAreNoLongerVerifiable) {
  topic_.records.erase(150);
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: undecided") << to_text(report);
  EXPECT_EQ(report.unverifiable(), 1);
}

TEST_F(AuditTest, ACommittedFileThatIsNotYetPublishedIsVerifiedWhereItLiesAndLeavesTheVerdictOpen) {
  const auto object = make_commit(2);
  const auto temporary = "/lake/events/" + object.files[0].temporary;
  ASSERT_TRUE(files_.create_dirs_durable(env::parent(temporary)).has_value());
  ASSERT_TRUE(files_.rename("/lake/events/" + data_file(2), temporary).has_value());
  const auto report = audit();
  EXPECT_EQ(counts(report), "missing 0 duplicate 0 altered 0: undecided") << to_text(report);
  EXPECT_NE(to_text(report).find("not yet published"), std::string::npos);
}

TEST_F(AuditTest, RecordsThatAreNotIngestedYetAreCountedAndNoFault) {
  topic_.bounds.end = Offset{records + 5};
  for (auto o = records; o < records + 5; ++o) topic_.records[o] = make_record(o);
  const auto report = audit();
  EXPECT_EQ(report.verdict(), Verdict::verified);
  EXPECT_EQ(report.partitions[0].behind(), 5);
}

TEST_F(AuditTest, ATableOfAnotherTopicOrClusterIsNotAudited) {
  Options options;
  options.topic = "events";
  options.table = "/lake/events";
  topic_.is.topic_id = Uuid{5, 5};
  const auto recreated = run(options, topic_, files_, {});
  ASSERT_FALSE(recreated.has_value());
  EXPECT_EQ(recreated.error().code, Code::conflict);
  EXPECT_NE(recreated.error().message.find(to_string(Uuid{5, 5})), std::string::npos);
  topic_.is = {"another cluster", topic_id, {partition}};
  EXPECT_EQ(run(options, topic_, files_, {}).error().code, Code::conflict);
  options.table = "/lake/nothing";
  topic_.is.cluster_id = "cluster";
  EXPECT_EQ(run(options, topic_, files_, {}).error().code, Code::not_found);
}

TEST_F(AuditTest, TheJsonReportCarriesTotalsAndExactRanges) {
  remove(data_file(1));
  const auto json = nlohmann::json::parse(to_json(audit()));
  EXPECT_EQ(json["records"], 297);
  EXPECT_EQ(json["missing"], 98);
  EXPECT_EQ(json["verdict"], "wrong");
  EXPECT_EQ(json["partitions"][0]["missing"]["ranges"][0], nlohmann::json::array({100, 142}));
}

TEST_F(AuditTest, AnInterruptedAuditSaysNothingAboutTheTable) {
  Options options;
  options.topic = "events";
  options.table = "/lake/events";
  EXPECT_EQ(run(options, topic_, files_, [](std::int64_t) { return false; }).error().code, Code::interrupted);
}

}  // namespace
}  // namespace sluice::audit
