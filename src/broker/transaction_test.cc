// The state machine of one transactional id: every state against every request, and epochs at their ends.
#include "broker/transaction.h"

#include <gtest/gtest.h>

#include <tuple>

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using State = TransactionState;

const log::TopicPartition a{"a", PartitionId{0}};
const log::TopicPartition b{"b", PartitionId{3}};
constexpr ProducerId pid{7};
constexpr std::int64_t now = 1'000'000;

Transaction::NextProducerId ids(std::int64_t first = 100) {
  return [next = first]() mutable -> Result<ProducerId> { return ProducerId{next++}; };
}

Transaction in(State state, std::int16_t epoch = 5) {
  TransactionFacts facts;
  facts.producer_id = pid;
  facts.previous_producer_id = pid;
  facts.producer_epoch = ProducerEpoch{epoch};
  facts.timeout_ms = 60'000;
  facts.state = state;
  if (state == State::ongoing || state == State::prepare_commit || state == State::prepare_abort) {
    facts.partitions = {a};
    facts.start_ms = now - 1;
  }
  facts.update_ms = now - 1;
  facts.client_version = transaction_version_2;
  return Transaction("id", facts);
}

ProducerIdAndEpoch producer(std::int16_t epoch) {
  return {pid, ProducerEpoch{epoch}};
}

// What a decision comes to: the state that is written, or the error.
std::string outcome(const TransactionDecision& decision) {
  return decision ? std::string(name(decision->state)) : std::string(wire::error_info(decision.error()).name);
}

const State all_states[] = {State::empty,         State::ongoing,         State::prepare_commit,
                            State::prepare_abort, State::complete_commit, State::complete_abort};

