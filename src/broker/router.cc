#include "broker/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "broker/authentication.h"
#include "broker/handlers/handlers.h"
#include "wire/versions.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t api_versions_key = 18;

constexpr std::array table{
    Route{0, handle_produce},
    Route{1, handle_fetch},
    Route{2, handle_list_offsets},
    Route{3, handle_metadata},
    Route{8, handle_offset_commit},
    Route{9, handle_offset_fetch},
    Route{10, handle_find_coordinator},
    Route{11, handle_join_group},
    Route{12, handle_heartbeat},
    Route{13, handle_leave_group},
    Route{14, handle_sync_group},
    Route{15, handle_describe_groups},
    Route{16, handle_list_groups},
    Route{17, handle_sasl_handshake},
    Route{api_versions_key, handle_api_versions},
    Route{19, handle_create_topics},
    Route{20, handle_delete_topics},
    Route{21, handle_delete_records},
    Route{22, handle_init_producer_id},
    Route{23, handle_offset_for_leader_epoch},
    Route{24, handle_add_partitions_to_txn},
    Route{25, handle_add_offsets_to_txn},
    Route{26, handle_end_txn},
    Route{27, handle_write_txn_markers},
    Route{28, handle_txn_offset_commit},
    Route{29, handle_describe_acls},
    Route{30, handle_create_acls},
    Route{31, handle_delete_acls},
    Route{32, handle_describe_configs},
    Route{33, handle_alter_configs},
    Route{34, handle_alter_replica_log_dirs},
    Route{35, handle_describe_log_dirs},
    Route{36, handle_sasl_authenticate},
    Route{37, handle_create_partitions},
    Route{38, handle_create_delegation_token},
    Route{39, handle_renew_delegation_token},
    Route{40, handle_expire_delegation_token},
    Route{41, handle_describe_delegation_token},
    Route{42, handle_delete_groups},
    Route{43, handle_elect_leaders},
    Route{44, handle_incremental_alter_configs},
    Route{45, handle_alter_partition_reassignments},
    Route{46, handle_list_partition_reassignments},
    Route{47, handle_offset_delete},
    Route{48, handle_describe_client_quotas},
    Route{49, handle_alter_client_quotas},
    Route{50, handle_describe_user_scram_credentials},
    Route{51, handle_alter_user_scram_credentials},
    Route{57, handle_update_features},
    Route{60, handle_describe_cluster},
    Route{61, handle_describe_producers},
    Route{65, handle_describe_transactions},
    Route{66, handle_list_transactions},
    Route{68, handle_consumer_group_heartbeat},
    Route{69, handle_consumer_group_describe},
    Route{74, handle_list_config_resources},
    Route{75, handle_describe_topic_partitions},
};
static_assert(std::ranges::is_sorted(table, {}, &Route::key));

}  // namespace

std::span<const Route> routes() {
  return table;
}

void route(Core& core, const RequestPtr& request) {
  const auto* found = std::ranges::find(table, request->api_key(), &Route::key);
  const wire::Api* api = wire::find_api(request->api_key());
  if (found == table.end() || api == nullptr)
    return request->close(fmt::format("API key {} is not answered here", request->api_key()));
  if (!api->speaks(request->version()) && request->api_key() != api_versions_key) {
    return request->close(fmt::format("{} version {} is not answered here, only {} to {}", api->name,
                                      request->version(), api->version_min, api->version_max));
  }
  const Authentication* authentication = request->authentication();
  if (authentication != nullptr && !authentication->allows(request->api_key(), core.loop.now())) {
    return request->close(fmt::format("{} before the client has {}authenticated", api->name,
                                      authentication->was_done() ? "again " : ""));
  }
  found->handle(core, request);
}

}  // namespace sluice::broker
