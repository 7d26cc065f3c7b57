#include "broker/broker.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "broker/core.h"
#include "broker/handlers/handlers.h"
#include "broker/no_sync_file_system.h"
#include "broker/resource_config.h"
#include "broker/router.h"
#include "env/posix.h"

namespace sluice::broker {
namespace {

constexpr auto housekeeping_interval = std::chrono::seconds(1);
constexpr auto trim_interval = std::chrono::minutes(5);  // of buffers that nobody uses

// Each partition keeps files open: the soft limit of 1024 is for programs that use select().
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// A partition that was moved here brings the ids of another cluster's producers, whose sequences a new
// producer of the same id would have to go on with.
void avoid_known_producers(const Topics& topics, ProducerIds& ids) {
  for (const auto& [name, topic] : topics.all())
    for (const PartitionPtr& partition : topic->partitions)
      if (partition->is_online())
        for (const auto& producer : partition->log()->producers()) ids.avoid(producer.producer_id);
}

}  // namespace

class Broker::Impl {
 public:
  Impl(Options options, const env::Env& env)
      : options_(std::move(options)), env_(env), notices_(options_.log, *env.clock) {}
  ~Impl() { static_cast<void>(stop()); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start();
  Result<void> stop();

  const env::Address& address() const { return core_->address; }
  const std::string& cluster_id() const { return core_->identity.cluster_id; }

 private:
  Result<void> configure();
  Result<std::vector<Port>> make_ports();
  Result<void> listen();
  Result<void> open_state();
  std::unique_ptr<log::Journal> make_journal();
  Result<void> make_topics();
  void schedule();
  void housekeep();

  Options options_;
  env::Env env_;
  std::unique_ptr<NoSyncFileSystem> no_sync_;
  Notices notices_;
  ServerConfig config_;
  std::vector<Port> ports_;
  std::unique_ptr<env::EventLoop> loop_;
  std::unique_ptr<env::Lock> lock_;
  std::unique_ptr<Core> core_;
  std::thread thread_;
  env::Instant trim_due_{};
  env::Instant offsets_due_{};
  bool stopped_ = false;
};

Result<void> Broker::Impl::configure() {
  for (const auto& [name, value] : options_.file_properties) {
    if (ServerConfig::knows(name)) {
      SLUICE_TRY(config_.set(name, value));
    } else {
      notices_.say(fmt::format("the property {} is unknown; it was passed over", name));
    }
  }
  for (const auto& [name, value] : options_.properties) SLUICE_TRY(config_.set(name, value));
  if (const auto idle = config_.without_effect(); !idle.empty())
    notices_.say(fmt::format("without effect in this broker: {}", fmt::join(idle, ", ")));
  config_.set_fixed("log.dirs", options_.data_dir);
  ports_ = SLUICE_TRY(make_ports());
  return {};
}

// Keys and passwords are looked at before anything is opened.
Result<std::vector<Port>> Broker::Impl::make_ports() {
  std::vector<Port> ports;
  for (Listener& listener : SLUICE_TRY(listeners_of(config_, options_.listen))) {
    Port port;
    port.listener = std::make_shared<Listener>(std::move(listener));
    if (port.listener->uses_tls()) port.tls = SLUICE_TRY(TlsContext::make(config_, *port.listener, *env_.fs));
    if (port.listener->uses_sasl()) {
      const auto rules = SLUICE_TRY(sasl_rules(config_, *port.listener));
      rules->find_credential = [this](const std::string& user, ScramMechanism mechanism) {
        const auto& known = core_->settings->state().scram;
        const auto found = known.find({user, mechanism});
        return found == known.end() ? std::nullopt : std::optional(found->second);
      };
      port.sasl = rules;
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

Result<void> Broker::Impl::listen() {
  std::string told;
  for (const Port& port : ports_) {
    SLUICE_TRY(core_->server->listen(port));
    if (core_->address.port == 0) core_->address = port.listener->bind;
    told += fmt::format("{}{}://{}", told.empty() ? "" : ",", port.listener->name,
                        to_string(port.listener->bind));
  }
  config_.set_fixed("listeners", told);
  return {};
}

Result<void> Broker::Impl::open_state() {
  SLUICE_TRY(env_.fs->create_dirs_durable(options_.data_dir));
  auto lock = env_.fs->lock(env::join(options_.data_dir, ".lock"));
  if (!lock) return std::unexpected(std::move(lock.error()).in("the broker was not started"));
  lock_ = std::move(*lock);
  const auto node_id = static_cast<std::int32_t>(config_.number("node.id"));
  Identity identity = SLUICE_TRY(load_identity(*env_.fs, *env_.random, options_.data_dir, node_id));
  loop_ = env::make_posix_event_loop();
  core_.reset(new Core{.env = env_,
                       .loop = *loop_,
                       .config = config_,
                       .notices = notices_,
                       .identity = std::move(identity),
                       .address = {},
                       .settings = nullptr,
                       .acls = {},
                       .topics = nullptr,
                       .syncer = nullptr,
                       .cleaner = nullptr,
                       .groups = nullptr,
                       .producer_ids = nullptr,
                       .transactions = nullptr,
                       .server = nullptr,
                       .fetch_sessions = {},
                       .buffers = {},
                       .decompressor = record::Decompressor{},
                       .rewriter = {},
                       .pending_produces = {}});
  core_->settings = std::make_unique<Settings>(SLUICE_TRY(Settings::open(*env_.fs, options_.data_dir)));
  core_->acls.configure(config_.value("authorizer.class.name").value_or("") != "",
                        config_.value("super.users").value_or(""),
                        config_.boolean("allow.everyone.if.no.acl.found"));
  core_->acls.replace(core_->settings->state().acls);
  apply_broker_settings(*core_);
  core_->topics = SLUICE_TRY(Topics::open(env_, options_.data_dir, config_, notices_));
  core_->producer_ids =
      std::make_unique<ProducerIds>(SLUICE_TRY(ProducerIds::open(*env_.fs, options_.data_dir)));
  avoid_known_producers(*core_->topics, *core_->producer_ids);
  core_->syncer = std::make_unique<Syncer>(*loop_, notices_, make_journal());
  core_->cleaner = SLUICE_TRY(
      Cleaner::open(env_, *loop_, options_.data_dir, config_, notices_, *core_->topics, *core_->syncer));
  core_->groups = std::make_unique<Groups>(env_, *loop_, config_, notices_, *core_->topics, *core_->syncer);
  core_->groups->set_group_number([core = core_.get()](std::string_view group, std::string_view name) {
    return group_config_number(*core, group, name);
  });
  SLUICE_TRY(core_->groups->load());
  core_->transactions = std::make_unique<Transactions>(env_, *loop_, config_, notices_, *core_->topics,
                                                       *core_->syncer, *core_->groups, *core_->producer_ids);
  core_->transactions->load();
  core_->fetch_sessions.set_slots_max(
      static_cast<std::size_t>(config_.number("max.incremental.fetch.session.cache.slots")));
  return {};
}

// Without one, every partition syncs its own files: slower, and as safe.
std::unique_ptr<log::Journal> Broker::Impl::make_journal() {
  if (options_.ephemeral || core_->topics->keeps_old_journal()) return nullptr;
  auto made = log::Journal::create(*env_.fs, *env_.random, options_.data_dir);
  if (made) return std::move(*made);
  notices_.say(fmt::format("the journal was not made, every partition syncs its own files: {}",
                           to_string(made.error())));
  return nullptr;
}

Result<void> Broker::Impl::make_topics() {
  for (const TopicSpec& spec : options_.create) {
    if (const Topic* topic = core_->topics->find(spec.name)) {
      if (spec.partition_count == 0 || std::ssize(topic->partitions) == spec.partition_count) continue;
      return fail(Code::conflict,
                  fmt::format("topic {} has {} partitions, not {}; the broker was not started", spec.name,
                              topic->partitions.size(), spec.partition_count));
    }
    const auto count = spec.partition_count > 0 ? spec.partition_count
                                                : static_cast<std::int32_t>(config_.number("num.partitions"));
    SLUICE_TRY(core_->topics->create(spec.name, count, {}));
  }
  return {};
}

Result<void> Broker::Impl::start() {
  raise_file_limit();
  SLUICE_TRY(configure());
  if (options_.ephemeral) {
    no_sync_ = std::make_unique<NoSyncFileSystem>(*env_.fs);
    env_.fs = no_sync_.get();
  }
  SLUICE_TRY(open_state());
  SLUICE_TRY(make_topics());
  core_->server = std::make_unique<Server>(*loop_, notices_, server_limits(config_),
                                           [this](const RequestPtr& request) { route(*core_, request); });
  SLUICE_TRY(listen());
  schedule();
  thread_ = std::thread([this] { loop_->run(); });
  return {};
}

void Broker::Impl::schedule() {
  const auto now = env_.clock->now();
  core_->cleaner->start();
  trim_due_ = now + trim_interval;
  offsets_due_ = now + std::chrono::milliseconds(config_.number("offsets.retention.check.interval.ms"));
  loop_->after(housekeeping_interval, [this] { housekeep(); });
}

void Broker::Impl::housekeep() {
  const auto now = loop_->now();
  expire_produces(*core_);
  core_->transactions->housekeep();
  if (now >= trim_due_) {
    core_->buffers.trim();
    trim_due_ = now + trim_interval;
  }
  if (now >= offsets_due_) {
    core_->groups->expire();
    offsets_due_ = now + std::chrono::milliseconds(config_.number("offsets.retention.check.interval.ms"));
  }
  loop_->after(housekeeping_interval, [this] { housekeep(); });
}

Result<void> Broker::Impl::stop() {
  if (std::exchange(stopped_, true)) return {};
  if (thread_.joinable()) {
    loop_->post([this] {
      core_->server->stop();
      loop_->stop();
    });
    thread_.join();
  }
  Result<void> closed;
  if (core_ != nullptr) {
    core_->server.reset();
    if (core_->cleaner) core_->cleaner->stop();
    if (core_->syncer) core_->syncer->stop();
    core_->pending_produces.clear();
    core_->transactions.reset();
    core_->groups.reset();
    core_->cleaner.reset();
    core_->syncer.reset();
    // A directory that could not be opened whole is not marked as cleanly closed.
    if (core_->topics && core_->producer_ids && core_->address.port != 0) closed = core_->topics->close();
    core_->topics.reset();
  }
  lock_.reset();
  return closed;
}

Result<std::unique_ptr<Broker>> Broker::start(Options options, const env::Env& env) {
  auto impl = std::make_unique<Impl>(std::move(options), env);
  SLUICE_TRY(impl->start());
  return std::unique_ptr<Broker>(new Broker(std::move(impl)));
}

Broker::Broker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Broker::~Broker() = default;

env::Address Broker::address() const {
  return impl_->address();
}

std::string Broker::bootstrap() const {
  return to_string(impl_->address());
}

std::string Broker::cluster_id() const {
  return impl_->cluster_id();
}

Result<void> Broker::stop() {
  return impl_->stop();
}

Result<TopicSpec> parse_topic_spec(std::string_view text) {
  const auto colon = text.rfind(':');
  TopicSpec spec{std::string(text.substr(0, colon)), 0};
  SLUICE_TRY(log::check_topic_name(spec.name));
  if (colon == std::string_view::npos) return spec;
  const ServerProperty& partitions = *find_server_property("num.partitions");
  const std::string_view count = text.substr(colon + 1);
  if (!check_value(partitions, count)) {
    return fail(Code::invalid_argument,
                fmt::format("'{}' is not TOPIC:PARTITIONS: partitions are a number from {} to {}", text,
                            partitions.min, partitions.max));
  }
  spec.partition_count = std::stoi(std::string(count));
  return spec;
}

}  // namespace sluice::broker
