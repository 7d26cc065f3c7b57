#include <fmt/format.h>

#include <array>
#include <atomic>
#include <thread>

#include "table/store.h"

namespace sluice::table {
namespace {

constexpr int racers = 4;
constexpr int rounds = 3;
constexpr std::string_view probe_dir = "_sluice/tmp/probe";

struct Race {
  std::array<Result<void>, racers> results{};
  std::string name;
};

void run(Store& store, Race& race) {
  std::atomic<int> waiting{racers};
  std::array<std::thread, racers> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&store, &race, &waiting, i] {
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      race.results[i] = store.put_new(race.name, as_bytes(fmt::format("racer {}", i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Result<void> judge(Store& store, const Race& race) {
  int winner = -1;
  for (std::size_t i = 0; i < race.results.size(); ++i) {
    const Result<void>& result = race.results[i];
    if (!result && result.error().code != Code::already_exists) return result;
    if (!result) continue;
    if (winner >= 0) {
      return base::fail(Code::unsupported,
                        fmt::format("nothing was ingested: at {} two creators of one name both succeeded, so "
                                    "two workers could commit the same records",
                                    store.path("")),
                        "put the table on a local ext4, xfs or btrfs file system");
    }
    winner = static_cast<int>(i);
  }
  const auto content = SLUICE_TRY(store.get(race.name, 64));
  if (winner < 0 || !content || as_text(*content) != fmt::format("racer {}", winner)) {
    return base::fail(
        Code::unsupported,
        fmt::format("nothing was ingested: at {} a created name does not hold what its creator wrote",
                    store.path("")),
        "put the table on a local ext4, xfs or btrfs file system");
  }
  return {};
}

}  // namespace

Result<void> probe(Store& store, std::string_view nonce) {
  for (int round = 0; round < rounds; ++round) {
    Race race;
    race.name = fmt::format("{}/{}-{}", probe_dir, nonce, round);
    run(store, race);
    const Result<void> judged = judge(store, race);
    SLUICE_TRY(store.remove_temporary(race.name));
    if (!judged) return judged;
  }
  return {};
}

}  // namespace sluice::table
