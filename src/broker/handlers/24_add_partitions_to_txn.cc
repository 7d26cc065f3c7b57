// AddPartitionsToTxn v0-5: takes partitions into a transaction, durably before the answer. v0-3 are the
// clients' before transaction.version 2; v4-5 take several transactions, and can ask whether partitions are
// in one without adding them (KIP-890: what Kafka's brokers ask each other). Errors per partition:
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED (write), TOPIC_AUTHORIZATION_FAILED (write),
// CLUSTER_AUTHORIZATION_FAILED (v4-5: cluster action), INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
// PRODUCER_FENCED (v0-1: INVALID_PRODUCER_EPOCH), CONCURRENT_TRANSACTIONS, COORDINATOR_NOT_AVAILABLE,
// TRANSACTION_ABORTABLE (not in the transaction), UNKNOWN_TOPIC_OR_PARTITION or, for an internal topic,
// TOPIC_AUTHORIZATION_FAILED, with which the others get OPERATION_NOT_ATTEMPTED.
#include <map>
#include <set>
#include <string_view>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/add_partitions_to_txn_request.h"
#include "wire/generated/add_partitions_to_txn_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Asked = wire::AddPartitionsToTxnRequest;
using Response = wire::AddPartitionsToTxnResponse;
using AskedTopics = std::vector<Asked::AddPartitionsToTxnTopic>;
using Results = std::vector<Response::AddPartitionsToTxnTopicResult>;

constexpr std::int16_t batch_version_min = 4;
constexpr std::int16_t fenced_version_min = 2;

template <class F>
Results for_each_partition(const AskedTopics& topics, F&& error_of) {
  Results results;
  struct Told {
    std::size_t at;  // in results
    std::set<std::int32_t> partitions;
  };
  std::map<std::string_view, Told> told;  // as Kafka, each topic and partition once
  for (const auto& topic : topics) {
    const auto [known, is_new] = told.try_emplace(topic.name, Told{results.size(), {}});
    if (is_new) results.emplace_back().name = topic.name;
    auto& out = results[known->second.at].results_by_partition;
    for (const std::int32_t partition : topic.partitions)
      if (known->second.partitions.insert(partition).second)
        out.push_back({partition, wire::number(error_of(topic.name, partition))});
  }
  return results;
}

// What keeps a partition out of any transaction. Internal topics: only our own coordinators write to them.
ErrorCode check(Core& core, const Request& request, const std::string& name, std::int32_t partition,
                bool is_client) {
  const Topic* topic = core.topics->find(name);
  if (is_client && !may_topic(core, request, AclOperation::write, name))
    return ErrorCode::topic_authorization_failed;
  if (is_client && topic != nullptr && topic->is_internal()) return ErrorCode::topic_authorization_failed;
  if (topic == nullptr || topic->partition(partition) == nullptr)
    return ErrorCode::unknown_topic_or_partition;
  return ErrorCode::none;
}

struct Adding {
  const Request* request = nullptr;
  std::string transactional_id;
  ProducerIdAndEpoch producer;
  bool verify_only = false;
  std::int16_t client_version = transaction_version_old;
};

void add(Core& core, const Adding& adding, const AskedTopics& topics, std::function<void(Results)> done) {
  const bool is_client = adding.client_version == transaction_version_old;
  PartitionSet partitions;
  bool refused = false;
  for (const auto& topic : topics) {
    for (const std::int32_t partition : topic.partitions) {
      refused |= check(core, *adding.request, topic.name, partition, is_client) != ErrorCode::none;
      partitions.insert({topic.name, PartitionId{partition}});
    }
  }
  if (refused) {
    return done(for_each_partition(topics, [&](const std::string& name, std::int32_t partition) {
      const ErrorCode error = check(core, *adding.request, name, partition, is_client);
      return error == ErrorCode::none ? ErrorCode::operation_not_attempted : error;
    }));
  }
  if (adding.verify_only) {
    return done(for_each_partition(topics, [&](const std::string& name, std::int32_t partition) {
      return core.transactions->verify(adding.transactional_id, adding.producer,
                                       {name, PartitionId{partition}});
    }));
  }
  core.transactions->add(adding.transactional_id, adding.producer, partitions, adding.client_version,
                         [topics, done = std::move(done)](ErrorCode error) {
                           done(for_each_partition(topics, [&](const auto&, auto) { return error; }));
                         });
}

void add_one(Core& core, const RequestPtr& request, const Asked& asked) {
  if (!may_transactional_id(core, *request, AclOperation::write, asked.v3_and_below_transactional_id)) {
    Response response;
    response.results_by_topic_v3_and_below = for_each_partition(
        asked.v3_and_below_topics,
        [](const auto&, auto) { return ErrorCode::transactional_id_authorization_failed; });
    return request->answer(response);
  }
  const Adding adding{
      request.get(),
      asked.v3_and_below_transactional_id,
      {ProducerId{asked.v3_and_below_producer_id}, ProducerEpoch{asked.v3_and_below_producer_epoch}},
      false,
      transaction_version_old};
  add(core, adding, asked.v3_and_below_topics, [request](Results results) {
    if (request->version() < fenced_version_min) {
      for (auto& topic : results)
        for (auto& partition : topic.results_by_partition)
          if (partition.partition_error_code == wire::number(ErrorCode::producer_fenced))
            partition.partition_error_code = wire::number(ErrorCode::invalid_producer_epoch);
    }
    Response response;
    response.results_by_topic_v3_and_below = std::move(results);
    request->answer(response);
  });
}

}  // namespace

void handle_add_partitions_to_txn(Core& core, const RequestPtr& request) {
  Asked asked;
  if (!request->decode(asked)) return;
  if (request->version() < batch_version_min) return add_one(core, request, asked);
  auto response = std::make_shared<Response>();
  if (!may_cluster(core, *request, AclOperation::cluster_action)) {
    response->error_code = wire::number(ErrorCode::cluster_authorization_failed);
    return request->answer(*response);
  }
  for (const auto& transaction : asked.transactions)
    response->results_by_transaction.push_back({transaction.transactional_id, {}});
  if (asked.transactions.empty()) return request->answer(*response);
  auto left = std::make_shared<std::size_t>(asked.transactions.size());
  for (std::size_t i = 0; i < asked.transactions.size(); ++i) {
    const auto& transaction = asked.transactions[i];
    const Adding adding{request.get(),
                        transaction.transactional_id,
                        {ProducerId{transaction.producer_id}, ProducerEpoch{transaction.producer_epoch}},
                        transaction.verify_only,
                        transaction_version_2};
    add(core, adding, transaction.topics, [request, response, left, i](Results results) {
      response->results_by_transaction[i].topic_results = std::move(results);
      if (--*left == 0) request->answer(*response);
    });
  }
}

}  // namespace sluice::broker
