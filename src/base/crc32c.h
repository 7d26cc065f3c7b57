// CRC-32C (Castagnoli), as Kafka's record batches and our own formats use it.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace sluice::base {

/// The CRC-32C of `bytes`, continued from `crc` (0 to begin with). Uses the processor's instruction where
/// there is one.
std::uint32_t crc32c(BytesView bytes, std::uint32_t crc = 0);

}  // namespace sluice::base
