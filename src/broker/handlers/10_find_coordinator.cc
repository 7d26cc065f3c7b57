// FindCoordinator v0-6: this broker, for every group and transactional id; __consumer_offsets or
// __transaction_state is made at the first question. Other key types (share groups, v6) get INVALID_REQUEST.
// Errors: COORDINATOR_NOT_AVAILABLE, INVALID_GROUP_ID.
#include <fmt/format.h>

#include <tuple>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int8_t key_type_group = 0;
constexpr std::int8_t key_type_transaction = 1;
constexpr std::int16_t batch_version_min = 4;

struct Found {
  ErrorCode error = ErrorCode::none;
  std::optional<std::string> message = "";  // of no error too not null, as Kafka's
};

Found look(Core& core, const Request& request, std::int8_t key_type, const std::string& key) {
  if (key_type == key_type_group && !may_group(core, request, AclOperation::describe, key))
    return {ErrorCode::group_authorization_failed, "describe on the group is needed"};
  if (key_type == key_type_transaction && !may_transactional_id(core, request, AclOperation::describe, key))
    return {ErrorCode::transactional_id_authorization_failed, "describe on the transactional id is needed"};
  if (key_type == key_type_transaction) {
    const auto ready = core.transactions->make_ready();
    if (ready) return {};
    core.notices.say_limited(fmt::format("no transaction can be coordinated: {}", to_string(ready.error())));
    return {ErrorCode::coordinator_not_available, ready.error().message};
  }
  if (key_type != key_type_group)
    return {ErrorCode::invalid_request, fmt::format("key type {} has no coordinator here", key_type)};
  if (const auto ready = core.groups->make_ready(); !ready) {
    core.notices.say_limited(fmt::format("no group can be coordinated: {}", to_string(ready.error())));
    return {ErrorCode::coordinator_not_available, ready.error().message};
  }
  return {};
}

}  // namespace

void handle_find_coordinator(Core& core, const RequestPtr& request) {
  wire::FindCoordinatorRequest asked;
  if (!request->decode(asked)) return;
  const env::Address& self = request->session().listener->advertised;
  const auto place = [&](const Found& found) {
    const bool ok = found.error == ErrorCode::none;
    return std::tuple{ok ? core.identity.node_id : -1, ok ? self.host : std::string{},
                      ok ? std::int32_t{self.port} : -1};
  };
  wire::FindCoordinatorResponse response;
  if (request->version() < batch_version_min) {
    const Found found = look(core, *request, asked.key_type, asked.key);
    response.error_code = wire::number(found.error);
    response.error_message = found.error == ErrorCode::none ? "NONE" : found.message;
    std::tie(response.node_id, response.host, response.port) = place(found);
    return request->answer(response);
  }
  for (const std::string& key : asked.coordinator_keys) {
    const Found found = look(core, *request, asked.key_type, key);
    const auto [node, host, port] = place(found);
    response.coordinators.push_back({key, node, host, port, wire::number(found.error), found.message});
  }
  request->answer(response);
}

}  // namespace sluice::broker
