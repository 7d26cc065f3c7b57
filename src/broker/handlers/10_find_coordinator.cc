// FindCoordinator v0-6: this broker, for every group and transactional id; __consumer_offsets or
// __transaction_state is made at the first question. Other key types (share groups, v6) get INVALID_REQUEST.
// Errors: COORDINATOR_NOT_AVAILABLE, INVALID_GROUP_ID.
#include <fmt/format.h>

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
  std::optional<std::string> message;
};

Found look(Core& core, std::int8_t key_type) {
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
  const Found found = look(core, asked.key_type);
  const bool ok = found.error == ErrorCode::none;
  const std::int32_t node = ok ? core.identity.node_id : -1;
  const env::Address& self = request->session().listener->advertised;
  const std::string host = ok ? self.host : std::string{};
  const std::int32_t port = ok ? self.port : -1;
  wire::FindCoordinatorResponse response;
  if (request->version() < batch_version_min) {
    response.error_code = wire::number(found.error);
    response.error_message = found.message;
    response.node_id = node;
    response.host = host;
    response.port = port;
    return request->answer(response);
  }
  for (const std::string& key : asked.coordinator_keys)
    response.coordinators.push_back({key, node, host, port, wire::number(found.error), found.message});
  request->answer(response);
}

}  // namespace sluice::broker
