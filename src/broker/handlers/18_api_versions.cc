// ApiVersions v0-4: which APIs are answered here, from the table that routes them.
// An unknown version is answered in v0 with UNSUPPORTED_VERSION and the range of ApiVersions itself, so that
// the client can ask again (KIP-511). From v3 on the client's software name and version must be well formed,
// else INVALID_REQUEST; then the features of KIP-584 are told too. Features that begin at level 0 are left
// out of v3, whose clients take 0 for a mistake (KIP-1022).
#include <algorithm>
#include <string_view>

#include "broker/features.h"
#include "broker/handlers/handlers.h"
#include "broker/router.h"
#include "wire/errors.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/api_versions_response.h"

namespace sluice::broker {
namespace {

// Letters and digits, with '-' and '.' between them.
bool is_software_name(std::string_view text) {
  const auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  const auto is_outer = [&](char c) { return is_inner(c) && c != '-' && c != '.'; };
  return !text.empty() && std::ranges::all_of(text, is_inner) && is_outer(text.front()) &&
         is_outer(text.back());
}

}  // namespace

void handle_api_versions(Core& core, const RequestPtr& request) {
  wire::ApiVersionsResponse response;
  const wire::Api& self = *wire::find_api(request->api_key());
  if (!self.speaks(request->version())) {
    response.error_code = wire::number(wire::ErrorCode::unsupported_version);
    response.api_keys.push_back({self.key, self.version_min_told, self.version_max});
    return request->answer_as(response, 0);
  }
  wire::ApiVersionsRequest asked;
  if (!request->decode(asked)) return;
  if (request->version() >= 3 &&
      (!is_software_name(asked.client_software_name) || !is_software_name(asked.client_software_version))) {
    response.error_code = wire::number(wire::ErrorCode::invalid_request);
    return request->answer(response);
  }
  for (const Route& route : routes()) {
    const wire::Api& api = *wire::find_api(route.key);
    response.api_keys.push_back({api.key, api.version_min_told, api.version_max});
  }
  constexpr std::int16_t version_with_level_0 = 4;
  for (const Feature& feature : features(core)) {
    if (feature.level_min > 0 || request->version() >= version_with_level_0)
      response.supported_features.push_back({std::string(feature.name), feature.level_min, feature.level});
    response.finalized_features.push_back({std::string(feature.name), feature.level, feature.level});
  }
  response.finalized_features_epoch = 0;
  request->answer(response);
}

}  // namespace sluice::broker
