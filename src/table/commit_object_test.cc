#include "table/commit_object.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/crc32c.h"
#include "table/example.h"
#include "table/sealed_json.h"

namespace sluice::table {
namespace {

using example::commit;

CommitObject rich() {
  CommitObject object = commit(10, 20);
  object.partition_by = {"day(time_hour)", "carrier"};
  object.counts = {7, 1, 0, 1, 1, 0, 0};
  object.files[0].rows = 7;
  object.files.push_back({FileKind::quarantine, quarantine_file_name(example::chain, object.range),
                          temporary_name(example::chain, object.range.begin, "n", 1, "quarantine"), 55, 1,
                          0x99});
  return object;
}

std::string text_of(const CommitObject& object) {
  const auto bytes = encode(object);
  EXPECT_TRUE(bytes.has_value()) << (bytes ? "" : bytes.error().message);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

/// `body` under a checksum that fits it.
Bytes sealed(std::string body) {
  char line[32];
  std::snprintf(line, sizeof line, "\ncrc32c %08x\n", base::crc32c(as_bytes(body)));
  return to_owned(as_bytes(body + line));
}

TEST(CommitObject, IsReadBackAsItWasWritten) {
  CommitObject none = commit(5, 6);
  none.files.clear();
  none.counts = {0, 0, 0, 1, 0, 0, 0};
  none.last_record.reset();
  none.schema_version = 0;
  CommitObject gap = none;
  gap.kind = CommitKind::gap;
  gap.counts = {0, 0, 0, 0, 0, 0, 1};
  for (const CommitObject& object :
       {rich(), none, gap, commit(0, std::numeric_limits<std::int64_t>::max())}) {
    const auto bytes = encode(object);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    const auto back = decode_commit_object(*bytes);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, object);
  }
}

TEST(CommitObject, EveryFlippedBitIsNoticed) {
  const std::string text = text_of(rich());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(decode_commit_object(as_bytes(damaged))) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(CommitObject, EveryTornLengthIsNoticed) {
  const std::string text = text_of(rich());
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(decode_commit_object(as_bytes(text).first(length))) << length;
  }
  EXPECT_FALSE(decode_commit_object(as_bytes(text + "\n")));
}

TEST(CommitObject, AnotherSpellingOfTheSameContentIsRefusedEvenWithARightChecksum) {
  const std::string text = text_of(rich());
  const std::string body = text.substr(0, text.rfind("\ncrc32c "));
  ASSERT_TRUE(decode_commit_object(sealed(body)));
  EXPECT_FALSE(decode_commit_object(sealed(body + " ")));
  std::string twice = body;
  twice.insert(twice.find("\"kind\""), "\"format\": 1,\n  ");
  EXPECT_FALSE(decode_commit_object(sealed(twice)));
  std::string foreign = body;
  foreign.insert(foreign.find("\"kind\""), "\"extra\": 1,\n  ");
  EXPECT_FALSE(decode_commit_object(sealed(foreign)));
}

TEST(CommitObject, HostileJsonUnderARightChecksumIsRefusedAndHarmsNothing) {
  const std::string deep(200'000, '[');
  for (const std::string& body : {std::string("{}"), std::string("[]"), std::string("null"), std::string(""),
                                  std::string("{\"format\": 1}"), std::string("{\"format\": 1e999}"), deep,
                                  std::string(200'000, '{'), std::string("{\"a\":\xff}")}) {
    EXPECT_FALSE(decode_commit_object(sealed(body)));
  }
}

TEST(CommitObject, NumbersThatDoNotFitAreRefused) {
  const std::string text = text_of(commit(10, 20));
  const std::string body = text.substr(0, text.rfind("\ncrc32c "));
  for (const char* number :
       {"18446744073709551615", "9223372036854775808", "-1", "1.5", "\"20\"", "true", "1e3"}) {
    std::string changed = body;
    const auto at = changed.find("\"end\": 20");
    ASSERT_NE(at, std::string::npos);
    changed.replace(at, 9, std::string("\"end\": ") + number);
    EXPECT_FALSE(decode_commit_object(sealed(changed))) << number;
  }
}

TEST(CommitObject, WhatBreaksARuleIsNeitherWrittenNorRead) {
  const std::vector<std::pair<const char*, std::function<void(CommitObject&)>>> changes = {
      {"a record in no count (X9)", [](CommitObject& o) { o.counts.rows -= 1; }},
      {"a record in two counts (X9)", [](CommitObject& o) { o.counts.filtered += 1; }},
      {"a negative count", [](CommitObject& o) { o.counts = {11, 0, -1, 0, 0, 0, 0}; }},
      {"files that do not add up", [](CommitObject& o) { o.files[0].rows -= 1; }},
      {"an empty range", [](CommitObject& o) { o.range.end = o.range.begin; }},
      {"a negative begin",
       [](CommitObject& o) {
         o.range.begin = Offset{-1};
         o.counts.rows += 11;
       }},
      {"two files of one name", [](CommitObject& o) { o.files.push_back(o.files[0]); }},
      {"a file outside of the table", [](CommitObject& o) { o.files[0].name = "../other/part.parquet"; }},
      {"a temporary file elsewhere", [](CommitObject& o) { o.files[0].temporary = "_sluice/table.json"; }},
      {"a final name among temporary files", [](CommitObject& o) { o.files[0].name = "_sluice/tmp/x"; }},
      {"no nonce", [](CommitObject& o) { o.nonce = {}; }},
      {"no topic id", [](CommitObject& o) { o.topic_id = {}; }},
      {"no cluster", [](CommitObject& o) { o.cluster_id.clear(); }},
      {"a control character", [](CommitObject& o) { o.topic = "a\nb"; }},
      {"no UTF-8", [](CommitObject& o) { o.topic = "\xff"; }},
      {"lost records outside of a gap",
       [](CommitObject& o) {
         o.counts.rows -= 1;
         o.files[0].rows -= 1;
         o.counts.lost = 1;
       }},
      {"a gap with rows", [](CommitObject& o) { o.kind = CommitKind::gap; }},
      {"rows without a schema", [](CommitObject& o) { o.schema_version = 0; }},
      {"a last record after the end", [](CommitObject& o) { o.last_record->offset = o.range.end; }},
  };
  for (const auto& [what, change] : changes) {
    CommitObject object = commit(10, 20);
    change(object);
    EXPECT_FALSE(check(object)) << what;
    EXPECT_FALSE(encode(object)) << what;
  }
}

TEST(CommitObject, ItsTextIsTheOneOfItsFormatPage) {
  EXPECT_EQ(text_of(commit(10, 20)), R"({
  "format": 1,
  "kind": "data",
  "nonce": "AAAAAAAAAAcAAAAAAAAAAQ",
  "written_at_ms": 1700000000000,
  "writer": "sluice 0.1.0",
  "cluster_id": "K9qUpRtoTrGWGGkNzaKyQw",
  "topic": "flights",
  "topic_id": "Hy49TFtqeYgBAgMEBQYHCA",
  "partition": 3,
  "begin": 10,
  "end": 20,
  "leader_epoch": 2,
  "last_record": {
    "offset": 19,
    "timestamp_ms": 1358000000000,
    "fingerprint": "000000000000feed"
  },
  "schema_version": 1,
  "partition_by": [],
  "filter": "",
  "counts": {
    "rows": 10,
    "quarantined": 0,
    "filtered": 0,
    "control": 0,
    "aborted": 0,
    "compacted": 0,
    "lost": 0
  },
  "raw_hash": "1122334455667788",
  "files": [
    {
      "kind": "rows",
      "name": "part-Hy49TFtqeYgBAgMEBQYHCA-00003-00000000000000000010-00000000000000000020.parquet",
      "temporary": "_sluice/tmp/Hy49TFtqeYgBAgMEBQYHCA/3/00000000000000000010-AAAAAAAAAAcAAAAAAAAAAQ-0.rows",
      "bytes": 100,
      "rows": 10,
      "hash": "0000000000abcdef"
    }
  ]
}
crc32c 3737269a
)");
}

}  // namespace
}  // namespace sluice::table
