// Produce v3-13: appends one batch a partition, stored as the producer sent it, unless compression.type asks
// for another codec: then its records are compressed anew (which occupies the loop).
//
// acks=-1 is answered when the batch is durable (group commit), acks=1 when it is written, acks=0 never;
// whatever was asked for, nothing is visible before it is durable (X14). Idempotent producers' repeated
// batches get their first offset again (KIP-98). v13 names topics by id (KIP-516).
//
// The first batch of a transaction in a partition waits for its coordinator: v12 and later take the partition
// into the transaction, durably (KIP-890 part 2); before, it must have been taken in by AddPartitionsToTxn,
// else TRANSACTION_ABORTABLE (v11) or INVALID_TXN_STATE. Errors per partition:
//   TOPIC_AUTHORIZATION_FAILED (write is needed) · UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
//   INVALID_TOPIC_EXCEPTION (an internal topic) · INVALID_REQUIRED_ACKS · CORRUPT_MESSAGE, MESSAGE_TOO_LARGE,
//   INVALID_RECORD, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE · OUT_OF_ORDER_SEQUENCE_NUMBER,
//   INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING, CONCURRENT_TRANSACTIONS (before
//   v12 NOT_ENOUGH_REPLICAS, which old clients send again) · TRANSACTIONAL_ID_AUTHORIZATION_FAILED
//   (transactional batches without a transactional id, or without the right to write as it) ·
//   KAFKA_STORAGE_ERROR (disk full, sync failed, partition halted) · REQUEST_TIMED_OUT
// With acks=0 an error ends the connection: it is the only way to tell.
#include <fmt/format.h>

#include <algorithm>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/produce_transaction.h"
#include "broker/kafka_error.h"
#include "record/batch.h"
#include "record/validate.h"
#include "wire/generated/produce_request.h"
#include "wire/generated/produce_response.h"

namespace sluice::broker {

using wire::ErrorCode;
using PartitionAnswer = wire::ProduceResponse::PartitionProduceResponse;

/// A Produce that waits for the disk.
struct PendingProduce {
  struct Waiting {
    std::size_t topic_at = 0;
    std::size_t partition_at = 0;
    bool is_over = false;
  };

  RequestPtr request;
  wire::ProduceResponse response;
  std::vector<Waiting> partitions;  ///< that were appended to, and whether they are durable yet
  std::size_t waiting = 0;          ///< those that are not
  bool answered = false;
  env::Instant deadline{};
  std::list<std::shared_ptr<PendingProduce>>::iterator place;  ///< in Core::pending_produces
  bool is_listed = false;

