// Transactions over a real socket: who sees what and when, who is fenced, and what a restart finds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/transactions_fixture.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"
#include "wire/generated/describe_producers_request.h"
#include "wire/generated/describe_producers_response.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"
#include "wire/generated/list_transactions_request.h"
#include "wire/generated/list_transactions_response.h"
#include "wire/generated/write_txn_markers_request.h"
#include "wire/generated/write_txn_markers_response.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::ErrorCode;
using wire::number;

class Transacting : public TransactionTest {
 protected:
  std::int64_t latest(const std::string& topic, bool committed) {
    wire::ListOffsetsRequest request;
    request.isolation_level = committed ? 1 : 0;
    auto& partition = request.topics.emplace_back();
    partition.name = topic;
    partition.partitions.push_back({0, -1, -1});
    TestClient c = client();
    return c.call(request, 7).topics.at(0).partitions.at(0).offset;
  }
  std::int64_t open_since(const std::string& topic) {
    wire::DescribeProducersRequest request;
    request.topics.push_back({topic, {0}});
    TestClient c = client();
    const auto answer = c.call(request, 0);
    for (const auto& producer : answer.topics.at(0).partitions.at(0).active_producers)
      if (producer.current_txn_start_offset >= 0) return producer.current_txn_start_offset;
    return -1;
  }
};

TEST_F(Transacting, NothingIsReadCommittedBeforeTheCommitAndAllOfItAfter) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  ASSERT_EQ(p.produce("events", 0, {"a", "b"}).error_code, 0);
  ASSERT_EQ(p.produce("events", 0, {"c"}).error_code, 0);
  EXPECT_THAT(read_committed("events"), IsEmpty());
  EXPECT_THAT(read_all("events", 0), ElementsAre("a", "b", "c"));
  EXPECT_EQ(latest("events", true), 0) << "the last stable offset";
  EXPECT_EQ(latest("events", false), 3);
  EXPECT_EQ(open_since("events"), 0);
  ASSERT_EQ(p.end(true), 0);
  EXPECT_THAT(read_committed("events"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(latest("events", true), 4) << "the marker takes an offset";
  EXPECT_EQ(open_since("events"), -1);
}

TEST_F(Transacting, AbortedRecordsAreReadByNobodyWhoReadsCommitted) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  TestProducer other = producer("other");
  ASSERT_EQ(p.init(), 0);
  ASSERT_EQ(other.init(), 0);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(p.produce("events", 0, {"lost"}).error_code, 0);
    ASSERT_EQ(other.produce("events", 0, {"kept " + std::to_string(round)}).error_code, 0);
    ASSERT_EQ(p.end(false), 0);
    ASSERT_EQ(other.end(true), 0);
  }
  EXPECT_THAT(read_committed("events"), ElementsAre("kept 0", "kept 1", "kept 2"));
}

TEST_F(Transacting, EachEndRaisesTheEpochAndTheOldOneIsFenced) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.epoch(), 0);
  ASSERT_EQ(p.produce("events", 0, {"a"}).error_code, 0);
  ASSERT_EQ(p.end(true), 0);
  EXPECT_EQ(p.epoch(), 1);
  ASSERT_EQ(p.produce("events", 0, {"b"}).error_code, 0) << "the end of the last one is waited for";
  ASSERT_EQ(p.end(true), 0);
  EXPECT_EQ(p.epoch(), 2);
  EXPECT_THAT(read_committed("events"), ElementsAre("a", "b"));
}

// Clients take the answer's epoch and may end the next transaction at once, even an empty one; while the last
// one is being ended, that epoch would be a stranger's.
TEST_F(Transacting, AnAnsweredEndIsCompleteAndTheNextTransactionCanEndAtOnce) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  std::vector<std::string> committed;
  for (int round = 0; round < 20; ++round) {
    committed.push_back(std::to_string(round));
    ASSERT_EQ(p.produce("events", 0, {committed.back()}).error_code, 0);
    ASSERT_EQ(p.commit_offset("g", "events", round), 0);
    ASSERT_EQ(p.end(true), 0);
    EXPECT_EQ(stable_offset("g", "events").committed_offset, round);
    EXPECT_EQ(read_committed("events"), committed);
    ASSERT_EQ(p.end(false), 0) << round;
  }
}

