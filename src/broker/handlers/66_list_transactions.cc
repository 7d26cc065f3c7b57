// ListTransactions v0-2 (KIP-664): the transactional ids, by state and producer id, from v1 on by how long
// they are open (KIP-994), from v2 on by a pattern that the whole id matches (KIP-1152; RE2's syntax, in
// linear time). States that are not known are told back and filter nothing. Ids that the user may not
// describe are left out. Errors: INVALID_REGULAR_EXPRESSION.
#include <algorithm>
#include <optional>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/name_pattern.h"
#include "wire/generated/list_transactions_request.h"
#include "wire/generated/list_transactions_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

struct Filter {
  std::optional<std::vector<TransactionState>> states;  // none where only unknown ones are asked for
  std::vector<std::int64_t> producer_ids;
  std::int64_t open_for_ms = -1;
  std::optional<NamePattern> pattern;

  bool takes(const Transaction& transaction, std::int64_t now_ms) const {
    const TransactionFacts& facts = transaction.facts();
    if (!producer_ids.empty() &&
        std::ranges::find(producer_ids, facts.producer_id.value) == producer_ids.end())
      return false;
    if (states && std::ranges::find(*states, facts.state) == states->end()) return false;
    if (open_for_ms >= 0 && now_ms - facts.start_ms <= open_for_ms) return false;
    return !pattern || pattern->matches(transaction.id());
  }
};

}  // namespace

void handle_list_transactions(Core& core, const RequestPtr& request) {
  wire::ListTransactionsRequest asked;
  if (!request->decode(asked)) return;
  wire::ListTransactionsResponse response;
  Filter filter;
  if (!asked.state_filters.empty()) filter.states.emplace();
  for (const std::string& text : asked.state_filters) {
    if (const auto state = parse_transaction_state(text)) {
      filter.states->push_back(*state);
    } else if (std::ranges::find(response.unknown_state_filters, text) ==
               response.unknown_state_filters.end()) {
      response.unknown_state_filters.push_back(text);
    }
  }
  filter.producer_ids = asked.producer_id_filters;
  filter.open_for_ms = asked.duration_filter;
  if (asked.transactional_id_pattern && !asked.transactional_id_pattern->empty()) {
    auto pattern = NamePattern::compile(*asked.transactional_id_pattern);
    if (!pattern) {
      response.error_code = wire::number(ErrorCode::invalid_regular_expression);
      response.unknown_state_filters.clear();  // told only beside an answer, as in Kafka
      return request->answer(response);
    }
    filter.pattern = std::move(*pattern);
  }
  const std::int64_t now_ms = core.env.clock->wall_ms();
  for (const auto& [id, transaction] : core.transactions->all()) {
    if (!filter.takes(transaction, now_ms) ||
        !may_transactional_id(core, *request, AclOperation::describe, id))
      continue;
    response.transaction_states.push_back(
        {id, transaction.facts().producer_id.value, std::string(name(transaction.facts().state))});
  }
  request->answer(response);
}

}  // namespace sluice::broker
