// UpdateFeatures v0-2: the levels of this broker's features are those it is built for, and stay so. A request
// that asks for the level there is succeeds; every other one is refused as a whole. Needs alter on the
// cluster. Errors: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST (a feature twice, none at all, or an upgrade
// type that is unknown), INVALID_UPDATE_VERSION (per feature in v0-1).
#include <fmt/format.h>

#include <set>

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

Result<void> check_form(const Core& core, const Request& request, const Asked& asked) {
  constexpr std::int8_t upgrade_type_max = 3;
  if (!may_cluster(core, request, AclOperation::alter))
    return refuse(ErrorCode::cluster_authorization_failed, "alter on the cluster is needed");
  std::set<std::string> seen;
  for (const auto& update : asked.feature_updates) {
    if (update.feature.empty()) return refuse(ErrorCode::invalid_request, "a feature has no name");
    if (!seen.insert(update.feature).second)
      return refuse(ErrorCode::invalid_request, fmt::format("{} is named twice", update.feature));
    if (update.upgrade_type < 1 || update.upgrade_type > upgrade_type_max)
      return refuse(ErrorCode::invalid_request,
                    fmt::format("upgrade type {} is unknown", update.upgrade_type));
  }
  return {};
}

Result<void> check_level(const Core& core, const Asked::FeatureUpdateKey& update) {
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

}  // namespace

void handle_update_features(Core& core, const RequestPtr& request) {
  constexpr std::int16_t version_without_results = 2;
  Asked asked;
  if (!request->decode(asked)) return;
  wire::UpdateFeaturesResponse response;
  response.error_message.reset();
  const auto fail_with = [&](const Error& error) {
    response.error_code = wire::number(code_of(error));
    response.error_message = error.message;
  };
  const auto formed = check_form(core, *request, asked);
  if (!formed) {
    fail_with(formed.error());
    return request->answer(response);
  }
  for (const auto& update : asked.feature_updates) {
    const auto good = check_level(core, update);
    if (request->version() >= version_without_results) {
      if (!good && response.error_code == 0) fail_with(good.error());
      continue;
    }
    auto& out = response.results.emplace_back();
    out.feature = update.feature;
    out.error_message.reset();
    if (good) continue;
    out.error_code = wire::number(code_of(good.error()));
    out.error_message = good.error().message;
  }
  request->answer(response);
}

}  // namespace sluice::broker
