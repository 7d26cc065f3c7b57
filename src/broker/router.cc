#include "broker/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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
    Route{api_versions_key, handle_api_versions},
    Route{19, handle_create_topics},
    Route{20, handle_delete_topics},
    Route{21, handle_delete_records},
    Route{22, handle_init_producer_id},
    Route{23, handle_offset_for_leader_epoch},
    Route{32, handle_describe_configs},
    Route{37, handle_create_partitions},
    Route{42, handle_delete_groups},
    Route{44, handle_incremental_alter_configs},
    Route{47, handle_offset_delete},
    Route{60, handle_describe_cluster},
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
  found->handle(core, request);
}

}  // namespace sluice::broker
