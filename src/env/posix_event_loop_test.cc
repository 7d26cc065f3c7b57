#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include "env/posix.h"

namespace sluice::env {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Instant soon() {
  return posix_clock().now() + std::chrono::seconds(10);
}

/// Sends back what it reads, with back-pressure: does not read while it has something to write.
class Echo final : public SocketHandler {
 public:
  Echo(EventLoop& loop, std::unique_ptr<Socket> socket, std::vector<std::unique_ptr<Echo>>& all)
      : loop_(loop), socket_(std::move(socket)), all_(all) {
    loop_.set_handler(*socket_, this);
  }

  void on_readable() override {
    std::array<std::byte, 4096> buffer;
    auto n = socket_->read_some(buffer);
    if (!n) return close(n.error().code);
    pending_.insert(pending_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*n));
    on_writable();
  }
  void on_writable() override {
    const std::array<BytesView, 2> parts{BytesView(pending_).first(pending_.size() / 2),
                                         BytesView(pending_).subspan(pending_.size() / 2)};
    auto n = socket_->write_some(parts);
    if (!n) return close(n.error().code);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(*n));
    socket_->want(pending_.empty(), !pending_.empty());
  }

  static inline std::atomic<int> closed = 0;

 private:
  void close(Code why) {
    EXPECT_EQ(why, Code::unreachable);
    ++closed;
    std::erase_if(all_, [this](const auto& echo) { return echo.get() == this; });  // destroys this
  }

  EventLoop& loop_;
  std::unique_ptr<Socket> socket_;
  std::vector<std::unique_ptr<Echo>>& all_;
  Bytes pending_;
};

