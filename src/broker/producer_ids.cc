#include "broker/producer_ids.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <string_view>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

constexpr std::string_view prefix = "sluice-producer-ids 1\nreserved-below ";

std::string encode(std::int64_t end) {
  std::string text = fmt::format("{}{}\n", prefix, end);
  text += fmt::format("crc32c {:08x}\n", crc32c(as_bytes(text)));
  return text;
}

}  // namespace

Result<ProducerIds> ProducerIds::open(env::FileSystem& fs, std::string data_dir) {
  const std::string path = env::join(data_dir, file_name);
  if (!SLUICE_TRY(fs.exists(path))) return ProducerIds(fs, path, 0);
  const Bytes content = SLUICE_TRY(fs.read_file(path, 4096));
  const std::string_view text = as_text(content);
  std::int64_t end = -1;
  if (text.starts_with(prefix)) std::from_chars(text.data() + prefix.size(), text.data() + text.size(), end);
  if (end < 0 || text != encode(end)) {
    return fail(Code::corrupt, fmt::format("{}: not what was written; no producer id was given", path),
                "restore it from a copy: ids that are given twice lose records");
  }
  return ProducerIds(fs, path, end);
}

Result<ProducerId> ProducerIds::next() {
  while (true) {
    if (next_ == end_) {
      if (end_ > std::numeric_limits<std::int64_t>::max() - block_size)
        return refuse(wire::ErrorCode::unknown_server_error, "no producer id is left");
      SLUICE_TRY(fs_->replace_file_durable(path_, as_bytes(encode(end_ + block_size))));
      end_ += block_size;
    }
    const std::int64_t id = next_++;
    if (taken_.erase(id) == 0) return ProducerId{id};
  }
}

}  // namespace sluice::broker
