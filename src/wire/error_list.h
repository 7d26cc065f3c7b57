// The rows of errors.h: X(identifier, number, Kafka's name, retriable, text).
#pragma once

// clang-format off
#define SLUICE_KAFKA_ERRORS(X) \
  X(unknown_server_error, -1, "UNKNOWN_SERVER_ERROR", false, "the broker met an error that it has no code for") \
  X(none, 0, "NONE", false, "no error") \
  X(offset_out_of_range, 1, "OFFSET_OUT_OF_RANGE", false, "the offset lies outside what the broker holds of the partition") \
  X(corrupt_message, 2, "CORRUPT_MESSAGE", true, "the records fail their checksum or are malformed") \
  X(unknown_topic_or_partition, 3, "UNKNOWN_TOPIC_OR_PARTITION", true, "the broker does not host this partition") \
  X(invalid_fetch_size, 4, "INVALID_FETCH_SIZE", false, "the size to fetch is invalid") \
  X(leader_not_available, 5, "LEADER_NOT_AVAILABLE", true, "the partition has no leader at the moment") \
  X(not_leader_or_follower, 6, "NOT_LEADER_OR_FOLLOWER", true, "this broker does not lead the partition") \
  X(request_timed_out, 7, "REQUEST_TIMED_OUT", true, "the broker could not finish in the time the request allowed") \
  X(broker_not_available, 8, "BROKER_NOT_AVAILABLE", false, "the broker is not available") \
  X(replica_not_available, 9, "REPLICA_NOT_AVAILABLE", true, "this replica is not available") \
  X(message_too_large, 10, "MESSAGE_TOO_LARGE", false, "a batch is larger than the broker accepts") \
  X(stale_controller_epoch, 11, "STALE_CONTROLLER_EPOCH", false, "another controller has taken over") \
  X(offset_metadata_too_large, 12, "OFFSET_METADATA_TOO_LARGE", false, "the metadata beside the offset is too long") \
  X(network_exception, 13, "NETWORK_EXCEPTION", true, "the connection ended before the answer") \
  X(coordinator_load_in_progress, 14, "COORDINATOR_LOAD_IN_PROGRESS", true, "the coordinator is still loading its state") \
  X(coordinator_not_available, 15, "COORDINATOR_NOT_AVAILABLE", true, "the coordinator is not available") \
  X(not_coordinator, 16, "NOT_COORDINATOR", true, "this broker does not coordinate the group or transaction") \
  X(invalid_topic_exception, 17, "INVALID_TOPIC_EXCEPTION", false, "the topic's name is invalid or the operation is not allowed on it") \
  X(record_list_too_large, 18, "RECORD_LIST_TOO_LARGE", false, "the records are larger than a segment may be") \
  X(not_enough_replicas, 19, "NOT_ENOUGH_REPLICAS", true, "fewer replicas are in sync than the topic demands") \
  X(not_enough_replicas_after_append, 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true, "the records were written, to fewer replicas than the topic demands") \
  X(invalid_required_acks, 21, "INVALID_REQUIRED_ACKS", false, "acks must be -1, 0 or 1") \
  X(illegal_generation, 22, "ILLEGAL_GENERATION", false, "the group has moved on to another generation") \
  X(inconsistent_group_protocol, 23, "INCONSISTENT_GROUP_PROTOCOL", false, "the member and its group share no protocol") \
  X(invalid_group_id, 24, "INVALID_GROUP_ID", false, "the group id is invalid") \
  X(unknown_member_id, 25, "UNKNOWN_MEMBER_ID", false, "the coordinator does not know this member") \
  X(invalid_session_timeout, 26, "INVALID_SESSION_TIMEOUT", false, "the session timeout is outside the broker's bounds") \
  X(rebalance_in_progress, 27, "REBALANCE_IN_PROGRESS", false, "the group is rebalancing; the member must join again") \
  X(invalid_commit_offset_size, 28, "INVALID_COMMIT_OFFSET_SIZE", false, "the offset commit is too large") \
  X(topic_authorization_failed, 29, "TOPIC_AUTHORIZATION_FAILED", false, "not allowed to access the topic") \
  X(group_authorization_failed, 30, "GROUP_AUTHORIZATION_FAILED", false, "not allowed to access the group") \
  X(cluster_authorization_failed, 31, "CLUSTER_AUTHORIZATION_FAILED", false, "not allowed to act on the cluster") \
  X(invalid_timestamp, 32, "INVALID_TIMESTAMP", false, "a timestamp lies too far from the broker's clock") \
  X(unsupported_sasl_mechanism, 33, "UNSUPPORTED_SASL_MECHANISM", false, "the broker does not offer this SASL mechanism") \
  X(illegal_sasl_state, 34, "ILLEGAL_SASL_STATE", false, "the request does not fit the state of the SASL exchange") \
  X(unsupported_version, 35, "UNSUPPORTED_VERSION", false, "the broker does not speak this version of the API") \
  X(topic_already_exists, 36, "TOPIC_ALREADY_EXISTS", false, "a topic of this name exists") \
  X(invalid_partitions, 37, "INVALID_PARTITIONS", false, "the number of partitions is invalid") \
  X(invalid_replication_factor, 38, "INVALID_REPLICATION_FACTOR", false, "the replication factor is below 1 or above the number of brokers") \
  X(invalid_replica_assignment, 39, "INVALID_REPLICA_ASSIGNMENT", false, "the replica assignment is invalid") \
  X(invalid_config, 40, "INVALID_CONFIG", false, "a setting or its value is invalid") \
  X(not_controller, 41, "NOT_CONTROLLER", true, "this broker is not the controller") \
  X(invalid_request, 42, "INVALID_REQUEST", false, "the request contradicts itself or the protocol") \
  X(unsupported_for_message_format, 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false, "the log's message format does not allow the request") \
  X(policy_violation, 44, "POLICY_VIOLATION", false, "a policy of the broker refuses the request") \
  X(out_of_order_sequence_number, 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false, "a producer's sequence number does not follow the last one") \
  X(duplicate_sequence_number, 46, "DUPLICATE_SEQUENCE_NUMBER", false, "a producer's sequence number was already used") \
  X(invalid_producer_epoch, 47, "INVALID_PRODUCER_EPOCH", false, "a newer epoch of this producer exists") \
  X(invalid_txn_state, 48, "INVALID_TXN_STATE", false, "the operation does not fit the state of the transaction") \
  X(invalid_producer_id_mapping, 49, "INVALID_PRODUCER_ID_MAPPING", false, "the producer id does not belong to this transactional id") \
  X(invalid_transaction_timeout, 50, "INVALID_TRANSACTION_TIMEOUT", false, "the transaction timeout is above the broker's maximum") \
  X(concurrent_transactions, 51, "CONCURRENT_TRANSACTIONS", true, "another operation on the transaction is still running") \
  X(transaction_coordinator_fenced, 52, "TRANSACTION_COORDINATOR_FENCED", false, "the transaction coordinator has been replaced") \
  X(transactional_id_authorization_failed, 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false, "not allowed to use the transactional id") \
  X(security_disabled, 54, "SECURITY_DISABLED", false, "the broker has no security enabled") \
  X(operation_not_attempted, 55, "OPERATION_NOT_ATTEMPTED", false, "the operation was not tried, because another of the same request failed") \
  X(kafka_storage_error, 56, "KAFKA_STORAGE_ERROR", true, "the broker could not read or write its disk") \
  X(log_dir_not_found, 57, "LOG_DIR_NOT_FOUND", false, "the broker has no such log directory") \
  X(sasl_authentication_failed, 58, "SASL_AUTHENTICATION_FAILED", false, "authentication failed") \
  X(unknown_producer_id, 59, "UNKNOWN_PRODUCER_ID", false, "the broker no longer knows this producer") \
  X(reassignment_in_progress, 60, "REASSIGNMENT_IN_PROGRESS", false, "the partition is being reassigned") \
  X(delegation_token_auth_disabled, 61, "DELEGATION_TOKEN_AUTH_DISABLED", false, "delegation tokens are not enabled") \
  X(delegation_token_not_found, 62, "DELEGATION_TOKEN_NOT_FOUND", false, "the delegation token does not exist") \
  X(delegation_token_owner_mismatch, 63, "DELEGATION_TOKEN_OWNER_MISMATCH", false, "only its owner or renewer may change the delegation token") \
  X(delegation_token_request_not_allowed, 64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false, "delegation tokens cannot be requested over this connection") \
  X(delegation_token_authorization_failed, 65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", false, "not allowed to use the delegation token") \
  X(delegation_token_expired, 66, "DELEGATION_TOKEN_EXPIRED", false, "the delegation token has expired") \
  X(invalid_principal_type, 67, "INVALID_PRINCIPAL_TYPE", false, "the kind of principal is not supported") \
  X(non_empty_group, 68, "NON_EMPTY_GROUP", false, "the group still has members") \
  X(group_id_not_found, 69, "GROUP_ID_NOT_FOUND", false, "the group does not exist") \
  X(fetch_session_id_not_found, 70, "FETCH_SESSION_ID_NOT_FOUND", true, "the broker has dropped this fetch session") \
  X(invalid_fetch_session_epoch, 71, "INVALID_FETCH_SESSION_EPOCH", true, "the fetch session's epoch does not follow the last one") \
  X(listener_not_found, 72, "LISTENER_NOT_FOUND", true, "the leader has no listener of the kind used here") \
  X(topic_deletion_disabled, 73, "TOPIC_DELETION_DISABLED", false, "deleting topics is disabled") \
  X(fenced_leader_epoch, 74, "FENCED_LEADER_EPOCH", true, "the leader epoch of the request is older than the broker's") \
  X(unknown_leader_epoch, 75, "UNKNOWN_LEADER_EPOCH", true, "the leader epoch of the request is newer than the broker's") \
  X(unsupported_compression_type, 76, "UNSUPPORTED_COMPRESSION_TYPE", false, "the compression cannot be served to this version of the API") \
  X(stale_broker_epoch, 77, "STALE_BROKER_EPOCH", false, "the broker has registered anew") \
  X(offset_not_available, 78, "OFFSET_NOT_AVAILABLE", true, "the leader cannot tell offsets yet") \
  X(member_id_required, 79, "MEMBER_ID_REQUIRED", false, "the member must join again with the id that the coordinator gave it") \
  X(preferred_leader_not_available, 80, "PREFERRED_LEADER_NOT_AVAILABLE", true, "the preferred leader is not available") \
  X(group_max_size_reached, 81, "GROUP_MAX_SIZE_REACHED", false, "the group is full") \
  X(fenced_instance_id, 82, "FENCED_INSTANCE_ID", false, "another member uses this group.instance.id") \
  X(eligible_leaders_not_available, 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true, "no eligible leader is available") \
  X(election_not_needed, 84, "ELECTION_NOT_NEEDED", true, "no election is needed") \
  X(no_reassignment_in_progress, 85, "NO_REASSIGNMENT_IN_PROGRESS", false, "the partition is not being reassigned") \
  X(group_subscribed_to_topic, 86, "GROUP_SUBSCRIBED_TO_TOPIC", false, "the group is subscribed to the topic") \
  X(invalid_record, 87, "INVALID_RECORD", false, "a record was refused by the broker's validation") \
  X(unstable_offset_commit, 88, "UNSTABLE_OFFSET_COMMIT", true, "a transaction that holds the group's offsets is still open") \
  X(throttling_quota_exceeded, 89, "THROTTLING_QUOTA_EXCEEDED", true, "the quota is used up") \
  X(producer_fenced, 90, "PRODUCER_FENCED", false, "a newer producer of this transactional id exists") \
  X(resource_not_found, 91, "RESOURCE_NOT_FOUND", false, "the resource does not exist") \
  X(duplicate_resource, 92, "DUPLICATE_RESOURCE", false, "the request names a resource twice") \
  X(unacceptable_credential, 93, "UNACCEPTABLE_CREDENTIAL", false, "the credential does not meet the broker's demands") \
  X(inconsistent_voter_set, 94, "INCONSISTENT_VOTER_SET", false, "the peer is not among the expected voters") \
  X(invalid_update_version, 95, "INVALID_UPDATE_VERSION", false, "the feature version is invalid") \
  X(feature_update_failed, 96, "FEATURE_UPDATE_FAILED", false, "the feature versions could not be changed") \
  X(principal_deserialization_failure, 97, "PRINCIPAL_DESERIALIZATION_FAILURE", false, "the principal could not be read") \
  X(snapshot_not_found, 98, "SNAPSHOT_NOT_FOUND", false, "the snapshot does not exist") \
  X(position_out_of_range, 99, "POSITION_OUT_OF_RANGE", false, "the position lies outside the snapshot") \
  X(unknown_topic_id, 100, "UNKNOWN_TOPIC_ID", true, "the broker does not host a topic of this id") \
  X(duplicate_broker_registration, 101, "DUPLICATE_BROKER_REGISTRATION", false, "a broker of this id is already registered") \
  X(broker_id_not_registered, 102, "BROKER_ID_NOT_REGISTERED", false, "no broker of this id is registered") \
  X(inconsistent_topic_id, 103, "INCONSISTENT_TOPIC_ID", true, "the log belongs to another topic id of the same name") \
  X(inconsistent_cluster_id, 104, "INCONSISTENT_CLUSTER_ID", false, "the request is for another cluster") \
  X(transactional_id_not_found, 105, "TRANSACTIONAL_ID_NOT_FOUND", false, "the transactional id does not exist") \
  X(fetch_session_topic_id_error, 106, "FETCH_SESSION_TOPIC_ID_ERROR", true, "the fetch session mixes requests with and without topic ids") \
  X(ineligible_replica, 107, "INELIGIBLE_REPLICA", false, "a replica may not enter the in-sync set") \
  X(new_leader_elected, 108, "NEW_LEADER_ELECTED", false, "the partition changed, and has another leader now") \
  X(offset_moved_to_tiered_storage, 109, "OFFSET_MOVED_TO_TIERED_STORAGE", false, "the offset has moved to tiered storage") \
  X(fenced_member_epoch, 110, "FENCED_MEMBER_EPOCH", false, "the member's epoch is fenced; it must give up its partitions and join again") \
  X(unreleased_instance_id, 111, "UNRELEASED_INSTANCE_ID", false, "the group.instance.id is still in use") \
  X(unsupported_assignor, 112, "UNSUPPORTED_ASSIGNOR", false, "the group does not support this assignor") \
  X(stale_member_epoch, 113, "STALE_MEMBER_EPOCH", false, "the member's epoch is old; it must wait for its next heartbeat") \
  X(mismatched_endpoint_type, 114, "MISMATCHED_ENDPOINT_TYPE", false, "the request was sent to the wrong kind of listener") \
  X(unsupported_endpoint_type, 115, "UNSUPPORTED_ENDPOINT_TYPE", false, "this kind of listener is not supported") \
  X(unknown_controller_id, 116, "UNKNOWN_CONTROLLER_ID", false, "the controller id is unknown") \
  X(unknown_subscription_id, 117, "UNKNOWN_SUBSCRIPTION_ID", false, "the telemetry subscription is unknown or old") \
  X(telemetry_too_large, 118, "TELEMETRY_TOO_LARGE", false, "the telemetry is larger than the broker accepts") \
  X(invalid_registration, 119, "INVALID_REGISTRATION", false, "the controller refused the registration") \
  X(transaction_abortable, 120, "TRANSACTION_ABORTABLE", false, "the transaction failed; aborting it allows the producer to go on") \
  X(invalid_record_state, 121, "INVALID_RECORD_STATE", false, "the record's state does not allow the acknowledgement") \
  X(share_session_not_found, 122, "SHARE_SESSION_NOT_FOUND", true, "the share session does not exist") \
  X(invalid_share_session_epoch, 123, "INVALID_SHARE_SESSION_EPOCH", true, "the share session's epoch is invalid") \
  X(fenced_state_epoch, 124, "FENCED_STATE_EPOCH", false, "the share group's state epoch is old") \
  X(invalid_voter_key, 125, "INVALID_VOTER_KEY", false, "the voter's key does not match the replica's") \
  X(duplicate_voter, 126, "DUPLICATE_VOTER", false, "the voter is already in the set") \
  X(voter_not_found, 127, "VOTER_NOT_FOUND", false, "the voter is not in the set") \
  X(invalid_regular_expression, 128, "INVALID_REGULAR_EXPRESSION", false, "the regular expression is invalid") \
  X(rebootstrap_required, 129, "REBOOTSTRAP_REQUIRED", false, "the client's view of the cluster is too old; it must start from its bootstrap servers") \
  X(streams_invalid_topology, 130, "STREAMS_INVALID_TOPOLOGY", false, "the streams topology is invalid") \
  X(streams_invalid_topology_epoch, 131, "STREAMS_INVALID_TOPOLOGY_EPOCH", false, "the streams topology's epoch is invalid") \
  X(streams_topology_fenced, 132, "STREAMS_TOPOLOGY_FENCED", false, "the streams topology is fenced") \
  X(share_session_limit_reached, 133, "SHARE_SESSION_LIMIT_REACHED", true, "the broker holds as many share sessions as it may")
// clang-format on