/// A server on its own thread, on a port that the system chose.
class EchoServer {
 public:
  explicit EchoServer(const Address& address = {"127.0.0.1", 0}) {
    auto listener = loop_->listen(address, [this](std::unique_ptr<Socket> socket) {
      ++accepted;
      echoes_.push_back(std::make_unique<Echo>(*loop_, std::move(socket), echoes_));
    });
    EXPECT_TRUE(listener.has_value()) << to_string(listener.error());
    listener_ = *std::move(listener);
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~EchoServer() {
    loop_->stop();
    thread_.join();
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  Address address() const { return listener_->address(); }
  EventLoop& loop() { return *loop_; }
  Listener& listener() { return *listener_; }
  /// Runs `action` on the loop's thread and waits until it has.
  void on_loop(const std::function<void()>& action) {
    std::atomic<bool> done = false;
    loop_->post([&] {
      action();
      done = true;
      done.notify_all();
    });
    done.wait(false);
  }

  std::atomic<int> accepted = 0;

 private:
  std::unique_ptr<EventLoop> loop_ = make_posix_event_loop();
  std::vector<std::unique_ptr<Echo>> echoes_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

std::string read_exactly(Connection& connection, std::size_t bytes) {
  Bytes out(bytes);
  for (std::size_t done = 0; done < bytes;) {
    auto n = connection.read_some(MutableBytes(out).subspan(done), soon());
    if (!n) return "error: " + to_string(n.error());
    done += *n;
  }
  return std::string(as_text(out));
}

TEST(PosixEventLoop, BytesGoThereAndBack) {
  EchoServer server;
  auto connection = posix_net().connect(server.address(), soon());
  ASSERT_TRUE(connection.has_value()) << to_string(connection.error());
  ASSERT_TRUE((*connection)->write_all(as_bytes("hello"), soon()).has_value());
  EXPECT_EQ(read_exactly(**connection, 5), "hello");
}

TEST(PosixEventLoop, AHostNameIsResolved) {
  EchoServer server({"localhost", 0});
  auto connection = posix_net().connect({"localhost", server.address().port}, soon());
  ASSERT_TRUE(connection.has_value()) << to_string(connection.error());
  ASSERT_TRUE((*connection)->write_all(as_bytes("x"), soon()).has_value());
  EXPECT_EQ(read_exactly(**connection, 1), "x");
}

TEST(PosixEventLoop, MoreThanTheSocketBuffersGoThroughUnharmed) {
  EchoServer server;
  auto connection = posix_net().connect(server.address(), soon()).value();
  std::string sent(8 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 4096);
  std::thread writer([&] { EXPECT_TRUE(connection->write_all(as_bytes(sent), soon()).has_value()); });
  EXPECT_TRUE(read_exactly(*connection, sent.size()) == sent);
  writer.join();
}

TEST(PosixEventLoop, ManyConnectionsAreServedAtOnce) {
  EchoServer server;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 200; ++i) connections.push_back(posix_net().connect(server.address(), soon()).value());
  for (std::size_t i = 0; i < connections.size(); ++i)
    ASSERT_TRUE(connections[i]->write_all(as_bytes(std::to_string(1000 + i)), soon()).has_value());
  for (std::size_t i = 0; i < connections.size(); ++i)
    EXPECT_EQ(read_exactly(*connections[i], 4), std::to_string(1000 + i));
  EXPECT_EQ(server.accepted, 200);
}

TEST(PosixEventLoop, APeerThatHasClosedIsNoticedAndItsSocketMayGo) {
  EchoServer server;
  const int before = Echo::closed;
  posix_net().connect(server.address(), soon()).value().reset();
  const auto deadline = soon();
  while (Echo::closed == before && posix_clock().now() < deadline) std::this_thread::yield();
  EXPECT_EQ(Echo::closed, before + 1);
}

TEST(PosixEventLoop, APausedListenerLeavesPeersInTheBacklog) {
  EchoServer server;
  server.on_loop([&] { server.listener().pause(true); });
  auto connection = posix_net().connect(server.address(), soon()).value();  // the kernel accepts it
  ASSERT_TRUE(connection->write_all(as_bytes("x"), soon()).has_value());
  std::array<std::byte, 1> out;
  EXPECT_EQ(connection->read_some(out, posix_clock().now() + std::chrono::milliseconds(50)).error().code,
            Code::timed_out);
  EXPECT_EQ(server.accepted, 0);
  server.on_loop([&] { server.listener().pause(false); });
  EXPECT_EQ(read_exactly(*connection, 1), "x");
}

TEST(PosixEventLoop, WithoutDescriptorsItWaitsAndThenServes) {
  EchoServer server;
  auto connection = posix_net().connect(server.address(), soon()).value();
  ASSERT_TRUE(connection->write_all(as_bytes("1"), soon()).has_value());
  ASSERT_EQ(read_exactly(*connection, 1), "1");
  std::unique_ptr<Connection> late;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // Room for the connecting side only, so that the accepting side finds none.
  const int next = ::dup(0);
  ASSERT_GE(next, 0);
  ::close(next);
  const rlimit tight{static_cast<rlim_t>(next) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  late = posix_net().connect(server.address(), soon()).value();
  ASSERT_TRUE(late->write_all(as_bytes("2"), soon()).has_value());
  std::array<std::byte, 1> out;
  const auto starved = late->read_some(out, posix_clock().now() + std::chrono::milliseconds(50));
  ASSERT_TRUE(connection->write_all(as_bytes("3"), soon()).has_value());
  EXPECT_EQ(read_exactly(*connection, 1), "3");  // others are served meanwhile
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(starved.error().code, Code::timed_out);
  EXPECT_EQ(read_exactly(*late, 1), "2");
}

TEST(PosixEventLoop, PostedActionsRunInOrder) {
  EchoServer server;
  std::vector<int> ran;
  for (int i = 0; i < 100; ++i) server.loop().post([&ran, i] { ran.push_back(i); });
  server.on_loop([] {});
  ASSERT_EQ(ran.size(), 100u);
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

TEST(PosixEventLoop, TimersRunInTheirOrderAndNotTooEarly) {
  auto loop = make_posix_event_loop();
  std::vector<int> ran;
  const Instant start = posix_clock().now();
  Instant end;
  loop->after(std::chrono::milliseconds(20), [&] {
    ran.push_back(2);
    end = posix_clock().now();
    loop->stop();
  });
  loop->after(std::chrono::milliseconds(5), [&] { ran.push_back(1); });
  loop->cancel(loop->after(std::chrono::milliseconds(1), [&] { ran.push_back(0); }));
  loop->run();
  EXPECT_THAT(ran, ElementsAre(1, 2));
  EXPECT_GE(end - start, std::chrono::milliseconds(20));
}

TEST(PosixEventLoop, AStopBeforeRunCounts) {
  auto loop = make_posix_event_loop();
  loop->stop();
  loop->run();
  bool ran = false;
  loop->post([&] {
    ran = true;
    loop->stop();
  });
  loop->run();
  EXPECT_TRUE(ran);
}

EventLoop* loop_of_handler = nullptr;
void stop_loop(int) {
  loop_of_handler->stop();
}

TEST(PosixEventLoop, ASignalHandlerMayStopIt) {
  auto loop = make_posix_event_loop();
  loop_of_handler = loop.get();
  const auto before = std::signal(SIGUSR1, stop_loop);
  loop->post([] { std::raise(SIGUSR1); });
  loop->run();
  std::signal(SIGUSR1, before);
  SUCCEED() << "run() returned";
}

TEST(PosixEventLoop, ATakenPortIsAnErrorThatNamesIt) {
  EchoServer server;
  auto other = make_posix_event_loop();
  const auto refused = other->listen(server.address(), [](std::unique_ptr<Socket>) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr(to_string(server.address())));
}

TEST(PosixNet, NobodyListeningIsUnreachable) {
  Address nobody;
  {
    EchoServer server;
    nobody = server.address();
  }
  const auto refused = posix_net().connect(nobody, soon());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::unreachable);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot connect to " + to_string(nobody)));
  EXPECT_FALSE(refused.error().hint.empty());
}

TEST(PosixNet, AnUnknownHostIsUnreachable) {
  const auto refused = posix_net().connect({"no-such-host.invalid", 1}, soon());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::unreachable);
  EXPECT_THAT(refused.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(PosixNet, AReadEndsByItsDeadline) {
  EchoServer server;
  auto connection = posix_net().connect(server.address(), soon()).value();
  std::array<std::byte, 1> out;
  const Instant deadline = posix_clock().now() + std::chrono::milliseconds(20);
  EXPECT_EQ(connection->read_some(out, deadline).error().code, Code::timed_out);
  EXPECT_GE(posix_clock().now(), deadline);
}

TEST(PosixNet, AWriteThatNobodyReadsEndsByItsDeadline) {
  auto loop = make_posix_event_loop();  // never run: it accepts nothing
  auto listener = loop->listen({"127.0.0.1", 0}, [](std::unique_ptr<Socket>) {});
  ASSERT_TRUE(listener.has_value());
  auto connection = posix_net().connect((*listener)->address(), soon()).value();
  const Bytes much(64 << 20);
  EXPECT_EQ(connection->write_all(much, posix_clock().now() + std::chrono::milliseconds(50)).error().code,
            Code::timed_out);
}

TEST(PosixClock, GoesForwardAndSleepsLongEnough) {
  const Instant start = posix_clock().now();
  posix_clock().sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(posix_clock().now() - start, std::chrono::milliseconds(2));
  EXPECT_GT(posix_clock().wall_ms(), 1'700'000'000'000);
}

TEST(PosixRandom, NumbersDiffer) {
  EXPECT_NE(posix_random().next_u64(), posix_random().next_u64());
  EXPECT_NE(posix_random().next_uuid(), posix_random().next_uuid());
}

}  // namespace
}  // namespace sluice::env
