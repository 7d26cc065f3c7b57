#include "broker/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

#include "base/edit_distance.h"
#include "broker/config_names.h"

namespace sluice::broker {
namespace {

constexpr std::int64_t i32_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t i64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t minute_ms = 60'000;

constexpr ServerProperty boolean(std::string_view name, const char* value, std::string_view doc) {
  return {name, ValueType::boolean, value, 0, 0, {}, false, doc};
}
constexpr ServerProperty int32(std::string_view name, const char* value, std::int64_t min,
                               std::string_view doc, std::int64_t max = i32_max) {
  return {name, ValueType::int32, value, min, max, {}, false, doc};
}
constexpr ServerProperty int64(std::string_view name, const char* value, std::int64_t min,
                               std::string_view doc) {
  return {name, ValueType::int64, value, min, i64_max, {}, false, doc};
}
constexpr ServerProperty float64(std::string_view name, const char* value, std::string_view doc,
                                 double max = std::numeric_limits<double>::max()) {
  return {name, ValueType::float64, value, 0, 0, {}, false, doc, max};
}
constexpr ServerProperty words(std::string_view name, const char* value, std::string_view choices,
                               std::string_view doc) {
  return {name, ValueType::list, value, 0, 0, choices, false, doc};
}
constexpr ServerProperty choice(std::string_view name, const char* value, std::string_view choices,
                                std::string_view doc) {
  return {name, ValueType::text, value, 0, 0, choices, false, doc};
}
constexpr ServerProperty text(std::string_view name, const char* value, std::string_view doc) {
  return {name, ValueType::text, value, 0, 0, {}, false, doc};
}
constexpr ServerProperty list(std::string_view name, const char* value, std::string_view doc) {
  return {name, ValueType::list, value, 0, 0, {}, false, doc};
}
constexpr ServerProperty secret(std::string_view name, std::string_view doc) {
  return {name, ValueType::password, nullptr, 0, 0, {}, false, doc};
}
constexpr ServerProperty shown(std::string_view name, ValueType type, const char* value,
                               std::string_view doc) {
  return {name, type, value, std::numeric_limits<std::int64_t>::min(), i64_max, {}, true, doc};
}

// Names and defaults are Apache Kafka 4.3's. What is not here does nothing in this broker and is refused.
constexpr std::array table{
    int32("add.partitions.to.txn.retry.backoff.max.ms", "100", 0,
          "How long the first records of a transaction wait for the end of the last one."),
    list("advertised.listeners", nullptr, "What clients of each listener are told; else where it listens."),
    boolean("allow.everyone.if.no.acl.found", "false", "What holds for a resource without access rules."),
    choice("authorizer.class.name", "", "|org.apache.kafka.metadata.authorizer.StandardAuthorizer",
           "Set: access rules are obeyed. Empty: everybody may do everything."),
    boolean("auto.create.topics.enable", "true", "Metadata for a missing topic makes it."),
    ServerProperty{"compression.gzip.level", ValueType::int32, "-1", -1, 9, "-1|1|2|3|4|5|6|7|8|9", false,
                   "How hard the broker compresses with gzip, 1 to 9; -1: gzip's own choice."},
    int32("compression.lz4.level", "9", 1,
          "How hard the broker compresses with lz4; 9: its fast mode, as in Kafka; more than 12 is 12.", 17),
    choice("compression.type", "producer", "uncompressed|zstd|lz4|snappy|gzip|producer",
           "What batches are compressed with; producer: they are stored as they came."),
    int32("compression.zstd.level", "3", -131072, "How hard the broker compresses with zstd.", 22),
    int32("connection.failed.authentication.delay.ms", "100", 0,
          "How long a connection whose authentication failed stays open."),
    int64("connections.max.reauth.ms", "0", 0,
          "After this time a SASL client has to authenticate again; 0: never."),
    list("controller.listener.names", nullptr,
         "Listeners that are left out: there is no controller to talk to."),
    int32("default.replication.factor", "1", 1, "Replicas of a topic that does not say; only 1 can be had.",
          32767),
    text("listener.security.protocol.map",
         "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
         "The protocol of each listener's name."),
    secret("plain.sasl.jaas.config", "The users of PLAIN: user_NAME=\"PASSWORD\" each."),
    list("sasl.enabled.mechanisms", "GSSAPI", "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are there."),
    int32("sasl.server.max.receive.size", "524288", 1,
          "The most bytes of a request before the client has authenticated."),
    list("ssl.cipher.suites", "", "TLS 1.3 suites, or OpenSSL's names of others; empty: OpenSSL's choice."),
    choice("ssl.client.auth", "none", "none|requested|required", "Whether clients show a certificate."),
    list("ssl.enabled.protocols", "TLSv1.2,TLSv1.3", "The versions of TLS."),
    secret("ssl.key.password", "Of an encrypted private key."),
    secret("ssl.keystore.certificate.chain", "The certificate and its chain, as PEM text."),
    secret("ssl.keystore.key", "The private key, as PEM text."),
    text("ssl.keystore.location", nullptr, "A PEM file with private key, certificate and chain."),
    text("ssl.keystore.type", "JKS", "Only PEM can be read."),
    secret("ssl.truststore.certificates", "The certificates that are trusted, as PEM text."),
    text("ssl.truststore.location", nullptr, "A PEM file with the certificates that are trusted."),
    text("ssl.truststore.type", "JKS", "Only PEM can be read."),
    text("super.users", nullptr, "Users for whom no access rules hold: User:NAME;User:NAME."),
    int64("connections.max.idle.ms", "600000", 1, "A connection without a request for so long is closed."),
    boolean("delete.topic.enable", "true", "DeleteTopics is answered."),
    int32("fetch.max.bytes", "57671680", 1024, "The most record bytes of one Fetch answer."),
    int32("group.consumer.assignment.interval.ms", "1000", 0,
          "The shortest time between two target assignments of a consumer group."),
    ServerProperty{"group.consumer.assignors", ValueType::list, "uniform,range", 0, 0,
                   "uniform,range|range,uniform|uniform|range", false,
                   "The assignors members may ask for; the first is the default."},
    int32("group.consumer.heartbeat.interval.ms", "5000", 1, "How often members of consumer groups report."),
    int32("group.consumer.max.size", "2147483647", 1, "The most members of one consumer group."),
    choice("group.consumer.migration.policy", "bidirectional", "bidirectional|upgrade|downgrade|disabled",
           "Which ways groups with members go between the classic and the consumer protocol."),
    int32("group.consumer.regex.refresh.interval.ms", "600000", 10'000,
          "How often it is looked anew which topics the patterns of a consumer group mean."),
    int32("group.consumer.session.timeout.ms", "45000", 1,
          "How long a member of a consumer group may be silent."),
    int32("group.initial.rebalance.delay.ms", "3000", 0,
          "How long an empty group waits for more members at its first join."),
    int32("group.max.session.timeout.ms", "1800000", 1, "The longest session time-out a member may ask for."),
    int32("group.max.size", "2147483647", 1, "The most members of one group."),
    int32("group.min.session.timeout.ms", "6000", 1, "The shortest session time-out a member may ask for."),
    list("listeners", nullptr, "Where the broker listens: NAME://HOST:PORT each. Not set: --listen."),
    int64("log.cleaner.backoff.ms", "15000", 0, "How long compaction waits where there is nothing to do."),
    int64("log.cleaner.dedupe.buffer.size", "134217728", 1024 * 1024,
          "Memory for the keys of one round of compaction."),
    int64("log.cleaner.delete.retention.ms", "86400000", 0,
          "How long a tombstone stays after the round of compaction that first saw it."),
    boolean("log.cleaner.enable", "true", "Topics with cleanup.policy=compact are compacted."),
    float64("log.cleaner.io.buffer.load.factor", "0.9", "How full the memory for keys may get."),
    int32("log.cleaner.io.buffer.size", "524288", 4096, "Bytes that compaction reads at a time."),
    float64("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308",
            "The most that compaction reads and writes a second, on average."),
    int64("log.cleaner.max.compaction.lag.ms", "9223372036854775807", 1,
          "How long a record may stay before it must be compacted."),
    float64("log.cleaner.min.cleanable.ratio", "0.5",
            "The part of a log that must not be compacted yet for a round to begin.", 1),
    int64("log.cleaner.min.compaction.lag.ms", "0", 0, "How long a record stays before it may be compacted."),
    words("log.cleanup.policy", "delete", "compact|delete",
          "Old segments are deleted; or of each key the newest record is kept; or both."),
    shown("log.dirs", ValueType::list, nullptr, "Where the data lies; follows from --data-dir."),
    int32("log.index.interval.bytes", "4096", 0, "Log bytes between two index entries."),
    int32("log.index.size.max.bytes", "10485760", 4, "The most bytes of one index file."),
    int64("log.message.timestamp.after.max.ms", "3600000", 0,
          "How far a record's timestamp may lie after the broker's clock."),
    int64("log.message.timestamp.before.max.ms", "9223372036854775807", 0,
          "How far a record's timestamp may lie before the broker's clock."),
    choice("log.message.timestamp.type", "CreateTime", "CreateTime|LogAppendTime",
           "Whose clock a record's timestamp is."),
    int64("log.retention.bytes", "-1", -1, "Bytes of one partition above which old segments are deleted."),
    int64("log.retention.check.interval.ms", "300000", 1, "How often retention looks at the segments."),
    int32("log.retention.hours", "168", -1, "As log.retention.ms, in hours."),
    int32("log.retention.minutes", nullptr, -1, "As log.retention.ms, in minutes."),
    int64("log.retention.ms", nullptr, -1, "Age at which a segment is deleted; -1: never."),
    int32("log.roll.hours", "168", 1, "As log.roll.ms, in hours."),
    int32("log.roll.jitter.hours", "0", 0, "As log.roll.jitter.ms, in hours."),
    int64("log.roll.jitter.ms", nullptr, 0, "By how much log.roll.ms is shortened, at random, at most."),
    int64("log.roll.ms", nullptr, 1, "Age at which the active segment is closed."),
    int32("log.segment.bytes", "1073741824", 1024 * 1024, "Size at which the active segment is closed."),
    int64("log.segment.delete.delay.ms", "60000", 0,
          "How long the files of a deleted segment stay after they were renamed."),
    int32("max.connections", "2147483647", 0, "The most connections at a time."),
    int32("max.connections.per.ip", "2147483647", 0, "The most connections from one address at a time."),
    int32("max.incremental.fetch.session.cache.slots", "1000", 0, "The most fetch sessions kept."),
    int32("message.max.bytes", "1048588", 0, "The most bytes of one record batch."),
    int32("min.insync.replicas", "1", 1, "No more are asked for than there are, which is one."),
    int32("node.id", "1", 0, "The id clients see."),
    int32("num.partitions", "1", 1, "Partitions of a topic that does not say.", 100'000),
    int32("offset.metadata.max.bytes", "4096", 0, "The most bytes of a committed offset's metadata."),
    int64("offsets.retention.check.interval.ms", "600000", 1, "How often expired offsets are looked for."),
    int32("offsets.retention.minutes", "10080", 1, "How long an empty group's offsets are kept."),
    int32("offsets.topic.num.partitions", "50", 1, "Partitions of __consumer_offsets.", 10'000),
    int32("offsets.topic.segment.bytes", "104857600", 1024 * 1024,
          "segment.bytes of __consumer_offsets, when it is made."),
    int32("producer.id.expiration.ms", "86400000", 1,
          "How long an idle producer's sequence numbers are kept."),
    int64("queued.max.request.bytes", "-1", -1,
          "Memory for requests that are being read; -1: twice socket.request.max.bytes."),
    choice("sluice.retention.time", "append", "append|record",
           "What a segment's age is counted from for retention.ms: its last append, in time that the broker "
           "ran; or, "
           "as in Apache Kafka, its largest record timestamp, by the wall clock."),
    int32("socket.request.max.bytes", "104857600", 1, "The most bytes of one request."),
    int32("transaction.abort.timed.out.transaction.cleanup.interval.ms", "10000", 1,
          "How often transactions that are open for too long are looked for."),
    int32("transaction.max.timeout.ms", "900000", 1,
          "The longest time-out a transactional producer may ask for."),
    boolean("transaction.partition.verification.enable", "true",
            "Records of older clients are checked against the transaction before they are stored."),
    int32("transaction.remove.expired.transaction.cleanup.interval.ms", "3600000", 1,
          "How often unused transactional ids are looked for."),
    int32("transaction.state.log.num.partitions", "50", 1, "Partitions of __transaction_state.", 10'000),
    int32("transaction.state.log.segment.bytes", "104857600", 1024 * 1024,
          "segment.bytes of __transaction_state, when it is made."),
    int32("transactional.id.expiration.ms", "604800000", 1, "How long an unused transactional id is kept."),
};

constexpr std::array topic_table{
    TopicProperty{"cleanup.policy", "log.cleanup.policy", {}, {}},
    TopicProperty{"compression.gzip.level", "compression.gzip.level", {}, {}},
    TopicProperty{"compression.lz4.level", "compression.lz4.level", {}, {}},
    TopicProperty{"compression.type", "compression.type", {}, {}},
    TopicProperty{"compression.zstd.level", "compression.zstd.level", {}, {}},
    TopicProperty{"delete.retention.ms", "log.cleaner.delete.retention.ms", {}, {}},
    TopicProperty{"file.delete.delay.ms", "log.segment.delete.delay.ms", {}, {}},
    TopicProperty{"index.interval.bytes", "log.index.interval.bytes", {}, {}},
    TopicProperty{"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", {}, {}},
    TopicProperty{"max.message.bytes", "message.max.bytes", {}, {}},
    TopicProperty{"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", {}, {}},
    TopicProperty{"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", {}, {}},
    TopicProperty{"message.timestamp.type", "log.message.timestamp.type", {}, {}},
    TopicProperty{"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", {}, {}},
    TopicProperty{"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", {}, {}},
    TopicProperty{"min.insync.replicas", "min.insync.replicas", {}, {}},
    TopicProperty{"retention.bytes", "log.retention.bytes", {}, {}},
    TopicProperty{"retention.ms", "log.retention.ms", "log.retention.minutes", "log.retention.hours"},
    TopicProperty{"segment.bytes", "log.segment.bytes", {}, {}},
    TopicProperty{"segment.index.bytes", "log.index.size.max.bytes", {}, {}},
    TopicProperty{"segment.jitter.ms", "log.roll.jitter.ms", "log.roll.jitter.hours", {}},
    TopicProperty{"segment.ms", "log.roll.ms", "log.roll.hours", {}},
};

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return v;
}

// Kafka's AllDynamicConfigs, of those that have an effect here.
constexpr std::string_view dynamic_names[] = {
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleanup.policy",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.type",
    "log.retention.bytes",
    "log.retention.ms",
    "log.roll.jitter.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "log.segment.delete.delay.ms",
    "max.connections",
    "max.connections.per.ip",
    "message.max.bytes",
    "min.insync.replicas",
    "producer.id.expiration.ms",
};

constexpr std::string_view listener_prefix = "listener.name.";

// What listener.name.NAME. may stand before.
const ServerProperty* listener_property(std::string_view name) {
  if (!name.starts_with(listener_prefix)) return nullptr;
  name.remove_prefix(listener_prefix.size());
  const auto dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return nullptr;
  name.remove_prefix(dot + 1);
  if (!name.starts_with("ssl.") && !name.starts_with("sasl.") && !name.starts_with("plain.")) return nullptr;
  return find_server_property(name);
}

// The rules that SCRAM needs no users from.
bool is_scram_jaas(std::string_view name) {
  return name.ends_with("scram-sha-256.sasl.jaas.config") || name.ends_with("scram-sha-512.sasl.jaas.config");
}

std::optional<double> parse_float(std::string_view text) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return v;
}

/// Finite and not negative; Kafka's values have no other kind.
std::optional<double> parse_real(std::string_view text) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size() || !(v >= 0)) return std::nullopt;
  return v;
}

/// The words of a list: separated by commas, around which spaces do not count.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  if (text.empty()) return words;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view word = text.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    words.push_back(word);
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    if (choices.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) break;
    choices.remove_prefix(bar + 1);
  }
  return false;
}