TEST_F(Transacting, ASecondProducerAbortsWhatTheFirstLeftOpenAndFencesIt) {
  start_small();
  create("events", 1);
  TestProducer zombie = producer("id");
  ASSERT_EQ(zombie.init(), 0);
  ASSERT_EQ(zombie.produce("events", 0, {"zombie"}).error_code, 0);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.producer_id(), zombie.producer_id());
  EXPECT_GT(p.epoch(), zombie.epoch());
  EXPECT_EQ(zombie.produce("events", 0, {"zombie"}).error_code, number(ErrorCode::invalid_producer_epoch));
  EXPECT_EQ(zombie.end(true), number(ErrorCode::producer_fenced));
  EXPECT_EQ(zombie.end(true, 1), number(ErrorCode::invalid_producer_epoch))
      << "older versions know no other word";
  EXPECT_EQ(zombie.commit_offset("g", "events", 1), number(ErrorCode::invalid_producer_epoch));
  ASSERT_EQ(p.produce("events", 0, {"kept"}).error_code, 0);
  ASSERT_EQ(p.end(true), 0);
  EXPECT_THAT(read_committed("events"), ElementsAre("kept"));
}

TEST_F(Transacting, OlderClientsAddTheirPartitionsThemselves) {
  start_small();
  create("events", 2);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.produce("events", 0, {"a"}, 9).error_code, number(ErrorCode::invalid_txn_state));
  EXPECT_EQ(p.produce("events", 0, {"a"}, 11).error_code, number(ErrorCode::transaction_abortable));
  EXPECT_EQ(p.add("missing", 0), number(ErrorCode::unknown_topic_or_partition));
  ASSERT_EQ(p.add("events", 0), 0);
  EXPECT_EQ(p.produce("events", 0, {"a"}, 9).error_code, 0);
  EXPECT_EQ(p.produce("events", 1, {"a"}, 9).error_code, number(ErrorCode::invalid_txn_state));
  ASSERT_EQ(p.end(true, 3), 0);
  EXPECT_EQ(p.epoch(), 0) << "before transaction.version 2 an end raises nothing";
  EXPECT_THAT(read_committed("events"), ElementsAre("a"));
  std::int16_t added = 0;
  do added = p.add("events", 0);
  while (added == number(ErrorCode::concurrent_transactions));
  ASSERT_EQ(added, 0);
  EXPECT_EQ(p.produce("events", 0, {"b"}, 9).error_code, 0);
  ASSERT_EQ(p.end(false, 3), 0);
  EXPECT_THAT(read_committed("events"), ElementsAre("a"));
}

TEST_F(Transacting, TransactionalBatchesNeedAnIdAndOneProducer) {
  start_small();
  create("events", 2);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  record::BatchBuilder builder;
  builder.set_transactional(true);
  std::vector<Bytes> batches;
  for (const std::int64_t id : {p.producer_id(), p.producer_id() + 1}) {
    builder.set_producer(ProducerId{id}, ProducerEpoch{0}, 0);
    builder.add(1, std::nullopt, as_bytes("v"));
    batches.push_back(to_owned(*builder.finish()));
  }
  wire::ProduceRequest request = produce_request("events", 0, batches[0]);
  const auto error = [&](const wire::ProduceRequest& r) {
    return p.client().call(r, 12).responses[0].partition_responses[0].error_code;
  };
  EXPECT_EQ(error(request), number(ErrorCode::transactional_id_authorization_failed));
  request.transactional_id = "id";
  request.topic_data[0].partition_data.push_back({1, BytesView(batches[1])});
  EXPECT_EQ(error(request), number(ErrorCode::invalid_producer_id_mapping));
  request.topic_data[0].partition_data.pop_back();
  request.transactional_id = "nobody";
  EXPECT_EQ(error(request), number(ErrorCode::invalid_producer_id_mapping));
}

TEST_F(Transacting, TheFirstBatchOfAProducerThatIsNotKnownIsTheFirstOfItsEpoch) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  const auto send = [&](std::int32_t sequence) {
    record::BatchBuilder builder;
    builder.set_transactional(true);
    builder.set_producer(ProducerId{p.producer_id()}, ProducerEpoch{0}, sequence);
    builder.add(env::posix_clock().wall_ms(), std::nullopt, as_bytes("v"));
    const Bytes batch = to_owned(*builder.finish());
    wire::ProduceRequest request = produce_request("events", 0, batch);
    request.transactional_id = "id";
    return p.client().call(request, 12).responses[0].partition_responses[0].error_code;
  };
  EXPECT_EQ(send(1), number(ErrorCode::out_of_order_sequence_number)) << "it overtook the first one";
  EXPECT_EQ(send(0), 0);
  EXPECT_EQ(send(1), 0);
}

