#include "log/control_batch.h"

#include <fmt/format.h>

namespace sluice::log {
namespace {

/// A marker takes 78 bytes; a later version may say more in it.
constexpr std::uint64_t control_bytes_max = 4096;

std::unexpected<Error> too_large(std::uint64_t bytes) {
  return fail(Code::corrupt, fmt::format("a control batch has {} bytes", bytes));
}

}  // namespace

Result<std::optional<record::ControlMarker>> marker_of(BytesView batch) {
  if (batch.size() > control_bytes_max) return too_large(batch.size());
  const record::BatchView view = SLUICE_TRY(record::BatchView::parse(batch));
  if (view.records_count() == 0) return std::nullopt;
  return record::parse_control(view);
}

Result<std::optional<record::ControlMarker>> read_marker(env::File& file, const Located& batch) {
  if (batch.head.bytes > control_bytes_max) return too_large(batch.head.bytes);
  std::byte bytes[control_bytes_max];
  const MutableBytes wanted{bytes, static_cast<std::size_t>(batch.head.bytes)};
  if (SLUICE_TRY(file.read_at(batch.position, wanted)) < wanted.size()) {
    return fail(Code::corrupt, "a control batch is cut short");
  }
  return marker_of(wanted);
}

void note_stored(const BatchHead& head, const std::optional<record::ControlMarker>& marker,
                 std::int64_t now_ms, ProducerTable& table, TxnIndex* txns) {
  if (!head.has_producer()) return;
  if (!head.is_control) return table.note(head, now_ms);
  if (!marker) return;
  const std::optional<AbortedTransaction> aborted = table.note_marker(head, *marker, now_ms);
  if (aborted && txns != nullptr) txns->note(*aborted);
}

}  // namespace sluice::log