std::int64_t unit_ms(std::string_view name) {
  if (name.ends_with(".hours")) return hour_ms;
  if (name.ends_with(".minutes")) return minute_ms;
  return 1;
}

Error bad_value(const ServerProperty& property, std::string_view value, std::string_view allowed) {
  return {Code::invalid_argument,
          fmt::format("{}={} was not taken: allowed is {}", property.name, value, allowed),
          {},
          0};
}

Error unknown(std::string_view name, bool of_topic) {
  const std::string near = nearest_property(name, of_topic);
  return {Code::invalid_argument,
          fmt::format("unknown {} property '{}'; nothing was changed", of_topic ? "topic" : "server", name),
          near.empty() ? std::string{} : fmt::format("did you mean {}?", near), 0};
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "*", or PARTITION:BROKER words.
bool is_throttled_replicas(std::string_view value) {
  return value == "*" || std::ranges::all_of(words_of(value), [](std::string_view word) {
           const auto colon = word.find(':');
           return word.empty() || (colon != std::string_view::npos && is_digits(word.substr(0, colon)) &&
                                   is_digits(word.substr(colon + 1)));
         });
}

// A topic's property without an effect: kept as it is, unless it asks for what would then not happen.
Result<void> check_inert_topic_value(std::string_view name, std::string_view value) {
  const InertProperty* inert = find_inert_topic_property(name);
  if (inert == nullptr) return std::unexpected(unknown(name, true));
  const bool is_one =
      inert->type == ValueType::list ? is_throttled_replicas(value) : is_value(inert->type, value);
  if (!is_one)
    return fail(Code::invalid_argument,
                fmt::format("{}={} was not taken: not a value of its type", name, value));
  const bool is_number = inert->type == ValueType::int64;
  if (is_number && parse_number(value).value_or(0) < inert->min)
    return fail(Code::invalid_argument,
                fmt::format("{}={} was not taken: the least is {}", name, value, inert->min));
  if (name == "remote.storage.enable" && value == "true")
    return fail(Code::invalid_argument,
                "remote.storage.enable=true was not taken: there is no tiered storage");
  return {};
}

// Of compression.type; nullopt: producer.
std::optional<record::Codec> codec_of(std::string_view compression) {
  if (compression == "uncompressed") return record::Codec::none;
  const auto codec = record::parse_codec(compression);
  return codec ? std::optional(*codec) : std::nullopt;
}

}  // namespace

