// The markers of transactions in a log, and whom to tell of a stored batch. Internal to `log`.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "env/file_system.h"
#include "log/batch_head.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/txn_index.h"
#include "record/batch.h"

namespace sluice::log {

/// The marker that the control batch `batch` holds; nothing where it is of another kind, or where compaction
/// took its record.
/// errors   corrupt: no control batch is like that
Result<std::optional<record::ControlMarker>> marker_of(BytesView batch);
/// The same of a batch in a log file. corrupt, io_failed.
Result<std::optional<record::ControlMarker>> read_marker(env::File& file, const Located& batch);

/// Tells `table` of a batch that is in the log, and `txns`, where it is given, of a transaction that it
/// aborted.
/// marker   what it holds, where it is a control batch
void note_stored(const BatchHead& head, const std::optional<record::ControlMarker>& marker,
                 std::int64_t now_ms, ProducerTable& table, TxnIndex* txns);

}  // namespace sluice::log
