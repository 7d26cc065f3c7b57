// DescribeTransactions v0 (KIP-664): what is known of transactional ids: state, producer, start, and the
// partitions that have no marker yet. Errors per id: INVALID_REQUEST (empty), TRANSACTIONAL_ID_NOT_FOUND,
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED (describe is needed); topics that the user may not describe are left
// out.
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_transactions_request.h"
#include "wire/generated/describe_transactions_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using State = wire::DescribeTransactionsResponse::TransactionState;

void describe(const Core& core, const Request& request, const TransactionFacts& facts, State& out) {
  out.transaction_state = std::string(name(facts.state));
  out.transaction_timeout_ms = facts.timeout_ms;
  out.transaction_start_time_ms = facts.start_ms;
  out.producer_id = facts.producer_id.value;
  out.producer_epoch = facts.producer_epoch.value;
  for (const log::TopicPartition& partition : facts.partitions) {
    if (!may_topic(core, request, AclOperation::describe, partition.topic)) continue;
    if (out.topics.empty() || out.topics.back().topic != partition.topic)
      out.topics.emplace_back().topic = partition.topic;
    out.topics.back().partitions.push_back(partition.partition.value);
  }
}

}  // namespace

void handle_describe_transactions(Core& core, const RequestPtr& request) {
  wire::DescribeTransactionsRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeTransactionsResponse response;
  std::set<std::string_view> told;  // one answer an id, however often it is asked for
  for (const std::string& id : asked.transactional_ids) {
    if (!told.insert(id).second) continue;
    State& out = response.transaction_states.emplace_back();
    out.transactional_id = id;
    const auto found = core.transactions->all().find(id);
    if (!may_transactional_id(core, *request, AclOperation::describe, id)) {
      out.error_code = wire::number(ErrorCode::transactional_id_authorization_failed);
    } else if (id.empty()) {
      out.error_code = wire::number(ErrorCode::invalid_request);
    } else if (found == core.transactions->all().end()) {
      out.error_code = wire::number(ErrorCode::transactional_id_not_found);
    } else {
      describe(core, *request, found->second.facts(), out);
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
