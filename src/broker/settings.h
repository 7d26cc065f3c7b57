// What the admin APIs change and a restart keeps: settings of brokers, groups and metric subscriptions,
// access rules, SCRAM credentials. One small text file (docs/formats/broker_state.md).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/acls.h"
#include "broker/config.h"
#include "env/file_system.h"

namespace sluice::broker {

/// Resources with settings of their own, with Kafka's numbers; topics keep theirs in the list of topics.
enum class ConfigResource : std::int8_t {
  unknown = 0,
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32
};

enum class ScramMechanism : std::int8_t { unknown = 0, sha_256 = 1, sha_512 = 2 };

/// What a broker knows of a user's password (RFC 5802): enough to check it, not to log in with it.
struct ScramCredential {
  Bytes salt;
  Bytes stored_key;
  Bytes server_key;
  std::int32_t iterations = 0;
  friend bool operator==(const ScramCredential&, const ScramCredential&) = default;
};

struct SettingsState {
  using Resource = std::pair<ConfigResource, std::string>;
  using ScramUser = std::pair<std::string, ScramMechanism>;

  std::map<Resource, Values> values;  ///< broker "" is the default of all brokers
  std::set<Acl> acls;
  std::map<ScramUser, ScramCredential> scram;
  friend bool operator==(const SettingsState&, const SettingsState&) = default;
};

std::string encode(const SettingsState& state);
/// corrupt: the checksum is not that of the lines, or a line is not what it should be.
Result<SettingsState> parse_settings(std::string_view text);

/// Loop thread only.
class Settings {
 public:
  static constexpr std::string_view file_name = "sluice-settings";

  /// What `data_dir` holds; empty where there is no file. corrupt where it cannot be read.
  static Result<Settings> open(env::FileSystem& fs, const std::string& data_dir);

  const SettingsState& state() const { return state_; }
  /// The settings of one resource; empty where it has none.
  const Values& values(ConfigResource type, std::string_view name) const;
  /// Replaces everything, durably: the change has happened once this returns, and has not where it fails.
  /// Blocks for two syncs. errors   kafka_storage_error (in kafka_error)
  Result<void> commit(SettingsState next);

 private:
  Settings(env::FileSystem& fs, std::string path) : fs_(&fs), path_(std::move(path)) {}

  env::FileSystem* fs_;
  std::string path_;
  SettingsState state_;
};

}  // namespace sluice::broker
