// Compaction where producers count sequences and transactions end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/clean_fixture.h"

namespace sluice::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = record::ControlMarker::Kind;

class CleanProducersTest : public CleanTest {
 protected:
  void put_by(std::int64_t producer, std::int32_t sequence, const std::vector<Pair>& pairs,
              bool transactional = false) {
    const Result<Appended> appended = append(batch(producer, sequence, pairs, transactional));
    ASSERT_TRUE(appended) << to_string(appended.error());
    ASSERT_FALSE(appended->duplicate);
  }
  static Bytes batch(std::int64_t producer, std::int32_t sequence, const std::vector<Pair>& pairs,
                     bool transactional) {
    record::BatchBuilder builder;
    builder.set_producer(ProducerId{producer}, ProducerEpoch{0}, sequence);
    builder.set_transactional(transactional);
    return keyed(pairs, std::move(builder));
  }
  void end(std::int64_t producer, Kind kind, std::int64_t now_ms = now) {
    const auto marked =
        log->append_marker(ProducerId{producer}, ProducerEpoch{0}, {kind, 0}, LeaderEpoch{0}, now_ms);
    ASSERT_TRUE(marked) << to_string(marked.error());
  }
  void drop_snapshots() {
    const auto entries = fs.list(events_dir);
    for (const env::DirEntry& entry : *entries) {
      if (entry.name.ends_with(snapshot_suffix)) {
        ASSERT_TRUE(fs.remove_file(env::join(events_dir, entry.name)));
      }
    }
  }
  /// "0-2 data", "3 control", ... of every batch; with " horizon" or " empty".
  std::vector<std::string> batches() {
    std::vector<std::string> out;
    for_each_batch(*log, [&](const record::BatchView& batch) {
      std::string text = std::to_string(batch.base_offset().value);
      if (batch.last_offset_delta() > 0) text += "-" + std::to_string(batch.last_offset().value);
      text += batch.is_control() ? " control" : " data";
      if (batch.has_delete_horizon()) text += " horizon";
      if (batch.records_count() == 0) text += " empty";
      out.push_back(std::move(text));
    });
    return out;
  }
};

TEST_F(CleanProducersTest, TheLastBatchOfAProducerStaysWithoutRecordsAndIsKnownWhenItComesAgain) {
  create();
  put_by(7, 0, {{"a", "1"}, {"b", "1"}});
  put_by(7, 2, {{"a", "2"}, {"b", "2"}});
  put_by(8, 0, {{"a", "3"}});
  put({{"a", "4"}, {"b", "4"}});
  seal();
  clean();
  EXPECT_THAT(batches(), ElementsAre("2-3 data empty", "4 data empty", "5-6 data"));
  for (const bool with_snapshots : {true, false}) {
    if (!with_snapshots) drop_snapshots();
    reopen();
    for (const auto& [producer, sequence, range] :
         {std::tuple{7, 2, OffsetRange{Offset{2}, Offset{4}}}, {8, 0, OffsetRange{Offset{4}, Offset{5}}}}) {
      const auto pairs =
          producer == 7 ? std::vector<Pair>{{"a", "2"}, {"b", "2"}} : std::vector<Pair>{{"a", "3"}};
      const Result<Appended> again = append(batch(producer, sequence, pairs, false));
      ASSERT_TRUE(again) << to_string(again.error());
      EXPECT_TRUE(again->duplicate);
      EXPECT_EQ(again->range, range);
    }
  }
  put_by(7, 4, {{"c", "1"}});
}

TEST_F(CleanProducersTest, AProducerThatIsForgottenLeavesNothing) {
  create({.producer_expiration_ms = 1000});
  put_by(7, 0, {{"a", "1"}});
  put({{"a", "2"}});
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->roll(now + 2000));
  ASSERT_TRUE(log->sync());
  clean(now + 2000);
  EXPECT_THAT(batches(), ElementsAre("1 data"));
}

TEST_F(CleanProducersTest, AbortedRecordsGoAndCountForNothing) {
  create();
  put({{"a", "kept"}, {"b", "old"}});
  put_by(7, 0, {{"a", "aborted"}, {"c", "aborted"}}, true);
  end(7, Kind::abort);
  put_by(7, 2, {{"b", "committed"}}, true);
  end(7, Kind::commit);
  seal();
  clean();
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{0, "a", "kept"}, Seen{5, "b", "committed"}));
  EXPECT_THAT(batches(), ElementsAre("0-1 data", "4 control", "5 data", "6 control"));
  EXPECT_EQ(log->aborted_transactions({Offset{0}, Offset{7}})->size(), 1u)
      << "as long as its marker needs it";
  cleaned_to.reset();
  clean();
  EXPECT_THAT(batches(), ElementsAre("0-1 data", "4 control horizon", "5 data", "6 control"));
  EXPECT_THAT(*log->aborted_transactions({Offset{0}, Offset{7}}), IsEmpty());
  EXPECT_EQ(log->last_stable_offset(), Offset{7});
}

