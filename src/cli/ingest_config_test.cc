#include "cli/ingest_config.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Error error_of(std::string_view text) {
  auto config = parse_ingest_config(text, "x.toml");
  EXPECT_FALSE(config.has_value()) << text;
  return config ? Error{} : std::move(config.error());
}

TEST(IngestConfig, KeysBecomeTheTextsThatFlagsTake) {
  const auto config = parse_ingest_config(R"toml(
version = 1
[ingest]
topic = "flights"
roll_records = 1000
roll_bytes = "64MiB"
partition_by = ["day(time_hour)", "carrier"]
accept_gap = true
[client]
"fetch.max.bytes" = 1048576
"check.crcs" = false
)toml",
                                          "x.toml");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->flags.at("topic"), std::vector<std::string>{"flights"});
  EXPECT_EQ(config->flags.at("roll-records"), std::vector<std::string>{"1000"});
  EXPECT_EQ(config->flags.at("roll-bytes"), std::vector<std::string>{"64MiB"});
  EXPECT_EQ(config->flags.at("partition-by"), (std::vector<std::string>{"day(time_hour)", "carrier"}));
  EXPECT_EQ(config->flags.at("accept-gap"), std::vector<std::string>{"true"});
  EXPECT_EQ(config->client, (std::vector<std::pair<std::string, std::string>>{
                                {"check.crcs", "false"}, {"fetch.max.bytes", "1048576"}}));
}

TEST(IngestConfig, AnUnknownKeyIsAnErrorThatNamesTheNearestOne) {
  const Error error = error_of("version = 1\n[ingest]\nroll_recrods = 5\n");
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_NE(error.message.find("line 3"), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("roll_records"), std::string::npos) << error.hint;
  EXPECT_NE(error_of("version = 1\n[ingset]\n").hint.find("ingest"), std::string::npos);
}

TEST(IngestConfig, AnUnquotedKafkaNameIsToldToBeQuoted) {
  EXPECT_NE(error_of("version = 1\n[client]\nfetch.max.bytes = 5\n").hint.find("quotes"), std::string::npos);
}

TEST(IngestConfig, ValuesOfAnotherTypeAreRefused) {
  for (const char* line : {"topic = 5", "roll_records = \"many\"", "roll_records = 1.5", "accept_gap = 1",
                           "partition_by = [1]", "partition_by = {}", "topic = []"}) {
    EXPECT_EQ(error_of(std::string("version = 1\n[ingest]\n") + line + "\n").code, Code::invalid_argument)
        << line;
  }
}

TEST(IngestConfig, WhatIsNotTomlOrOfAnotherVersionIsRefused) {
  for (const char* text : {"", "version = 2", "version = \"1\"", "version = 1\n[ingest",
                           "version = 1\ningest = 5", "\xff\xfe", "version = 1\nversion = 1"})
    EXPECT_EQ(error_of(text).code, Code::invalid_argument) << text;
  EXPECT_EQ(error_of("version = 1\nx = " + std::string(100'000, '[')).code, Code::invalid_argument);
}

TEST(IngestConfig, LettersOutsideAsciiStandInQuotesAndCommentsOnly) {
  struct Case {
    const char* text;
    const char* line;
  };
  for (const Case& c : {
           Case{"topic = ϡ400", "line 3"},
           Case{"topic = [\"a\", ϡ]", "line 3"},
           Case{"töpic = \"x\"", "line 3"},
           Case{"[é]", "line 3"},
           Case{"topic = \"x\" # é\nlake = \"y\" é", "line 4"},
           Case{"topic = \"\\\"\"é", "line 3"},
           Case{R"(topic = '\'é)", "line 3"},
           Case{"topic = ''é", "line 3"},
           Case{R"(topic = """"x"""""é)", "line 3"},
           Case{"topic = '''\n''''é", "line 4"},
       }) {
    const Error error = error_of(std::string("version = 1\n[ingest]\n") + c.text + "\n");
    EXPECT_EQ(error.code, Code::invalid_argument) << c.text;
    EXPECT_NE(error.message.find("outside of quotes"), std::string::npos) << c.text << ": " << error.message;
    EXPECT_NE(error.message.find(c.line), std::string::npos) << c.text << ": " << error.message;
  }
}

TEST(IngestConfig, LettersOutsideAsciiAreTakenInEveryKindOfString) {
  for (const char* value : {R"("é")", R"('é')", R"("""é""")", R"('''é''')", R"("\u00e9")"}) {
    const auto config = parse_ingest_config(
        std::string("\xef\xbb\xbfversion = 1  # ü\n[ingest]\ntopic = ") + value, "x.toml");
    ASSERT_TRUE(config.has_value()) << value << ": " << config.error().message;
    EXPECT_EQ(config->flags.at("topic"), std::vector<std::string>{"é"}) << value;
  }
  const auto quoted = parse_ingest_config(R"toml(
version = 1
[ingest]
topic = """a""é\"""""" # é
[client]
'é' = 1
)toml",
                                          "x.toml");
  ASSERT_TRUE(quoted.has_value()) << quoted.error().message;
  EXPECT_EQ(quoted->flags.at("topic"), std::vector<std::string>{"a\"\"é\"\"\""});
  EXPECT_EQ(quoted->client.at(0).first, "é");
}

}  // namespace
}  // namespace sluice::cli