std::span<const ServerProperty> server_properties() {
  return table;
}

std::span<const TopicProperty> topic_properties() {
  return topic_table;
}

const ServerProperty* find_server_property(std::string_view name) {
  const auto* found = std::ranges::find(table, name, &ServerProperty::name);
  return found == table.end() ? nullptr : found;
}

const TopicProperty* find_topic_property(std::string_view name) {
  const auto* found = std::ranges::find(topic_table, name, &TopicProperty::name);
  return found == topic_table.end() ? nullptr : found;
}

std::string nearest_property(std::string_view name, bool of_topic) {
  std::string_view best;
  std::size_t best_distance = name.size() / 3 + 2;  // further away is no help
  const auto consider = [&](std::string_view known) {
    if (const auto d = edit_distance(name, known); d < best_distance) {
      best = known;
      best_distance = d;
    }
  };
  if (name.size() > 100) return {};
  for (const auto& p : table)
    if (!of_topic) consider(p.name);
  for (const auto& p : topic_table)
    if (of_topic) consider(p.name);
  return std::string(best);
}

Result<void> check_value(const ServerProperty& property, std::string_view value) {
  switch (property.type) {
    case ValueType::boolean:
      if (value != "true" && value != "false")
        return std::unexpected(bad_value(property, value, "true or false"));
      return {};
    case ValueType::int16:
    case ValueType::int32:
    case ValueType::int64: {
      const auto v = parse_number(value);
      const bool is_allowed = property.choices.empty() || is_choice(property.choices, value);
      if (!v || *v < property.min || *v > property.max || !is_allowed) {
        return std::unexpected(bad_value(
            property, value,
            property.choices.empty() ? fmt::format("a number from {} to {}", property.min, property.max)
                                     : std::string(property.choices)));
      }
      return {};
    }
    case ValueType::float64:
      if (const auto v = parse_real(value); !v || *v > property.real_max) {
        return std::unexpected(
            bad_value(property, value, fmt::format("a number from 0 to {}", property.real_max)));
      }
      return {};
    case ValueType::list:
      if (value.empty() && property.name == "group.consumer.assignors")
        return std::unexpected(bad_value(property, value, "one of them at least"));
      for (const std::string_view word : words_of(value)) {
        if (property.choices.empty() || is_choice(property.choices, word)) continue;
        return std::unexpected(bad_value(property, value, "a list of " + std::string{property.choices}));
      }
      return {};
    case ValueType::class_name:
    case ValueType::password:
    case ValueType::text:
      if (!property.choices.empty() && !is_choice(property.choices, value))
        return std::unexpected(bad_value(property, value, property.choices));
      return {};
  }
  return {};
}