TEST_F(CleanProducersTest, AProducerThatOnceAbortedReplacesKeysInLaterRounds) {
  create();
  put({{"k", "old"}});
  seal();
  put_by(7, 0, {{"a", "aborted"}}, true);
  end(7, Kind::abort);
  seal();
  clean();
  put_by(7, 1, {{"k", "new"}}, true);
  end(7, Kind::commit);
  seal();
  clean();
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{3, "k", "new"}));
}

TEST_F(CleanProducersTest, MarkersGoAfterTheirHorizonOnceNothingOfTheirTransactionIsLeft) {
  create();
  put_by(7, 0, {{"a", "1"}}, true);
  end(7, Kind::commit);
  put_by(7, 1, {{"b", "aborted"}}, true);
  end(7, Kind::abort);
  put_by(7, 2, {{"c", "1"}});
  seal();
  put({{"a", "2"}});
  seal();
  clean(now - 500);
  EXPECT_THAT(batches(), ElementsAre("1 control", "3 control", "4 data", "5 data"))
      << "the round still saw what they end";
  cleaned_to.reset();
  clean(now);
  EXPECT_THAT(batches(), ElementsAre("1 control horizon", "3 control horizon", "4 data", "5 data"));
  put({{"d", "1"}});
  seal();
  clean(now + 999);
  EXPECT_THAT(batches(), ElementsAre("1 control horizon", "3 control horizon", "4 data", "5 data", "6 data"));
  put({{"e", "1"}});
  seal();
  clean(now + 1000);
  EXPECT_THAT(batches(), ElementsAre("4 data", "5 data", "6 data", "7 data"));
  reopen();
  EXPECT_FALSE(log->halted());
  EXPECT_EQ(log->last_stable_offset(), Offset{8});
}

TEST_F(CleanProducersTest, WhereTheLastBatchOfAProducerWasAbortedItsTransactionStaysListed) {
  create();
  put_by(7, 0, {{"a", "aborted"}}, true);
  end(7, Kind::abort);
  put({{"b", "1"}});
  seal();
  const auto listed = *log->aborted_transactions({Offset{0}, Offset{3}});
  ASSERT_EQ(listed.size(), 1u);
  for (int i = 0; i < 3; ++i) {
    cleaned_to.reset();
    clean(now + i * 5000);
    EXPECT_THAT(batches(), ElementsAre("0 data empty", "1 control", "2 data"));
    EXPECT_EQ(*log->aborted_transactions({Offset{0}, Offset{3}}), listed);
    reopen(false, now);
    EXPECT_EQ(*log->aborted_transactions({Offset{0}, Offset{3}}), listed)
        << "the index was rewritten with the segment";
  }
}

TEST_F(CleanProducersTest, NothingAboveTheLastStableOffsetIsTouched) {
  create();
  put({{"a", "1"}});
  put({{"a", "2"}});
  seal();
  put_by(7, 0, {{"b", "open"}}, true);
  put({{"a", "3"}});
  seal();
  put({{"a", "4"}});
  seal();
  EXPECT_EQ(log->cleanable(std::nullopt, {}, now).first_uncleanable, Offset{2});
  clean();
  EXPECT_THAT(all_records(*log),
              ElementsAre(Seen{1, "a", "2"}, Seen{2, "b", "open"}, Seen{3, "a", "3"}, Seen{4, "a", "4"}));
  end(7, Kind::commit);
  put({{"z", "1"}});
  seal();
  clean();
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{2, "b", "open"}, Seen{4, "a", "4"}, Seen{6, "z", "1"}));
}

TEST_F(CleanProducersTest, ATransactionThatEndsBehindWhatIsCompactedIsFollowedAcrossRounds) {
  create();
  put_by(7, 0, {{"a", "aborted"}}, true);
  seal();
  put_by(7, 1, {{"b", "aborted"}}, true);
  seal();
  end(7, Kind::abort);
  put({{"c", "1"}});
  ASSERT_TRUE(log->sync());
  clean();
  EXPECT_THAT(batches(), ElementsAre("1 data empty", "2 control", "3 data"));
  seal();
  put_by(7, 2, {{"d", "1"}});
  seal();
  clean(now);
  cleaned_to.reset();
  clean(now + 1000);
  put({{"e", "1"}});
  seal();
  cleaned_to.reset();
  clean(now + 3000);
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{3, "c", "1"}, Seen{4, "d", "1"}, Seen{5, "e", "1"}));
  EXPECT_THAT(*log->aborted_transactions({Offset{0}, Offset{6}}), IsEmpty());
}

}  // namespace
}  // namespace sluice::log