TEST(Transaction, ANewIdGetsEpochZeroAndEachInitRaisesIt) {
  TransactionFacts made;
  made.producer_id = pid;
  Transaction t("id", made);
  auto first = t.init(60'000, std::nullopt, now, ids());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->producer_epoch.value, 0);
  EXPECT_EQ(first->state, State::empty);
  EXPECT_EQ(outcome(t.init(60'000, std::nullopt, now, ids())), "CONCURRENT_TRANSACTIONS")
      << "held until it is written";
  t.finish(*first);
  auto second = t.init(30'000, std::nullopt, now + 1, ids());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->producer_epoch.value, 1);
  EXPECT_EQ(second->producer_id, pid);
  EXPECT_EQ(second->timeout_ms, 30'000);
}

TEST(Transaction, InitInEachState) {
  const char* expected[] = {
      "Empty", "PrepareEpochFence", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS", "Empty", "Empty"};
  for (std::size_t i = 0; i < std::size(all_states); ++i) {
    Transaction t = in(all_states[i]);
    EXPECT_EQ(outcome(t.init(60'000, std::nullopt, now, ids())), expected[i]) << name(all_states[i]);
  }
}

TEST(Transaction, AProducerThatGoesOnMustHaveTheLastEpoch) {
  Transaction t = in(State::complete_commit);
  EXPECT_EQ(outcome(t.init(1, producer(4), now, ids())), "PRODUCER_FENCED");
  EXPECT_EQ(outcome(t.init(1, ProducerIdAndEpoch{ProducerId{8}, ProducerEpoch{5}}, now, ids())),
            "PRODUCER_FENCED");
  auto raised = t.init(1, producer(5), now, ids());
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->producer_epoch.value, 6);
  EXPECT_EQ(raised->last_producer_epoch.value, 5);
  t.finish(*raised);
  auto again = t.init(1, producer(5), now, ids());
  ASSERT_TRUE(again) << "its answer was lost: it asks again";
  EXPECT_EQ(again->producer_epoch.value, 6);
}

TEST(Transaction, UsedUpEpochsBringANewProducerId) {
  Transaction t = in(State::complete_commit, 32766);
  auto rotated = t.init(1, producer(32766), now, ids());
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->producer_id.value, 100);
  EXPECT_EQ(rotated->producer_epoch.value, 0);
  EXPECT_EQ(rotated->previous_producer_id, pid);
  t.finish(*rotated);
  auto again = t.init(1, producer(32766), now, ids(200));
  ASSERT_TRUE(again) << "a producer that did not hear of its new id is not fenced";
  EXPECT_EQ(again->producer_id.value, 100);
}

TEST(Transaction, AddingPartitionsInEachState) {
  const char* expected[] = {"Ongoing", "Ongoing", "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS",
                            "Ongoing", "Ongoing"};
  for (std::size_t i = 0; i < std::size(all_states); ++i) {
    Transaction t = in(all_states[i]);
    const bool busy = all_states[i] == State::prepare_commit || all_states[i] == State::prepare_abort;
    const std::string first = busy ? "CONCURRENT_TRANSACTIONS" : "";  // whoever asks
    EXPECT_EQ(outcome(t.add(producer(4), {b}, transaction_version_2, now)), busy ? first : "PRODUCER_FENCED");
    EXPECT_EQ(outcome(t.add({ProducerId{9}, ProducerEpoch{5}}, {b}, transaction_version_2, now)),
              busy ? first : "INVALID_PRODUCER_ID_MAPPING");
    const auto added = t.add(producer(5), {b}, transaction_version_2, now);
    EXPECT_EQ(outcome(added), expected[i]) << name(all_states[i]);
    if (!added) continue;
    EXPECT_EQ(added->start_ms, all_states[i] == State::ongoing ? now - 1 : now)
        << "it begins with the first partition";
    EXPECT_EQ(outcome(t.add(producer(5), {b}, transaction_version_2, now)), "CONCURRENT_TRANSACTIONS");
  }
}

TEST(Transaction, PartitionsThatAreInItNeedNoWriting) {
  Transaction t = in(State::ongoing);
  EXPECT_EQ(outcome(t.add(producer(5), {a}, transaction_version_2, now)), "NONE");
  EXPECT_FALSE(t.is_pending());
}

TEST(Transaction, OnlyPartitionsOfAnOpenTransactionAreVerified) {
  Transaction t = in(State::ongoing);
  EXPECT_EQ(t.verify(producer(5), a), ErrorCode::none);
  EXPECT_EQ(t.verify(producer(5), b), ErrorCode::transaction_abortable);
  EXPECT_EQ(t.verify(producer(4), a), ErrorCode::producer_fenced);
  EXPECT_EQ(t.verify({ProducerId{9}, ProducerEpoch{5}}, a), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(in(State::prepare_abort).verify(producer(5), a), ErrorCode::concurrent_transactions);
  EXPECT_EQ(in(State::complete_commit).verify(producer(5), a), ErrorCode::transaction_abortable);
}

// Before transaction.version 2: state -> outcome of commit and of abort, at the current epoch.
TEST(Transaction, AnEndOfAnOldClientInEachState) {
  const std::pair<const char*, const char*> expected[] = {
      {"INVALID_TXN_STATE", "INVALID_TXN_STATE"},
      {"PrepareCommit", "PrepareAbort"},
      {"CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {"CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {"NONE", "INVALID_TXN_STATE"},
      {"INVALID_TXN_STATE", "NONE"}};
  for (std::size_t i = 0; i < std::size(all_states); ++i) {
    for (const bool commit : {true, false}) {
      Transaction t = in(all_states[i]);
      EXPECT_EQ(outcome(t.end(producer(4), commit, transaction_version_old, now, ids())), "PRODUCER_FENCED");
      EXPECT_EQ(outcome(t.end(producer(6), commit, transaction_version_old, now, ids())), "PRODUCER_FENCED");
      const auto ended = t.end(producer(5), commit, transaction_version_old, now, ids());
      EXPECT_EQ(outcome(ended), commit ? expected[i].first : expected[i].second) << name(all_states[i]);
      if (ended) {
        EXPECT_EQ(ended->producer_epoch.value, 5);
      }
    }
  }
}

// transaction.version 2 (KIP-890): (state, commit) -> outcome at the current epoch, and at the one before.
TEST(Transaction, AnEndThatRaisesTheEpochInEachState) {
  const std::tuple<State, bool, const char*, const char*> expected[] = {
      {State::empty, true, "INVALID_TXN_STATE", "PRODUCER_FENCED"},
      {State::empty, false, "PrepareAbort", "PRODUCER_FENCED"},
      {State::ongoing, true, "PrepareCommit", "PRODUCER_FENCED"},
      {State::ongoing, false, "PrepareAbort", "PRODUCER_FENCED"},
      {State::prepare_commit, true, "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {State::prepare_commit, false, "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {State::prepare_abort, true, "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {State::prepare_abort, false, "CONCURRENT_TRANSACTIONS", "CONCURRENT_TRANSACTIONS"},
      {State::complete_commit, true, "INVALID_TXN_STATE", "NONE"},
      {State::complete_commit, false, "PrepareAbort", "INVALID_TXN_STATE"},
      {State::complete_abort, true, "INVALID_TXN_STATE", "INVALID_TXN_STATE"},
      {State::complete_abort, false, "PrepareAbort", "NONE"},
  };
  for (const auto& [state, commit, current, before] : expected) {
    Transaction t = in(state);
    EXPECT_EQ(outcome(t.end(producer(4), commit, transaction_version_2, now, ids())), before)
        << name(state) << " commit " << commit;
    const auto ended = t.end(producer(5), commit, transaction_version_2, now, ids());
    EXPECT_EQ(outcome(ended), current) << name(state) << " commit " << commit;
    if (!ended) continue;
    EXPECT_EQ(ended->producer_epoch.value, 6);
    EXPECT_EQ(ended->last_producer_epoch.value, 5);
    EXPECT_EQ(outcome(t.end(producer(5), commit, transaction_version_2, now, ids())),
              "CONCURRENT_TRANSACTIONS");
  }
}

TEST(Transaction, TheLastEpochEndsUnderTheOldIdAndGoesOnUnderANewOne) {
  Transaction t = in(State::ongoing, 32766);
  const auto prepared = t.end(producer(32766), true, transaction_version_2, now, ids());
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->producer_id, pid) << "the markers are the old producer's";
  EXPECT_EQ(prepared->producer_epoch.value, 32767);
  EXPECT_EQ(prepared->next_producer_id.value, 100);
  t.finish(*prepared);
  const ProducerIdAndEpoch next{ProducerId{100}, ProducerEpoch{0}};
  EXPECT_EQ(t.producer_after_end(), next);
  EXPECT_EQ(outcome(t.add(next, {a}, transaction_version_2, now)), "CONCURRENT_TRANSACTIONS")
      << "it may know";
  EXPECT_EQ(outcome(t.end(next, false, transaction_version_2, now, ids())), "CONCURRENT_TRANSACTIONS");
  EXPECT_EQ(outcome(t.init(1000, next, now, ids())), "CONCURRENT_TRANSACTIONS");
  const auto completed = t.complete(now);
  t.finish(completed);
  EXPECT_EQ(t.facts().producer_id.value, 100);
  EXPECT_EQ(t.facts().producer_epoch.value, 0);
  EXPECT_EQ(outcome(t.end(producer(32766), true, transaction_version_2, now, ids())), "NONE")
      << "a repetition that comes under the old id is known";
}

TEST(Transaction, ACompleteTransactionHasNoPartitions) {
  Transaction t = in(State::prepare_abort);
  t.finish(t.complete(now));
  EXPECT_EQ(t.facts().state, State::complete_abort);
  EXPECT_TRUE(t.facts().partitions.empty());
}

TEST(Transaction, FencingRaisesTheEpochOnceUntilItIsWritten) {
  Transaction t = in(State::ongoing);
  TransactionFacts fenced = t.end_fenced(now);
  EXPECT_EQ(fenced.state, State::prepare_abort);
  EXPECT_EQ(fenced.producer_epoch.value, 6) << "the end raises it, and the fence no more";
  t.give_up();
  EXPECT_EQ(outcome(t.add(producer(5), {b}, transaction_version_2, now)), "PRODUCER_FENCED")
      << "its producer does not go on, written or not";
  fenced = t.end_fenced(now);
  EXPECT_EQ(fenced.producer_epoch.value, 6);
  t.finish(fenced);
  t.finish(t.complete(now));
  EXPECT_EQ(t.facts().state, State::complete_abort);
}

TEST(Transaction, AProducerThatFencedItselfIsKnownByItsEpochBefore) {
  Transaction t = in(State::ongoing);
  t.finish(t.end_fenced(now));
  t.finish(t.complete(now));
  const auto again = t.init(60'000, producer(5), now, ids());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->producer_epoch.value, 6);
}

TEST(Transaction, FencingAtTheVeryLastEpochStillAborts) {
  Transaction t = in(State::ongoing, 32767);
  EXPECT_EQ(t.end_fenced(now).producer_epoch.value, 32767);
}

TEST(Transaction, OnlyAnOpenOneTimesOutAndDowntimeDoesNotCount) {
  Transaction t = in(State::ongoing);
  EXPECT_FALSE(t.is_timed_out(now + 59'999));
  EXPECT_TRUE(t.is_timed_out(now + 60'000));
  t.count_from(now + 500'000);
  EXPECT_FALSE(t.is_timed_out(now + 500'000 + 60'000));
  EXPECT_TRUE(t.is_timed_out(now + 500'000 + 60'001));
  for (const State state : all_states) {
    if (state == State::ongoing) continue;
    EXPECT_FALSE(in(state).is_timed_out(now + 1'000'000'000));
  }
}

TEST(Transaction, OnlyWhatIsNotOpenExpires) {
  for (const State state : all_states) {
    Transaction t = in(state);
    const bool may =
        state == State::empty || state == State::complete_abort || state == State::complete_commit;
    EXPECT_FALSE(t.expire(now + 998, 1000)) << name(state);
    EXPECT_EQ(t.expire(now + 999, 1000), may) << name(state);
    EXPECT_EQ(t.is_pending(), may);
  }
}

TEST(Transaction, ADeletedTopicLeavesItAlsoWhereAChangeIsOnItsWay) {
  Transaction t = in(State::ongoing);
  const auto added = t.add(producer(5), {b}, transaction_version_2, now);
  ASSERT_TRUE(added);
  EXPECT_TRUE(t.forget_topic("a"));
  EXPECT_FALSE(t.without_forgotten()) << "it is left out of the change that is on its way";
  t.forget_topic("b");
  t.finish(*added);
  EXPECT_TRUE(t.facts().partitions.empty()) << "a topic made again under the name gets no old marker";
  const auto again = t.add(producer(5), {b}, transaction_version_2, now);
  ASSERT_TRUE(again);
  t.finish(*again);
  EXPECT_EQ(t.facts().partitions, PartitionSet{b}) << "the new topic's partition is a part of it";
}

}  // namespace
}  // namespace sluice::broker