bool is_dynamic(std::string_view name) {
  return std::ranges::find(dynamic_names, name) != std::end(dynamic_names);
}

bool is_value(ValueType type, std::string_view value) {
  switch (type) {
    case ValueType::boolean:
      return value == "true" || value == "false";
    case ValueType::int16:
    case ValueType::int32:
    case ValueType::int64: {
      const auto v = parse_number(value);
      const std::int64_t max = type == ValueType::int16   ? 32767
                               : type == ValueType::int32 ? i32_max
                                                          : i64_max;
      return v && *v <= max && *v >= -max - 1;
    }
    case ValueType::float64:
      return parse_float(value).has_value();
    default:
      return true;
  }
}

bool ServerConfig::knows(std::string_view name) {
  return find_server_property(name) != nullptr || find_topic_property(name) != nullptr ||
         listener_property(name) != nullptr || find_inert_server_property(name) != nullptr ||
         is_scram_jaas(name);
}

std::vector<std::string> ServerConfig::without_effect() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) {
    if (find_server_property(name) == nullptr && find_inert_server_property(name) != nullptr)
      out.push_back(name);
  }
  return out;
}

void ServerConfig::set_dynamic(Values of_broker, Values of_all) {
  dynamic_of_broker_ = std::move(of_broker);
  dynamic_of_all_ = std::move(of_all);
}

