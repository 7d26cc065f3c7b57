// UpdateFeatures v0-2: the levels of this broker's features are those it is built for, and stay so. A request
// that asks for the levels there are succeeds; every other one is refused as a whole, in all versions. Needs
// alter on the cluster. Errors: CLUSTER_AUTHORIZATION_FAILED, INVALID_UPDATE_VERSION (an unknown upgrade type
// or feature, too).
#include <fmt/format.h>

#include "broker/features.h"
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/update_features_request.h"
#include "wire/generated/update_features_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Asked = wire::UpdateFeaturesRequest;

Result<void> check_level(const Core& core, const Asked::FeatureUpdateKey& update) {
  constexpr std::int8_t upgrade_type_max = 3;
  if (update.upgrade_type < 1 || update.upgrade_type > upgrade_type_max)
    return refuse(ErrorCode::invalid_update_version,
                  fmt::format("upgrade type {} is unknown; nothing was changed", update.upgrade_type));
  for (const Feature& feature : features(core)) {
    if (feature.name != update.feature) continue;
    if (feature.level == update.max_version_level) return {};
    return refuse(ErrorCode::invalid_update_version,
                  fmt::format("{} is at level {} and stays there; level {} was not set", feature.name,
                              feature.level, update.max_version_level));
  }
  return refuse(ErrorCode::invalid_update_version,
                fmt::format("there is no feature {} here", update.feature));
}

Result<void> check(const Core& core, const Request& request, const Asked& asked) {
  if (!may_cluster(core, request, AclOperation::alter))
    return refuse(ErrorCode::cluster_authorization_failed, "alter on the cluster is needed");
  for (const auto& update : asked.feature_updates) SLUICE_TRY(check_level(core, update));
  return {};
}

}  // namespace

void handle_update_features(Core& core, const RequestPtr& request) {
  constexpr std::int16_t version_without_results = 2;
  Asked asked;
  if (!request->decode(asked)) return;
  wire::UpdateFeaturesResponse response;
  response.error_message.reset();
  if (const auto good = check(core, *request, asked); !good) {
    response.error_code = wire::number(code_of(good.error()));
    response.error_message = good.error().message;
  } else if (request->version() < version_without_results) {
    for (const auto& update : asked.feature_updates)
      response.results.push_back({update.feature, 0, "NONE"});  // as Kafka's has it
  }
  request->answer(response);
}

}  // namespace sluice::broker
