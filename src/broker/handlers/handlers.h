// The handlers, one file each. A handler decodes, acts, and answers its request once, now or later.
#pragma once

#include "broker/core.h"
#include "broker/request.h"

namespace sluice::broker {

void handle_produce(Core& core, const RequestPtr& request);
void handle_fetch(Core& core, const RequestPtr& request);
void handle_list_offsets(Core& core, const RequestPtr& request);
void handle_metadata(Core& core, const RequestPtr& request);
void handle_offset_commit(Core& core, const RequestPtr& request);
void handle_offset_fetch(Core& core, const RequestPtr& request);
void handle_find_coordinator(Core& core, const RequestPtr& request);
void handle_join_group(Core& core, const RequestPtr& request);
void handle_heartbeat(Core& core, const RequestPtr& request);
void handle_leave_group(Core& core, const RequestPtr& request);
void handle_sync_group(Core& core, const RequestPtr& request);
void handle_describe_groups(Core& core, const RequestPtr& request);
void handle_list_groups(Core& core, const RequestPtr& request);
void handle_sasl_handshake(Core& core, const RequestPtr& request);
void handle_api_versions(Core& core, const RequestPtr& request);
void handle_create_topics(Core& core, const RequestPtr& request);
void handle_delete_topics(Core& core, const RequestPtr& request);
void handle_delete_records(Core& core, const RequestPtr& request);
void handle_init_producer_id(Core& core, const RequestPtr& request);
void handle_offset_for_leader_epoch(Core& core, const RequestPtr& request);
void handle_add_partitions_to_txn(Core& core, const RequestPtr& request);
void handle_add_offsets_to_txn(Core& core, const RequestPtr& request);
void handle_end_txn(Core& core, const RequestPtr& request);
void handle_write_txn_markers(Core& core, const RequestPtr& request);
void handle_txn_offset_commit(Core& core, const RequestPtr& request);
void handle_describe_acls(Core& core, const RequestPtr& request);
void handle_create_acls(Core& core, const RequestPtr& request);
void handle_delete_acls(Core& core, const RequestPtr& request);
void handle_describe_configs(Core& core, const RequestPtr& request);
void handle_alter_configs(Core& core, const RequestPtr& request);
void handle_alter_replica_log_dirs(Core& core, const RequestPtr& request);
void handle_describe_log_dirs(Core& core, const RequestPtr& request);
void handle_sasl_authenticate(Core& core, const RequestPtr& request);
void handle_create_partitions(Core& core, const RequestPtr& request);
void handle_create_delegation_token(Core& core, const RequestPtr& request);
void handle_renew_delegation_token(Core& core, const RequestPtr& request);
void handle_expire_delegation_token(Core& core, const RequestPtr& request);
void handle_describe_delegation_token(Core& core, const RequestPtr& request);
void handle_delete_groups(Core& core, const RequestPtr& request);
void handle_elect_leaders(Core& core, const RequestPtr& request);
void handle_incremental_alter_configs(Core& core, const RequestPtr& request);
void handle_alter_partition_reassignments(Core& core, const RequestPtr& request);
void handle_list_partition_reassignments(Core& core, const RequestPtr& request);
void handle_offset_delete(Core& core, const RequestPtr& request);
void handle_describe_client_quotas(Core& core, const RequestPtr& request);
void handle_alter_client_quotas(Core& core, const RequestPtr& request);
void handle_describe_user_scram_credentials(Core& core, const RequestPtr& request);
void handle_alter_user_scram_credentials(Core& core, const RequestPtr& request);
void handle_update_features(Core& core, const RequestPtr& request);
void handle_describe_cluster(Core& core, const RequestPtr& request);
void handle_describe_producers(Core& core, const RequestPtr& request);
void handle_describe_transactions(Core& core, const RequestPtr& request);
void handle_list_transactions(Core& core, const RequestPtr& request);
void handle_consumer_group_heartbeat(Core& core, const RequestPtr& request);
void handle_consumer_group_describe(Core& core, const RequestPtr& request);
void handle_list_config_resources(Core& core, const RequestPtr& request);
void handle_describe_topic_partitions(Core& core, const RequestPtr& request);

/// The produces whose clients' time is over get their answer (called now and then).
void expire_produces(Core& core);

}  // namespace sluice::broker