TEST_F(Transacting, ATransactionThatIsOpenForTooLongIsAborted) {
  start_small({{"transaction.abort.timed.out.transaction.cleanup.interval.ms", "1"},
               {"transaction.max.timeout.ms", "5000"}});
  create("events", 1);
  TestProducer p = producer("id");
  EXPECT_EQ(p.init(5001), number(ErrorCode::invalid_transaction_timeout));
  EXPECT_EQ(p.init(0), number(ErrorCode::invalid_transaction_timeout));
  ASSERT_EQ(p.init(1), 0);
  ASSERT_EQ(p.produce("events", 0, {"late"}).error_code, 0);
  wire::FetchRequest fetch = fetch_request("events", 0, 0);
  fetch.isolation_level = 1;
  fetch.max_wait_ms = 20'000;
  TestClient c = client();
  const auto fetched = c.call(fetch, 12);  // answered when the last stable offset moves
  const auto& answer = fetched.responses[0].partitions[0];
  ASSERT_EQ(answer.aborted_transactions->size(), 1u);
  EXPECT_EQ(answer.aborted_transactions->at(0).first_offset, 0);
  EXPECT_EQ(answer.last_stable_offset, 2);
  std::int16_t ended = 0;
  do ended = p.end(true);  // the abort is complete a moment after its marker is seen
  while (ended == number(ErrorCode::concurrent_transactions));
  EXPECT_EQ(ended, number(ErrorCode::invalid_txn_state)) << "as in Kafka: its abort would be a repetition";
  EXPECT_THAT(read_committed("events"), IsEmpty());
}

// ---- positions ----

TEST_F(Transacting, PositionsInATransactionAreUnstableUntilItEnds) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(committed_offset("g", "events"), -1);
  ASSERT_EQ(p.commit_offset("g", "events", 5), 0);
  EXPECT_EQ(stable_offset("g", "events").error_code, number(ErrorCode::unstable_offset_commit));
  ASSERT_EQ(p.end(true), 0);
  EXPECT_EQ(committed_offset("g", "events"), 5);
  ASSERT_EQ(p.commit_offset("g", "events", 9), 0);
  ASSERT_EQ(p.end(false), 0);
  EXPECT_EQ(committed_offset("g", "events"), 5) << "aborted: the one before stays";
}

TEST_F(Transacting, OlderClientsAddTheirGroupThemselves) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.commit_offset("g", "events", 5, 3), number(ErrorCode::invalid_txn_state));
  EXPECT_EQ(p.commit_offset("g", "events", 5, 4), number(ErrorCode::transaction_abortable));
  wire::AddOffsetsToTxnRequest request;
  request.transactional_id = "id";
  request.producer_id = p.producer_id();
  request.producer_epoch = p.epoch();
  request.group_id = "g";
  ASSERT_EQ(p.client().call(request, 3).error_code, 0);
  ASSERT_EQ(p.commit_offset("g", "events", 5, 3), 0);
  ASSERT_EQ(p.end(true, 3), 0);
  EXPECT_EQ(committed_offset("g", "events"), 5);
}

TEST_F(Transacting, AMemberThatWasReplacedCommitsNothing) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.commit_offset("g", "events", 5, 5, 3, "member"), number(ErrorCode::illegal_generation));
  ASSERT_EQ(p.commit_offset("g", "events", 4), 0) << "without a membership it may";
  EXPECT_EQ(p.commit_offset("g", "events", 5, 5, 3, "member"), number(ErrorCode::unknown_member_id));
  EXPECT_EQ(p.commit_offset("", "events", 5), number(ErrorCode::invalid_group_id));
  EXPECT_EQ(p.commit_offset("g", "missing", 5), number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(Transacting, PendingPositionsSurviveAPowerCut) {
  start_small();
  create("events", 1);
  {
    TestProducer p = producer("id");
    ASSERT_EQ(p.init(), 0);
    ASSERT_EQ(p.commit_offset("g", "events", 5), 0);
    ASSERT_EQ(p.end(true), 0);
    ASSERT_EQ(committed_offset("g", "events"), 5);
    ASSERT_EQ(p.commit_offset("g", "events", 9), 0);
  }
  crash(sim::Crash::all_lost);
  start_small();
  EXPECT_EQ(stable_offset("g", "events").error_code, number(ErrorCode::unstable_offset_commit));
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);  // aborts what is open
  EXPECT_EQ(committed_offset("g", "events"), 5);
  ASSERT_EQ(p.commit_offset("g", "events", 7), 0);
  ASSERT_EQ(p.end(true), 0);
  EXPECT_EQ(committed_offset("g", "events"), 7);
}

