// Opening a partition's directory whose files were damaged.
//
// Input: plan u8 (bits 0 to 3: batches; bit 4: clean shutdown; bit 5: believe in it) | damages, each
//   file u8 | how u8 | place u16 | length u8 | bytes
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "fuzz/input.h"
#include "log/partition_log.h"
#include "record/builder.h"
#include "sim/file_system.h"

namespace sluice::log {
namespace {

constexpr std::size_t damages_max = 6;
constexpr std::int64_t now_ms = 1'700'000'000'000;
constexpr LeaderEpoch epoch{3};
const TopicPartition id{"t", PartitionId{0}};
const std::string data_dir = "/data";
const std::string log_dir = "/data/t-0";

LogOptions small_options() {
  LogOptions options;
  options.segment_bytes_max = 700;  // a few batches a segment
  options.index_interval_bytes = 200;
  options.segment_index_bytes_max = 1024;
  return options;
}

struct Stored {
  Offset offset;
  Bytes bytes;
};

/// A batch whose size and producer depend on `number`.
Bytes make_batch(unsigned number) {
  record::BatchBuilder builder(number % 3 == 0 ? record::Codec::lz4 : record::Codec::none);
  if (number % 2 == 0)
    builder.set_producer(ProducerId{number % 4}, ProducerEpoch{0}, static_cast<std::int32_t>(number / 4 * 2));
  const Bytes value(30 + number * 13 % 200, static_cast<std::byte>(number));
  builder.add(now_ms + number, std::nullopt, value);
  builder.add(now_ms + number + 1, BytesView(value).first(4), std::nullopt);
  return to_owned(builder.finish().value());
}

/// A partition's directory as a broker left it, and what is in it.
struct Filled {
  std::vector<Stored> stored;
  std::vector<std::pair<std::string, Bytes>> files;
};

Filled fill(unsigned batches, bool close) {
  sim::FileSystem fs;
  SLUICE_ASSERT(fs.create_dir(data_dir).has_value());
  auto log = PartitionLog::create(fs, data_dir, id, Uuid{1, 2}, small_options());
  SLUICE_ASSERT(log.has_value());
  Filled filled;
  for (unsigned i = 0; i < batches; ++i) {
    Bytes batch = make_batch(i);
    const auto appended = (*log)->append(batch, epoch, now_ms + i);
    if (!appended) continue;  // a sequence that does not follow
    filled.stored.push_back({appended->range.begin, batch});
    if (i % 3 != 2) SLUICE_ASSERT((*log)->sync().has_value());
  }
  if (close) SLUICE_ASSERT((*log)->close().has_value());
  const auto names = fs.list(log_dir).value();
  for (const auto& file : names)
    filled.files.emplace_back(file.name, fs.read_file(env::join(log_dir, file.name), 1 << 24).value());
  return filled;
}

/// Filling costs more than all that follows, and there are only so many ways to do it.
const Filled& filled(std::uint8_t plan) {
  static std::map<std::uint8_t, Filled> known;
  const auto key = static_cast<std::uint8_t>(plan & 31u);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, fill(plan & 15u, (plan & 16u) != 0)).first->second;
}

void write_file(sim::FileSystem& fs, const std::string& path, BytesView content) {
  auto file = fs.open(path, env::OpenMode::create_truncate).value();
  SLUICE_ASSERT(file->write_at(0, content).has_value());
}

enum class How : std::uint8_t { overwrite, cut, append, replace, remove, batch_with_crc, count };

/// Overwrites bytes of the batch around `place` and makes its checksum right again.
void bend_batch(Bytes& content, std::size_t place, BytesView bytes) {
  BytesView rest(content);
  while (true) {
    const std::size_t at = content.size() - rest.size();
    const auto batch = record::next_batch(rest);
    if (!batch || !*batch) return;
    if (at + (*batch)->size() <= place) continue;
    const std::size_t size = (*batch)->size();
    const std::size_t from = std::max(place, at);
    const std::size_t count = std::min(bytes.size(), at + size - from);
    std::copy_n(bytes.begin(), count, content.begin() + static_cast<std::ptrdiff_t>(from));
    store_be<std::uint32_t>(content.data() + at + 17,
                            base::crc32c(BytesView(content).subspan(at + 21, size - 21)));
    return;
  }
}

void damage(sim::FileSystem& fs, const std::string& path, How how, std::size_t place, BytesView bytes) {
  if (how == How::remove) {
    SLUICE_ASSERT(fs.remove_file(path).has_value());
    return;
  }
  Bytes content = fs.read_file(path, 1 << 24).value();
  place = content.empty() ? 0 : place % content.size();
  const auto at = content.begin() + static_cast<std::ptrdiff_t>(place);
  if (how == How::overwrite) std::copy_n(bytes.begin(), std::min(bytes.size(), content.size() - place), at);
  if (how == How::cut) content.resize(place);
  if (how == How::append) content.insert(content.end(), bytes.begin(), bytes.end());
  if (how == How::replace) content = to_owned(bytes);
  if (how == How::batch_with_crc) bend_batch(content, place, bytes);
  write_file(fs, path, content);
}

/// True where a log file itself was damaged.
bool damage_some(sim::FileSystem& fs, fuzz::Input& input) {
  bool log_damaged = false;
  for (std::size_t i = 0; i < damages_max && !input.empty(); ++i) {
    const auto files = fs.list(log_dir).value();
    if (files.empty()) break;
    const auto& file = files[input.u8() % files.size()];
    const auto how = static_cast<How>(input.u8() % static_cast<unsigned>(How::count));
    const std::size_t place = input.u16();
    const auto bytes = input.take(input.u8());
    if (file.is_dir) continue;
    log_damaged = log_damaged || file.name.ends_with(log_suffix);
    damage(fs, env::join(log_dir, file.name), how, place, bytes);
  }
  return log_damaged;
}

/// Reads everything that is served. Whole log files serve what was written, one batch after the other: no
/// other file may hide a record.
void read_all(PartitionLog& log, const std::vector<Stored>& stored, bool log_damaged) {
  Bytes buffer(64 << 10);
  Offset at = log.log_start_offset();
  while (at < log.high_watermark()) {
    const auto slice = log.read(at, log.high_watermark(), buffer);
    if (!slice) {
      SLUICE_ASSERT(log_damaged || log.halted());
      return;
    }
    if (slice->bytes == 0) {
      SLUICE_ASSERT(log_damaged || slice->bytes_needed > 0);
      SLUICE_ASSERT(slice->bytes_needed <= (std::size_t{1} << 24));
      return;
    }
    SLUICE_ASSERT(slice->next > at);
    Offset expected = at;
    BytesView rest = BytesView(buffer).first(slice->bytes);
    while (!rest.empty()) {
      const auto batch = record::next_batch(rest);
      if (!batch && log_damaged) return;  // trusted segments are served unread; readers check the CRC
      SLUICE_ASSERT(batch.has_value() && batch->has_value());
      const bool known = std::ranges::any_of(stored, [&](const Stored& s) {
        return s.offset == (*batch)->base_offset() && std::ranges::equal(s.bytes, (*batch)->bytes());
      });
      SLUICE_ASSERT(known || log_damaged);
      const bool joins = (*batch)->base_offset() == expected || log_damaged;
      SLUICE_ASSERT(joins);
      expected = (*batch)->range().end;
    }
    at = slice->next;
  }
}

void use(PartitionLog& log, const std::vector<Stored>& stored, bool log_damaged) {
  SLUICE_ASSERT(log.log_start_offset() <= log.high_watermark());
  SLUICE_ASSERT(log.high_watermark() <= log.log_end_offset());
  read_all(log, stored, log_damaged);
  static_cast<void>(log.offset_for_timestamp(now_ms + 3, log.high_watermark()));
  static_cast<void>(log.max_timestamp());
  static_cast<void>(log.end_offset_for_epoch(epoch));
  static_cast<void>(log.epoch_at(Offset{1}));
  Bytes batch = make_batch(1);
  const Offset end = log.log_end_offset();
  const auto appended = log.append(batch, LeaderEpoch{epoch.value + 1}, now_ms + 100);
  if (!appended) return;
  SLUICE_ASSERT(appended->range.begin == end);
  SLUICE_ASSERT(log.sync().has_value());
  SLUICE_ASSERT(log.high_watermark() == appended->range.end);
  Bytes buffer(batch.size());
  const auto slice = log.read(appended->range.begin, log.high_watermark(), buffer);
  SLUICE_ASSERT(slice.has_value() && slice->bytes == batch.size());
  SLUICE_ASSERT(buffer == batch);
}

}  // namespace
}  // namespace sluice::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::log;
  fuzz::Input input(data, size);
  const std::uint8_t plan = input.u8();
  sim::FileSystem fs;
  const Filled& before = filled(plan);
  SLUICE_ASSERT(fs.create_dir(data_dir).has_value() && fs.create_dir(log_dir).has_value());
  for (const auto& [name, content] : before.files) write_file(fs, env::join(log_dir, name), content);
  const bool log_damaged = damage_some(fs, input);
  const OpenHints hints{.clean = (plan & 32u) != 0, .recovery_point = Offset{0}, .now_ms = now_ms};
  const auto log = PartitionLog::open(fs, data_dir, id, small_options(), hints);
  if (log) use(**log, before.stored, log_damaged);
  return 0;
}
