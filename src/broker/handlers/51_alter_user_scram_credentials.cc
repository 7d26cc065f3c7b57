// AlterUserScramCredentials v0: sets and removes users' credentials (KIP-554), durably before the answer.
// What is kept are the keys of RFC 5802, not the salted password. A user is changed once a request, as in
// Kafka. Needs alter on the cluster. Errors per user: CLUSTER_AUTHORIZATION_FAILED,
// UNSUPPORTED_SASL_MECHANISM, UNACCEPTABLE_CREDENTIAL (no name, or iterations outside 4096 to 16384),
// RESOURCE_NOT_FOUND (nothing to remove), DUPLICATE_RESOURCE, KAFKA_STORAGE_ERROR.
#include <fmt/format.h>

#include <map>

#include "broker/crypto.h"
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "broker/sasl.h"
#include "wire/generated/alter_user_scram_credentials_request.h"
#include "wire/generated/alter_user_scram_credentials_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Asked = wire::AlterUserScramCredentialsRequest;
constexpr std::int32_t iterations_min = 4096;
constexpr std::int32_t iterations_max = 16384;

Result<ScramMechanism> mechanism_of(const std::string& user, std::int8_t number) {
  if (user.empty()) return refuse(ErrorCode::unacceptable_credential, "a credential needs a user's name");
  const auto mechanism = static_cast<ScramMechanism>(number);
  if (mechanism != ScramMechanism::sha_256 && mechanism != ScramMechanism::sha_512) {
    return refuse(ErrorCode::unsupported_sasl_mechanism,
                  fmt::format("there is no SCRAM mechanism with the number {}", number));
  }
  return mechanism;
}

// What the request does with one user.
struct Changes {
  std::vector<const Asked::ScramCredentialDeletion*> deletions;
  std::vector<const Asked::ScramCredentialUpsertion*> upsertions;
  Result<void> result;
};

// As Kafka: what a user's first change lacks is told before that there is another one.
Result<void> check(const Core& core, const std::string& user, const Changes& changes) {
  if (!changes.deletions.empty()) {
    const ScramMechanism mechanism = SLUICE_TRY(mechanism_of(user, changes.deletions[0]->mechanism));
    if (!core.settings->state().scram.contains({user, mechanism}))
      return refuse(ErrorCode::resource_not_found, fmt::format("{} has no such credential to remove", user));
  } else {
    const auto& upsertion = *changes.upsertions.at(0);
    SLUICE_TRY(mechanism_of(user, upsertion.mechanism));
    if (upsertion.iterations < iterations_min || upsertion.iterations > iterations_max) {
      return refuse(ErrorCode::unacceptable_credential,
                    fmt::format("iterations are {}, allowed is {} to {}", upsertion.iterations,
                                iterations_min, iterations_max));
    }
    if (upsertion.salt.empty() || upsertion.salted_password.empty())
      return refuse(ErrorCode::unacceptable_credential, "salt or salted password is empty");
  }
  if (changes.deletions.size() + changes.upsertions.size() == 1) return {};
  return refuse(ErrorCode::duplicate_resource,
                fmt::format("the request changes {} more than once, nothing was changed", user));
}

void apply(const std::string& user, const Changes& changes, SettingsState& next) {
  for (const auto* deletion : changes.deletions)
    next.scram.erase({user, static_cast<ScramMechanism>(deletion->mechanism)});
  for (const auto* upsertion : changes.upsertions) {
    const auto mechanism = static_cast<ScramMechanism>(upsertion->mechanism);
    const Bytes client_key = hmac(mechanism, upsertion->salted_password, as_bytes("Client Key"));
    next.scram[{user, mechanism}] = {to_owned(upsertion->salt), hash(mechanism, client_key),
                                     hmac(mechanism, upsertion->salted_password, as_bytes("Server Key")),
                                     upsertion->iterations};
  }
}

}  // namespace

void handle_alter_user_scram_credentials(Core& core, const RequestPtr& request) {
  Asked asked;
  if (!request->decode(asked)) return;
  const bool allowed = may_cluster(core, *request, AclOperation::alter);
  std::map<std::string, Changes> users;
  for (const auto& deletion : asked.deletions) users[deletion.name].deletions.push_back(&deletion);
  for (const auto& upsertion : asked.upsertions) users[upsertion.name].upsertions.push_back(&upsertion);
  SettingsState next = core.settings->state();
  for (auto& [user, changes] : users) {
    if (allowed) {
      changes.result = check(core, user, changes);
    } else {
      changes.result = refuse(ErrorCode::cluster_authorization_failed, "alter on the cluster is needed");
    }
    if (changes.result) apply(user, changes, next);
  }
  const auto kept = core.settings->commit(std::move(next));
  wire::AlterUserScramCredentialsResponse response;
  for (const auto& [user, changes] : users) {
    auto& out = response.results.emplace_back();
    out.error_message.reset();
    out.user = user;
    out.error_message.reset();
    const Error* error = !changes.result ? &changes.result.error() : !kept ? &kept.error() : nullptr;
    if (error == nullptr) continue;
    out.error_code = wire::number(code_of(*error));
    out.error_message = error->message;
  }
  request->answer(response);
}

}  // namespace sluice::broker
