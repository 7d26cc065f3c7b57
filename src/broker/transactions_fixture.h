// For tests: a transactional producer that sends single requests.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_fixture.h"
#include "wire/generated/add_offsets_to_txn_request.h"
#include "wire/generated/add_offsets_to_txn_response.h"
#include "wire/generated/add_partitions_to_txn_request.h"
#include "wire/generated/add_partitions_to_txn_response.h"
#include "wire/generated/end_txn_request.h"
#include "wire/generated/end_txn_response.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/init_producer_id_request.h"
#include "wire/generated/init_producer_id_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"
#include "wire/generated/txn_offset_commit_request.h"
#include "wire/generated/txn_offset_commit_response.h"

namespace sluice::broker {

/// Speaks transaction.version 2 unless told otherwise; counts its sequences by itself.
class TestProducer {
 public:
  TestProducer(TestClient client, std::string id) : client_(std::move(client)), id_(std::move(id)) {}

  TestClient& client() { return client_; }
  std::int64_t producer_id() const { return producer_id_; }
  std::int16_t epoch() const { return epoch_; }

  std::int16_t init_once(std::int32_t timeout_ms) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id_;
    request.transaction_timeout_ms = timeout_ms;
    const auto answer = client_.call(request, 5);
    producer_id_ = answer.producer_id;
    epoch_ = answer.producer_epoch;
    sequences_.clear();
    return answer.error_code;
  }
  /// Repeated while the transaction of a former self is being ended.
  std::int16_t init(std::int32_t timeout_ms = 60'000) {
    std::int16_t error = 0;
    do error = init_once(timeout_ms);
    while (error == wire::number(wire::ErrorCode::concurrent_transactions));
    return error;
  }

  wire::ProduceResponse::PartitionProduceResponse produce(const std::string& topic, std::int32_t partition,
                                                          const std::vector<std::string>& values,
                                                          std::int16_t version = 12) {
    record::BatchBuilder builder;
    std::int32_t& sequence = sequences_[{topic, partition}];
    builder.set_producer(ProducerId{producer_id_}, ProducerEpoch{epoch_}, sequence);
    builder.set_transactional(true);
    for (const auto& value : values) builder.add(env::posix_clock().wall_ms(), std::nullopt, as_bytes(value));
    const Bytes batch = to_owned(*builder.finish());
    wire::ProduceRequest request;
    request.transactional_id = id_;
    request.acks = -1;
    request.timeout_ms = 10'000;
    request.topic_data.push_back({topic, {}, {{partition, BytesView(batch)}}});
    auto response = client_.call(request, version);
    if (response.responses.empty()) return {};
    auto answer = response.responses[0].partition_responses[0];
    if (answer.error_code == 0) sequence += static_cast<std::int32_t>(values.size());
    return answer;
  }

  /// AddPartitionsToTxn as clients before transaction.version 2 send it.
  std::int16_t add(const std::string& topic, std::int32_t partition) {
    wire::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = id_;
    request.v3_and_below_producer_id = producer_id_;
    request.v3_and_below_producer_epoch = epoch_;
    request.v3_and_below_topics.push_back({topic, {partition}});
    const auto answer = client_.call(request, 3);
    return answer.results_by_topic_v3_and_below.at(0).results_by_partition.at(0).partition_error_code;
  }

  std::int16_t commit_offset(const std::string& group, const std::string& topic, std::int64_t offset,
                             std::int16_t version = 5, std::int32_t generation = -1,
                             const std::string& member = "") {
    wire::TxnOffsetCommitRequest request;
    request.transactional_id = id_;
    request.group_id = group;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.generation_id = generation;
    request.member_id = member;
    request.topics.push_back({topic, {{0, offset, -1, "in a transaction"}}});
    return client_.call(request, version).topics.at(0).partitions.at(0).error_code;
  }

  std::int16_t end(bool commit, std::int16_t version = 5) {
    wire::EndTxnRequest request;
    request.transactional_id = id_;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.committed = commit;
    const auto answer = client_.call(request, version);
    if (version >= 5 && answer.error_code == 0) {
      if (answer.producer_epoch != epoch_) sequences_.clear();
      producer_id_ = answer.producer_id;
      epoch_ = answer.producer_epoch;
    }
    return answer.error_code;
  }

 private:
  TestClient client_;
  std::string id_;
  std::int64_t producer_id_ = -1;
  std::int16_t epoch_ = -1;
  std::map<std::pair<std::string, std::int32_t>, std::int32_t> sequences_;
};

class TransactionTest : public BrokerTest {
 protected:
  void start_small(std::vector<std::pair<std::string, std::string>> properties = {}) {
    properties.emplace_back("transaction.state.log.num.partitions", "2");
    start(std::move(properties));
  }
  TestProducer producer(const std::string& id) { return TestProducer(client(), id); }

  /// Values that a read_committed consumer gets from `offset` on: whole batches of aborted producers are left
  /// out as the answer's list says, and control batches.
  std::vector<std::string> read_committed(const std::string& topic, std::int32_t partition = 0,
                                          std::int64_t offset = 0) {
    wire::FetchRequest request = fetch_request(topic, partition, offset);
    request.isolation_level = 1;
    TestClient c = client();
    const auto response = c.call(request, 12);
    const auto& answer = response.responses.at(0).partitions.at(0);
    EXPECT_EQ(answer.error_code, 0);
    EXPECT_TRUE(answer.aborted_transactions.has_value());
    return committed_values(*answer.records, *answer.aborted_transactions);
  }

  using Aborted = wire::FetchResponse::AbortedTransaction;
  static std::vector<std::string> committed_values(BytesView records, const std::vector<Aborted>& aborted) {
    std::vector<std::string> out;
    std::set<std::int64_t> skipping;
    record::Decompressor decompressor;
    while (true) {
      const auto next = record::next_batch(records);
      EXPECT_TRUE(next);
      if (!next || !*next) return out;
      const record::BatchView& batch = **next;
      if (batch.is_control()) {
        skipping.erase(batch.producer_id().value);
        continue;
      }
      for (const Aborted& a : aborted)
        if (a.first_offset <= batch.last_offset().value && a.producer_id == batch.producer_id().value &&
            a.first_offset >= batch.base_offset().value)
          skipping.insert(a.producer_id);
      if (batch.is_transactional() && skipping.contains(batch.producer_id().value)) continue;
      const auto plain = decompressor.records(batch);
      EXPECT_TRUE(plain);
      EXPECT_TRUE(record::for_each_record(*plain, batch.records_count(), [&](const auto& record) {
        out.emplace_back(as_text(record.value.value_or(BytesView{})));
      }));
    }
  }

  wire::OffsetFetchResponse::OffsetFetchResponsePartitions stable_offset(const std::string& group,
                                                                         const std::string& topic) {
    wire::OffsetFetchRequest request;
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({topic, {}, {0}});
    request.require_stable = true;
    TestClient c = client();
    return c.call(request, 8).groups.at(0).topics.at(0).partitions.at(0);
  }
  /// Waits while it is unstable.
  std::int64_t committed_offset(const std::string& group, const std::string& topic) {
    while (true) {
      const auto found = stable_offset(group, topic);
      if (found.error_code != wire::number(wire::ErrorCode::unstable_offset_commit))
        return found.committed_offset;
    }
  }
};

}  // namespace sluice::broker