TEST_F(Transacting, ADeletedGroupsPendingPositionsDoNotComeBack) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  ASSERT_EQ(p.commit_offset("g", "events", 5), 0);
  wire::DeleteGroupsRequest deletion;
  deletion.groups_names.push_back("g");
  ASSERT_EQ(p.client().call(deletion).results.at(0).error_code, 0);
  EXPECT_EQ(stable_offset("g", "events").error_code, 0);
  ASSERT_EQ(p.end(true), 0);
  EXPECT_EQ(committed_offset("g", "events"), -1);
  crash(sim::Crash::all_lost);
  start_small();
  EXPECT_EQ(committed_offset("g", "events"), -1);
}

// ---- restarts, deletions, hanging transactions ----

TEST_F(Transacting, AnOpenTransactionGoesOnOverARestart) {
  start_small();
  create("events", 1);
  TestProducer before = producer("id");
  ASSERT_EQ(before.init(), 0);
  ASSERT_EQ(before.produce("events", 0, {"a"}).error_code, 0);
  for (const sim::Crash kind : {sim::Crash::all_lost, sim::Crash::plain}) {
    crash(kind);
    start_small();
    EXPECT_THAT(read_committed("events"), IsEmpty()) << "the last stable offset is right at once";
    EXPECT_EQ(latest("events", true), 0);
  }
  wire::EndTxnRequest end;
  end.transactional_id = "id";
  end.producer_id = before.producer_id();
  end.producer_epoch = before.epoch();
  end.committed = true;
  TestClient c = client();
  ASSERT_EQ(c.call(end, 5).error_code, 0);
  EXPECT_THAT(read_committed("events"), ElementsAre("a"));
  crash(sim::Crash::all_lost);
  start_small();
  TestClient again = client();
  std::int16_t repeated = 0;
  do repeated = again.call(end, 5).error_code;  // its markers may have to be written first
  while (repeated == number(ErrorCode::concurrent_transactions));
  EXPECT_EQ(repeated, 0) << "a repetition over a restart";
  EXPECT_THAT(read_committed("events"), ElementsAre("a"));
}

