// A consumer group among members that come, go, fall silent, lose answers, speak either protocol, while
// topics change and the broker restarts: at no time do two members use one partition, and in the end all is
// assigned.
#include <gtest/gtest.h>

#include <random>

#include "broker/consumer_group_fixture.h"
#include "broker/consumer_protocol.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

struct Client {
  std::string id;
  bool classic = false;
  std::int32_t epoch = 0;  ///< or generation; 0: it has to join
  std::set<std::string> topics;
  std::string regex;
  std::optional<std::string> instance_id;
  TopicPartitions uses;      ///< what it reads right now
  bool must_report = false;  ///< what it uses changed since its last heartbeat
  bool silent = false;
  env::Instant heard{};  ///< its last accepted heartbeat
};

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {
    host_.limits.assignment_interval_ms = below(2) == 0 ? 0 : 1'000;
    host_.limits.downgrade_allowed = false;  // replaces the group: tested on its own
    host_.limits.members_max = 8;
    if (below(2) == 0) host_.limits.assignors = {Assignor::range, Assignor::uniform};
    for (const char* name : {"a", "b", "c"}) host_.set_topic(name, 1 + below(6));
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      check_exclusive();
    }
  }

  void settle() {
    std::erase_if(clients_, [](const Client& client) { return client.silent; });
    for (int round = 0; round < 60; ++round) {
      host_.pass(2'000);  // often enough for the shortest session
      drop_expired();
      for (Client& client : clients_) speak(client, false);
      check_exclusive();
    }
    for (const Client& client : clients_) EXPECT_GT(client.epoch, 0) << client.id;
    EXPECT_EQ(group_->state_name(), clients_.empty() ? "Empty" : "Stable");
    check_complete();
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  std::set<std::string> some_topics() {
    std::set<std::string> out;
    for (const char* name : {"a", "b", "c", "d"})
      if (below(2) == 0) out.insert(name);
    return out;
  }

  void step() {
    switch (below(14)) {
      case 0:
        if (clients_.size() < 6) arrive();
        break;
      case 1:
        if (!clients_.empty()) depart();
        break;
      case 2:
        if (!clients_.empty() && below(3) == 0) clients_[any()].silent = true;
        break;
      case 3:
        change_topics();
        break;
      case 4:
        if (!clients_.empty()) resubscribe(clients_[any()]);
        break;
      case 5:
        if (below(4) == 0) group_ = host_.restored();
        break;
      case 6:
        host_.pass(below(20'000));
        drop_expired();
        break;
      default:
        if (!clients_.empty()) speak(clients_[any()], below(8) == 0);
    }
  }

  std::size_t any() { return static_cast<std::size_t>(below(static_cast<int>(clients_.size()))); }

  void arrive() {
    Client client;
    client.id = "m" + std::to_string(++made_);
    client.classic = below(4) == 0;
    client.topics = some_topics();
    if (!client.classic && below(3) == 0) client.regex = below(2) == 0 ? "[ab]" : ".*";
    if (!client.classic && below(4) == 0) client.instance_id = "i" + std::to_string(made_);
    client.heard = host_.now();
    clients_.push_back(client);
  }

  void depart() {
    const std::size_t which = any();
    Client client = clients_[which];
    if (client.silent) return;
    client.uses.clear();
    if (client.classic) {
      group_->leave({{client.id, std::nullopt}}, [](const std::vector<ErrorCode>&) {});
      clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(which));
      return;
    }
    HeartbeatRequest request;
    request.member_id = client.id;
    request.instance_id = client.instance_id;
    const bool comes_back = client.instance_id && below(2) == 0;
    request.epoch = comes_back ? static_leave_epoch : leave_epoch;
    group_->heartbeat(request, [](const HeartbeatAnswer&) {});
    if (comes_back) {
      clients_[which].uses.clear();
      clients_[which].epoch = 0;
      clients_[which].id = "m" + std::to_string(++made_);
    } else {
      clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }

  void change_topics() {
    const std::string name(1, static_cast<char>('a' + below(4)));
    const auto known = host_.topic(name);
    if (known && below(3) == 0) return host_.remove_topic(name);
    host_.set_topic(name, (known ? known->partition_count : 0) + 1 + below(2));
  }

  void resubscribe(Client& client) {
    client.topics = some_topics();
    client.must_report = true;
  }

  /// A client stops using its partitions when it could not reach the broker for a session's time.
  void drop_expired() {
    for (Client& client : clients_) {
      const auto session = std::chrono::milliseconds(client.classic ? 10'000 : 45'000);
      if (host_.now() - client.heard < session) continue;
      client.uses.clear();
      client.epoch = 0;
      client.heard = host_.now();
      if (!client.instance_id) client.id = "m" + std::to_string(++made_);
    }
    std::erase_if(clients_, [](const Client& client) { return client.silent && client.epoch == 0; });
  }

  void speak(Client& client, bool answer_lost) {
    if (client.silent) return;
    if (client.classic) {
      speak_classic(client, answer_lost);
    } else {
      speak_consumer(client, answer_lost);
    }
  }

  void speak_consumer(Client& client, bool answer_lost) {
    HeartbeatRequest request;
    request.member_id = client.id;
    request.epoch = client.epoch;
    request.instance_id = client.instance_id;
    if (client.epoch == 0 || client.must_report || below(3) == 0) {
      request.topics = client.topics;
      request.regex = client.regex;
      request.rebalance_timeout_ms = 60'000;
      request.owned = client.uses;
    }
    std::optional<HeartbeatAnswer> answer;
    group_->heartbeat(request, [&](HeartbeatAnswer heard) { answer = std::move(heard); });
    ASSERT_TRUE(answer);
    if (answer_lost) {
      client.must_report = true;  // it starts with a full request again
      return;
    }
    client.must_report = false;
    switch (answer->error) {
      case ErrorCode::none:
        client.heard = host_.now();
        client.epoch = answer->epoch;
        if (answer->assignment && *answer->assignment != client.uses) {
          client.uses = *answer->assignment;  // revokes what is not in it, begins with what is
          client.must_report = true;
        }
        return;
      case ErrorCode::group_max_size_reached:
      case ErrorCode::unreleased_instance_id:
        ASSERT_EQ(client.epoch, 0);
        return;
      default:
        EXPECT_TRUE(answer->error == ErrorCode::fenced_member_epoch ||
                    answer->error == ErrorCode::unknown_member_id)
            << static_cast<int>(answer->error) << answer->message;
        client.uses.clear();
        client.epoch = 0;
    }
  }

  void speak_classic(Client& client, bool answer_lost) {
    if (client.epoch > 0) {
      const ErrorCode heard = group_->classic_heartbeat(client.id, std::nullopt, client.epoch);
      if (answer_lost) return;
      if (heard == ErrorCode::none && !client.must_report) {
        client.heard = host_.now();
        return;
      }
      if (heard != ErrorCode::rebalance_in_progress && heard != ErrorCode::none) client.uses.clear();
    }
    client.must_report = false;
    JoinRequest join;
    join.member_id = client.id;
    join.session_timeout_ms = 10'000;
    join.rebalance_timeout_ms = 60'000;
    join.protocol_type = "consumer";
    join.protocols = {{"range", subscription(client)}};
    std::optional<JoinAnswer> joined;
    group_->join(join, [&](JoinAnswer heard) { joined = std::move(heard); });
    ASSERT_TRUE(joined);
    if (answer_lost) return;
    if (joined->error != ErrorCode::none) {
      EXPECT_EQ(joined->error, ErrorCode::group_max_size_reached);
      return;
    }
    client.heard = host_.now();
    sync_classic(client, *joined);
  }

  void sync_classic(Client& client, const JoinAnswer& joined) {
    SyncRequest request;
    request.member_id = client.id;
    request.generation = joined.generation;
    std::optional<SyncAnswer> synced;
    group_->sync(request, [&](SyncAnswer heard) { synced = std::move(heard); });
    ASSERT_TRUE(synced);
    if (synced->error != ErrorCode::none) return;  // it joins again
    client.epoch = joined.generation;
    client.uses.clear();
    const auto assignment = parse_assignment(synced->assignment);
    ASSERT_TRUE(assignment);
    for (const auto& [name, partitions] : assignment->partitions)
      if (const auto topic = host_.topic(name))
        client.uses[topic->id].insert(partitions.begin(), partitions.end());
  }

  Bytes subscription(const Client& client) {
    wire::Writer w;
    w.int16(1);
    w.array_length(client.topics.size(), false);
    for (const auto& topic : client.topics) w.string(topic, false);
    w.nullable_bytes(std::nullopt, false, true);
    std::map<std::string, std::set<std::int32_t>> owned;
    for (const auto& [id, partitions] : client.uses)
      if (const auto topic = host_.topic(id)) owned[topic->name] = partitions;
    w.array_length(owned.size(), false);
    for (const auto& [name, partitions] : owned) {
      w.string(name, false);
      w.array_length(partitions.size(), false);
      for (const std::int32_t partition : partitions) w.int32(partition);
    }
    return w.to_bytes();
  }

  void check_exclusive() {
    std::map<std::pair<Uuid, std::int32_t>, std::string> users;
    for (const Client& client : clients_)
      for (const auto& [topic, partitions] : client.uses)
        for (const std::int32_t partition : partitions) {
          const auto [at, first] = users.try_emplace({topic, partition}, client.id);
          ASSERT_TRUE(first) << "partition " << partition << " is used by " << at->second << " and "
                             << client.id;
        }
  }

  void check_complete() {
    std::set<std::pair<Uuid, std::int32_t>> wanted, used;
    for (const Client& client : clients_) {
      for (const std::string& name : host_.topic_names()) {
        const bool by_regex =
            client.regex == ".*" || (client.regex == "[ab]" && (name == "a" || name == "b"));
        if (!client.topics.contains(name) && !by_regex) continue;
        for (std::int32_t i = 0; i < host_.topic(name)->partition_count; ++i)
          wanted.emplace(host_.topic(name)->id, i);
      }
      for (const auto& [topic, partitions] : client.uses)
        for (const std::int32_t partition : partitions) used.emplace(topic, partition);
    }
    EXPECT_EQ(used, wanted);
  }

  std::mt19937 random_;
  FakeConsumerHost host_;
  std::unique_ptr<ConsumerGroup> group_ = std::make_unique<ConsumerGroup>("g", host_);
  std::vector<Client> clients_;
  int made_ = 0;
};

TEST(ConsumerGroupRandom, NoPartitionEverHasTwoUsersAndInTheEndAllAreUsed) {
  for (std::uint32_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int phase = 0; phase < 4 && !testing::Test::HasFailure(); ++phase) {
      world.run(150);
      world.settle();
    }
  }
}

}  // namespace
}  // namespace sluice::broker
