// sluice broker: runs the embedded broker until it is told to stop.
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "broker/broker.h"
#include "broker/properties_file.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "env/env.h"

namespace sluice::cli {
namespace {

constexpr std::uint16_t default_port = 9092;

struct Flags {
  std::string listen = "127.0.0.1:9092";
  std::string data_dir;
  bool ephemeral = false;
  std::vector<std::string> create;
  std::vector<std::string> properties;
  std::string config;
};

void declare(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen, "where clients connect; loopback only, port 0 picks a free one")
      ->type_name("HOST:PORT");
  auto* data_dir = app.add_option("--data-dir", flags.data_dir, "where the topics live; made where missing")
                       ->type_name("DIR");
  app.add_flag("--ephemeral", flags.ephemeral,
               "keep everything in a temporary directory that goes at the end; nothing is synced")
      ->excludes(data_dir);
  app.add_option("--create", flags.create, "make this topic where it is missing; may be repeated")
      ->type_name("TOPIC[:PARTITIONS]");
  app.add_option("-X", flags.properties, "a server property, with Kafka's name; may be repeated")
      ->type_name("KEY=VALUE");
  app.add_option("--config", flags.config, "a server.properties file; -X wins over it")->type_name("FILE");
  app.footer(
      "Ready is one line on stdout: ready kafka://HOST:PORT cluster=ID pid=N (M ms)\n"
      "acks=all is answered when the record is synced to the disk, and no reader sees it before.");
}

Result<broker::Options> translate(const Flags& flags) {
  broker::Options options;
  options.listen = SLUICE_TRY(env::parse_address(flags.listen, default_port));
  options.data_dir = flags.data_dir;
  options.ephemeral = flags.ephemeral;
  for (const auto& text : flags.create) options.create.push_back(SLUICE_TRY(broker::parse_topic_spec(text)));
  if (!flags.config.empty()) {
    const Bytes content = SLUICE_TRY(env::posix_env().fs->read_file(flags.config, 1 << 20));
    options.file_properties = SLUICE_TRY(broker::parse_properties_file(as_text(content), flags.config));
  }
  for (const auto& text : flags.properties) options.properties.push_back(SLUICE_TRY(parse_property(text)));
  if (options.data_dir.empty() && !options.ephemeral) {
    return fail(Code::invalid_argument, "the broker was not started: it has nowhere to keep its topics",
                "--data-dir DIR, or --ephemeral for data that may go");
  }
  return options;
}

/// A temporary directory that goes, with all that is in it, when this does.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/sluice-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Tells a service manager (systemd's NOTIFY_SOCKET); nothing where there is none.
void notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path || *path == '\0') return;
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  static_cast<void>(::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size));
  ::close(fd);
}

// Blocked in every thread from before the first one starts, and waited for by the main one.
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

Result<void> serve(broker::Options options, const sigset_t& signals) {
  const auto began = std::chrono::steady_clock::now();
  options.log = [](std::string_view line) {
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    fmt::print(stderr, "broker: {}\n", line);
  };
  const auto running = SLUICE_TRY(broker::Broker::start(std::move(options), env::posix_env()));
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  fmt::print("ready kafka://{} cluster={} pid={} ({} ms)\n", running->bootstrap(), running->cluster_id(),
             ::getpid(), took.count());
  std::fflush(stdout);
  notify("READY=1");
  int received = 0;
  sigwait(&signals, &received);
  notify("STOPPING=1");
  return running->stop();
}

}  // namespace

int run_broker(const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app("Run the embedded broker: one node that every Kafka client can use.", "sluice broker");
  declare(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  auto options = translate(flags);
  if (!options) return report(options.error());

  std::optional<TemporaryDirectory> temporary;
  if (flags.ephemeral) {
    temporary.emplace();
    if (temporary->path().empty())
      return report(Error{Code::io_failed, "the broker was not started: no temporary directory could be made",
                          "set TMPDIR to a directory that can be written", 0});
    options->data_dir = temporary->path();
    fmt::print(stderr, "broker: ephemeral: nothing is synced, and {} goes when the broker stops\n",
               options->data_dir);
  }
  const sigset_t signals = stop_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  const auto served = serve(std::move(*options), signals);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return served ? exit_ok : report(served.error());
}

}  // namespace sluice::cli