std::optional<std::string> ServerConfig::listener_value(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

Result<void> ServerConfig::set(std::string_view name, std::string_view value) {
  const ServerProperty* property = find_server_property(name);
  const ServerProperty* of_listener = listener_property(name);
  const InertProperty* inert = find_inert_server_property(name);
  if (property == nullptr && (of_listener != nullptr || inert != nullptr || is_scram_jaas(name))) {
    if (of_listener != nullptr) SLUICE_TRY(check_value(*of_listener, value));
    if (inert != nullptr && !is_value(inert->type, value))
      return fail(Code::invalid_argument,
                  fmt::format("{}={} was not taken: not a value of its type", name, value));
    values_.insert_or_assign(std::string(name), std::string(value));
    return {};
  }
  if (property == nullptr) {
    const TopicProperty* topic = find_topic_property(name);  // a topic's name sets the server's default
    if (topic == nullptr) return std::unexpected(unknown(name, false));
    property = find_server_property(topic->server_name);
  }
  if (property->fixed) {
    return fail(Code::invalid_argument, fmt::format("{} was not set: {}", property->name, property->doc));
  }
  SLUICE_TRY(check_value(*property, value));
  values_.insert_or_assign(std::string(property->name), std::string(value));
  return {};
}

void ServerConfig::set_fixed(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

std::optional<std::string> ServerConfig::value(std::string_view name) const {
  for (const Values* layer : {&dynamic_of_broker_, &dynamic_of_all_, &values_})
    if (const auto found = layer->find(name); found != layer->end()) return found->second;
  const ServerProperty* property = find_server_property(name);
  const InertProperty* inert = property == nullptr ? find_inert_server_property(name) : nullptr;
  const char* value = property != nullptr ? property->default_value
                      : inert != nullptr  ? inert->default_value
                                          : nullptr;
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::int64_t ServerConfig::number(std::string_view name) const {
  return parse_number(value(name).value_or("0")).value_or(0);
}

double ServerConfig::real(std::string_view name) const {
  return parse_real(value(name).value_or("0")).value_or(0);
}

bool ServerConfig::boolean(std::string_view name) const {
  return value(name) == "true";
}

std::optional<std::string> ServerConfig::topic_default(const TopicProperty& property) const {
  for (const std::string_view name : {property.server_name, property.fallback_1, property.fallback_2}) {
    if (name.empty()) break;
    const auto v = value(name);
    if (!v) continue;
    const std::int64_t unit = unit_ms(name);
    if (unit == 1) return v;
    const std::int64_t n = number(name);
    return std::to_string(n < 0 ? n : n * unit);
  }
  return std::nullopt;
}

Result<void> check_topic_values(const Values& values) {
  for (const auto& [name, value] : values) {
    const TopicProperty* property = find_topic_property(name);
    if (property == nullptr) {
      SLUICE_TRY(check_inert_topic_value(name, value));
      continue;
    }
    SLUICE_TRY(check_value(*find_server_property(property->server_name), value));
  }
  return {};
}

TopicSettings resolve(const ServerConfig& server, const Values& values) {
  const auto text = [&](std::string_view name) -> std::string {
    if (const auto found = values.find(name); found != values.end()) return found->second;
    return server.topic_default(*find_topic_property(name)).value_or("");
  };
  const auto number = [&](std::string_view name) { return parse_number(text(name)).value_or(-1); };
  const std::string policy_text = text("cleanup.policy");
  TopicSettings s;
  s.message_bytes_max = number("max.message.bytes");
  s.retention_ms = number("retention.ms");
  s.retention_bytes = number("retention.bytes");
  s.segment_bytes = number("segment.bytes");
  s.segment_ms = number("segment.ms");
  s.index_interval_bytes = number("index.interval.bytes");
  s.segment_index_bytes = number("segment.index.bytes");
  s.timestamp_before_max_ms = number("message.timestamp.before.max.ms");
  s.timestamp_after_max_ms = number("message.timestamp.after.max.ms");
  s.log_append_time = text("message.timestamp.type") == "LogAppendTime";
  const std::vector<std::string_view> policy = words_of(policy_text);
  s.deletes = std::ranges::find(policy, "delete") != policy.end();
  s.compacts = std::ranges::find(policy, "compact") != policy.end();
  s.delete_retention_ms = number("delete.retention.ms");
  s.compaction_lag_ms_min = number("min.compaction.lag.ms");
  s.compaction_lag_ms_max = number("max.compaction.lag.ms");
  s.dirty_ratio_min = parse_real(text("min.cleanable.dirty.ratio")).value_or(0.5);
  s.segment_jitter_ms = number("segment.jitter.ms");
  s.file_delete_delay_ms = number("file.delete.delay.ms");
  const std::string compression = text("compression.type");
  s.codec = codec_of(compression);
  const std::string level = fmt::format("compression.{}.level", compression);
  // The default level is each codec's own: the number that Kafka gives lz4's stands for its fast mode.
  if (find_topic_property(level) != nullptr && text(level) != find_server_property(level)->default_value)
    s.compression_level = static_cast<int>(number(level));
  return s;
}

}  // namespace sluice::broker
