#include "broker/uptime_clock.h"

#include <fmt/format.h>

#include <charconv>

#include "base/crc32c.h"

namespace sluice::broker {
namespace {

constexpr std::uint64_t file_bytes_max = 4096;
constexpr std::string_view prefix = "sluice-uptime 1\nms ";

std::string encode(std::int64_t ms) {
  std::string text = fmt::format("{}{}\n", prefix, ms);
  text += fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text)));
  return text;
}

}  // namespace

Result<UptimeClock> UptimeClock::open(const env::Env& env, const std::string& data_dir) {
  const std::string path = env::join(data_dir, uptime_clock_name);
  if (!SLUICE_TRY(env.fs->exists(path))) return UptimeClock{env, path, env.clock->wall_ms()};
  const Bytes content = SLUICE_TRY(env.fs->read_file(path, file_bytes_max));
  const std::string_view text = as_text(content);
  std::int64_t ms = -1;
  if (text.starts_with(prefix)) std::from_chars(text.data() + prefix.size(), text.data() + text.size(), ms);
  if (ms >= 0 && text == encode(ms)) return UptimeClock{env, path, ms};
  return fail(Code::corrupt, fmt::format("{}: not what was written; nothing was opened", path),
              "remove it: ages are then counted on from the time of day");
}

std::int64_t UptimeClock::now_ms() const {
  return begin_ms_ +
         std::chrono::duration_cast<std::chrono::milliseconds>(env_.clock->now() - began_).count();
}

Result<void> UptimeClock::save() const {
  return env_.fs->replace_file_durable(path_, as_bytes(encode(now_ms())));
}

}  // namespace sluice::broker