TEST_F(Transacting, ADeletedTopicDoesNotHoldUpTheEndAndItsNamesakeGetsNoMarker) {
  start_small();
  create("events", 1);
  create("gone", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  ASSERT_EQ(p.produce("events", 0, {"a"}).error_code, 0);
  ASSERT_EQ(p.produce("gone", 0, {"b"}).error_code, 0);
  wire::DeleteTopicsRequest deletion;
  deletion.topics.push_back({"gone", {}});
  ASSERT_EQ(p.client().call(deletion).responses.at(0).error_code, 0);
  create("gone", 1);
  std::int16_t ended = 0;
  do ended = p.end(true);  // taking the topic out is being written
  while (ended == number(ErrorCode::concurrent_transactions));
  ASSERT_EQ(ended, 0);
  EXPECT_THAT(read_committed("events"), ElementsAre("a"));
  ASSERT_EQ(p.produce("events", 0, {"c"}).error_code, 0) << "the end is complete";
  EXPECT_EQ(latest("gone", false), 0);
}

TEST_F(Transacting, AHangingTransactionIsFoundAndAborted) {
  start_small({{"transaction.partition.verification.enable", "false"}});
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  ASSERT_EQ(p.produce("events", 0, {"hanging"}, 9).error_code, 0) << "its coordinator knows nothing of it";
  EXPECT_EQ(p.end(true, 3), number(ErrorCode::invalid_txn_state));
  EXPECT_EQ(open_since("events"), 0);
  wire::WriteTxnMarkersRequest request;
  request.markers.push_back({p.producer_id(), p.epoch(), false, {{"events", {0}}, {"missing", {0}}}, 0, 0});
  TestClient c = client();
  const auto answer = c.call(request, 1);
  EXPECT_EQ(answer.markers.at(0).topics.at(0).partitions.at(0).error_code, 0);
  EXPECT_EQ(answer.markers.at(0).topics.at(1).partitions.at(0).error_code,
            number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(open_since("events"), -1);
  EXPECT_THAT(read_committed("events"), IsEmpty());
  EXPECT_EQ(latest("events", true), 2);
}

TEST_F(Transacting, TransactionsAreListedByStateProducerAgeAndPattern) {
  start_small();
  create("events", 1);
  TestProducer open = producer("orders-1");
  TestProducer idle = producer("orders-2");
  TestProducer other = producer("payments");
  for (TestProducer* p : {&open, &idle, &other}) ASSERT_EQ(p->init(), 0);
  ASSERT_EQ(open.produce("events", 0, {"a"}).error_code, 0);
  TestClient c = client();
  const auto listed = [&](const wire::ListTransactionsRequest& request) {
    std::vector<std::string> found;
    const auto answer = c.call(request, 2);
    EXPECT_EQ(answer.error_code, 0);
    for (const auto& state : answer.transaction_states)
      found.push_back(state.transactional_id + " " + state.transaction_state);
    return found;
  };
  wire::ListTransactionsRequest request;
  EXPECT_THAT(listed(request),
              testing::UnorderedElementsAre("orders-1 Ongoing", "orders-2 Empty", "payments Empty"));
  request.state_filters = {"Ongoing", "Asleep"};
  EXPECT_THAT(listed(request), ElementsAre("orders-1 Ongoing"));
  EXPECT_THAT(c.call(request, 0).unknown_state_filters, ElementsAre("Asleep"));
  request.duration_filter = 60'000;
  EXPECT_THAT(listed(request), IsEmpty()) << "it is not open for a minute yet";
  request = {};
  request.producer_id_filters = {idle.producer_id(), 12'345};
  EXPECT_THAT(listed(request), ElementsAre("orders-2 Empty"));
  request = {};
  request.transactional_id_pattern = "orders-.";
  EXPECT_THAT(listed(request), testing::UnorderedElementsAre("orders-1 Ongoing", "orders-2 Empty"));
  request.transactional_id_pattern = "orders";
  EXPECT_THAT(listed(request), IsEmpty()) << "the pattern means whole ids";
  request.transactional_id_pattern = "(";
  request.state_filters = {"Asleep"};
  const auto refused = c.call(request, 2);
  EXPECT_EQ(refused.error_code, number(ErrorCode::invalid_regular_expression));
  EXPECT_THAT(refused.unknown_state_filters, IsEmpty()) << "told only beside an answer";
}

TEST_F(Transacting, APartitionThatIsAskedForTwiceIsAnsweredOnce) {
  start_small();
  create("events", 2);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  wire::AddPartitionsToTxnRequest request;
  auto& asked = request.transactions.emplace_back();
  asked.transactional_id = "id";
  asked.producer_id = p.producer_id();
  asked.producer_epoch = 0;
  asked.verify_only = true;
  asked.topics = {{"events", {0, 0}}, {"other", {3}}, {"events", {0, 1}}};
  TestClient c = client();
  const auto answer = c.call(request, 5);
  const auto& topics = answer.results_by_transaction.at(0).topic_results;
  ASSERT_EQ(topics.size(), 2u);
  EXPECT_EQ(topics[0].name, "events");
  EXPECT_EQ(topics[0].results_by_partition.size(), 2u);
  EXPECT_EQ(topics[1].results_by_partition.size(), 1u);
}

TEST_F(Transacting, TheCoordinatorsTopicsAreNotForClients) {
  start_small();
  create("events", 1);
  TestProducer p = producer("id");
  ASSERT_EQ(p.init(), 0);
  EXPECT_EQ(p.add("__transaction_state", 0), number(ErrorCode::topic_authorization_failed));
  TestClient c = client();
  EXPECT_EQ(produce(c, "__transaction_state", 0, std::vector<std::string>{"x"}).error_code,
            number(ErrorCode::invalid_topic_exception));
}

}  // namespace
}  // namespace sluice::broker