  PartitionAnswer& answer_of(const Waiting& partition) {
    return response.responses[partition.topic_at].partition_responses[partition.partition_at];
  }
};

namespace {

constexpr std::int16_t zstd_version_min = 7;
constexpr std::int16_t topic_id_version_min = 13;
constexpr std::string_view admin_client_id = "__admin_client";  // Kafka's own exception for internal topics

struct Appending {
  Core& core;
  const RequestPtr& request;
  std::int16_t acks;
  std::int64_t now_ms;
  const TransactionVerdict& verdict;
};

/// How far a batch came that was not appended.
struct Refusal {
  bool reached_log = false;
  std::vector<record::RecordError> record_errors;
};

// As Kafka, the log's start is told where the log has looked at the records and its own state.
void set_error(PartitionAnswer& out, const Error& error, Partition& partition, const Refusal& refusal) {
  const ErrorCode code = code_of(error);
  out.error_code = wire::number(code);
  out.base_offset = -1;
  out.error_message = error.message;
  for (const record::RecordError& wrong : refusal.record_errors)
    out.record_errors.push_back({wrong.index, wrong.message});
  if (refusal.reached_log && partition.is_online() && code != ErrorCode::corrupt_message &&
      code != ErrorCode::message_too_large && code != ErrorCode::kafka_storage_error)
    out.log_start_offset = partition.log()->log_start_offset().value;
}

Result<MutableBytes> recompress(Core& core, const record::BatchView& batch, const TopicSettings& settings) {
  const BytesView plain = SLUICE_TRY(core.decompressor.records(batch));
  const MutableBytes anew =
      SLUICE_TRY(core.rewriter.recompress(batch, plain, *settings.codec, settings.compression_level));
  if (anew.size() <= static_cast<std::size_t>(settings.message_bytes_max)) return anew;
  return refuse(ErrorCode::message_too_large,
                fmt::format("a batch was not stored: as compression.type asks it would take {} bytes, "
                            "max.message.bytes is {}",
                            anew.size(), settings.message_bytes_max));
}

bool begins_below_zero(BytesView records) {
  return !records.empty() && static_cast<std::int8_t>(records.front()) < 0;  // the base offset comes first
}

Result<log::Appended> append(const Appending& a, const Topic& topic, Partition& partition,
                             MutableBytes records, Refusal& refusal, std::int64_t& log_append_time_ms) {
  refusal.reached_log = begins_below_zero(records);  // Kafka leaves that to the log
  const record::BatchView parsed = SLUICE_TRY(record::parse_produced(records, false));
  refusal.reached_log = false;
  if (parsed.codec() == record::Codec::zstd && a.request->version() < zstd_version_min)
    return refuse(ErrorCode::unsupported_compression_type, "zstd needs Produce version 7");
  if (parsed.is_transactional() && partition.is_online()) SLUICE_TRY(a.verdict.check(partition.id()));
  if (a.acks < -1 || a.acks > 1) return refuse(ErrorCode::invalid_required_acks, "acks is -1, 0 or 1");
  if (topic.is_internal() && a.request->client_id() != admin_client_id)
    return refuse(ErrorCode::invalid_topic_exception, "clients do not write to this topic");
  if (!partition.is_online()) return refuse(ErrorCode::kafka_storage_error, "the partition is offline");
  refusal.reached_log = true;
  record::ValidateOptions options;
  options.batch_bytes_max = static_cast<std::size_t>(topic.settings.message_bytes_max);
  options.compacted = topic.settings.compacts;
  options.log_append_time = topic.settings.log_append_time;
  options.now_ms = a.now_ms;
  options.timestamp_before_ms_max = topic.settings.timestamp_before_max_ms;
  options.timestamp_after_ms_max = topic.settings.timestamp_after_max_ms;
  options.record_errors = &refusal.record_errors;
  const record::Validated validated = SLUICE_TRY(record::validate(records, options, a.core.decompressor));
  log_append_time_ms = validated.log_append_time_ms;
  const TopicSettings& settings = topic.settings;
  if (settings.codec && *settings.codec != parsed.codec())
    records = SLUICE_TRY(recompress(a.core, parsed, settings));
  const bool is_version_2 = parsed.is_transactional() && a.request->version() >= implicit_version_min;
  return partition.append(records, a.now_ms, is_version_2 ? log::Origin::client_v2 : log::Origin::client);
}

void finish(Core& core, PendingProduce& pending) {
  pending.answered = true;
  if (pending.is_listed) core.pending_produces.erase(pending.place);
  pending.is_listed = false;
}

void wait_for_disk(Core& core, const std::shared_ptr<PendingProduce>& pending, const PartitionPtr& partition,
                   Offset end, std::size_t topic_at, std::size_t partition_at) {
  ++pending->waiting;
  const std::size_t at = pending->partitions.size();
  pending->partitions.push_back({topic_at, partition_at, false});
  partition->when_durable(end, [&core, pending, at](ErrorCode error) {
    if (pending->answered) return;
    pending->partitions[at].is_over = true;
    if (error != ErrorCode::none) {
      PartitionAnswer& out = pending->answer_of(pending->partitions[at]);
      out.error_code = wire::number(error);
      out.base_offset = -1;
      out.error_message = "the records were not made durable";
    }
    if (--pending->waiting > 0) return;
    const auto self = pending;  // finish() may drop the last other reference
    finish(core, *self);
    self->request->answer(self->response);
  });
}

// Appends what one partition got; where it has to be waited for, `pending` counts one more.
void produce_partition(const Appending& a, const Topic* topic, ErrorCode unknown, std::int32_t index,
                       MutableBytes records, const std::shared_ptr<PendingProduce>& pending, bool& failed) {
  auto& answers = pending->response.responses.back().partition_responses;
  PartitionAnswer& out = answers.emplace_back();
  out.index = index;
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
  if (partition == nullptr) {
    failed = true;
    out.base_offset = -1;
    out.error_code = wire::number(topic == nullptr ? unknown : ErrorCode::unknown_topic_or_partition);
    return;
  }
  std::int64_t log_append_time_ms = -1;
  Refusal refusal;
  const auto appended = append(a, *topic, *partition, records, refusal, log_append_time_ms);
  if (!appended) {
    failed = true;
    set_error(out, appended.error(), *partition, refusal);
    if (partition->is_online() && partition->log()->poisoned()) a.core.syncer->add(partition);
    return;
  }
  out.base_offset = appended->range.begin.value;
  out.log_append_time_ms = log_append_time_ms;
  out.log_start_offset = partition->log()->log_start_offset().value;
  if (partition->log()->needs_sync()) a.core.syncer->add(partition);
  if (a.acks == -1) {
    const std::size_t topic_at = pending->response.responses.size() - 1;
    wait_for_disk(a.core, pending, partition, appended->range.end, topic_at, answers.size() - 1);
  }
}

void refuse_all(const RequestPtr& request, const wire::ProduceRequest& asked, ErrorCode error) {
  if (asked.acks == 0) return request->close("a Produce with acks=0 failed, which has no answer");
  wire::ProduceResponse response;
  for (const auto& topic : asked.topic_data) {
    auto& out = response.responses.emplace_back();
    out.name = topic.name;
    out.topic_id = topic.topic_id;
    for (const auto& data : topic.partition_data) {
      PartitionAnswer& partition = out.partition_responses.emplace_back();
      partition.index = data.index;
      partition.base_offset = -1;
      partition.error_code = wire::number(error);
    }
  }
  request->answer(response);
}

// `batches`: the records of each partition in the order of `asked`, to be patched in place.
void produce(Core& core, const RequestPtr& request, const wire::ProduceRequest& asked,
             std::span<const MutableBytes> batches, const TransactionVerdict& verdict) {
  const Appending a{core, request, asked.acks, core.env.clock->wall_ms(), verdict};
  const bool by_id = request->version() >= topic_id_version_min;
  auto pending = std::make_shared<PendingProduce>();
  pending->request = request;
  ++pending->waiting;  // so that no partition answers for all before all are appended
  bool failed = false;
  std::size_t next_batch = 0;
  for (const auto& topic_data : asked.topic_data) {
    const Topic* topic = by_id ? core.topics->find(topic_data.topic_id) : core.topics->find(topic_data.name);
    auto& out = pending->response.responses.emplace_back();
    out.name = topic_data.name;
    out.topic_id = topic_data.topic_id;
    ErrorCode unknown = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
    const std::string* name = topic != nullptr ? &topic->name : by_id ? nullptr : &topic_data.name;
    if (name != nullptr && !may_topic(core, *request, AclOperation::write, *name)) {
      unknown = ErrorCode::topic_authorization_failed;  // whether it is there is not told
      topic = nullptr;
    }
    for (const auto& data : topic_data.partition_data)
      produce_partition(a, topic, unknown, data.index, batches[next_batch++], pending, failed);
  }
  --pending->waiting;
  if (asked.acks == 0) {
    if (failed) return request->close("a Produce with acks=0 failed, which has no answer");
    return request->answer_nothing();
  }
  if (pending->waiting == 0) {
    pending->answered = true;
    return request->answer(pending->response);
  }
  pending->deadline = core.loop.now() + std::chrono::milliseconds(std::max(asked.timeout_ms, 0));
  pending->place = core.pending_produces.insert(core.pending_produces.end(), pending);
  pending->is_listed = true;
  request->let_others_pass();
}

// A Produce whose transaction's coordinator has to write first: the frame is gone by then.
struct KeptProduce {
  wire::ProduceRequest asked;  ///< its records point into the frame: not to be looked at
  std::vector<Bytes> owned;
  std::vector<MutableBytes> batches;
};

std::shared_ptr<KeptProduce> keep(wire::ProduceRequest asked, std::span<const MutableBytes> batches) {
  auto kept = std::make_shared<KeptProduce>();
  kept->asked = std::move(asked);
  kept->owned.reserve(batches.size());
  for (const MutableBytes batch : batches)
    kept->batches.emplace_back(kept->owned.emplace_back(to_owned(batch)));
  return kept;
}

void produce_in_transaction(Core& core, const RequestPtr& request, wire::ProduceRequest asked,
                            std::span<const MutableBytes> batches, TransactionPart part) {
  if (!asked.transactional_id ||
      !may_transactional_id(core, *request, AclOperation::write, *asked.transactional_id))
    return refuse_all(request, asked, ErrorCode::transactional_id_authorization_failed);
  if (part.has_several_producers) return refuse_all(request, asked, ErrorCode::invalid_producer_id_mapping);
  if (part.unknown.empty()) return produce(core, request, asked, batches, TransactionVerdict{});
  if (request->version() < implicit_version_min) {
    const auto verdict = TransactionVerdict::verify(core, *asked.transactional_id, part, request->version());
    return produce(core, request, asked, batches, verdict);
  }
  const std::string id = *asked.transactional_id;
  const auto kept = keep(std::move(asked), batches);
  core.transactions->add_patiently(id, part.producer, part.unknown,
                                   [&core, request, kept, part](ErrorCode error) {
                                     produce(core, request, kept->asked, kept->batches,
                                             TransactionVerdict::of_all(part, error, request->version()));
                                   });
}

}  // namespace

void handle_produce(Core& core, const RequestPtr& request) {
  wire::ProduceRequest asked;
  if (!request->decode(asked)) return;
  const bool by_id = request->version() >= topic_id_version_min;
  std::vector<MutableBytes> batches;
  TransactionPart part;
  for (const auto& topic_data : asked.topic_data) {
    const Topic* topic = by_id ? core.topics->find(topic_data.topic_id) : core.topics->find(topic_data.name);
    for (const auto& data : topic_data.partition_data) {
      const BytesView records = data.records.value_or(BytesView{});
      batches.push_back(records.empty() ? MutableBytes{} : request->writable(records));
      // A partition that may not be written to is refused below, and is no part of the transaction.
      const bool allowed = topic != nullptr && may_topic(core, *request, AclOperation::write, topic->name);
      part.look_at(allowed ? topic->partition(data.index) : nullptr, records);
    }
  }
  if (part.is_there) return produce_in_transaction(core, request, std::move(asked), batches, std::move(part));
  produce(core, request, asked, batches, TransactionVerdict{});
}

void expire_produces(Core& core) {
  const env::Instant now = core.loop.now();
  const auto listed = core.pending_produces;  // answering changes the list
  for (const auto& pending : listed) {
    if (pending->answered || pending->deadline > now) continue;
    for (const PendingProduce::Waiting& partition : pending->partitions) {
      if (partition.is_over) continue;
      PartitionAnswer& out = pending->answer_of(partition);
      out.error_code = wire::number(ErrorCode::request_timed_out);
      out.base_offset = -1;
    }
    finish(core, *pending);
    pending->request->answer(pending->response);
  }
}

}  // namespace sluice::broker
