// The records of __transaction_state, byte for byte as Apache Kafka writes them: key version 0, value version
// 1, which transaction.version 1 and 2 use; value version 0 is read as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/transaction.h"

namespace sluice::broker {

Bytes transaction_key(const std::string& transactional_id);
Bytes transaction_value(const TransactionFacts& facts);

struct TransactionChange {
  std::string transactional_id;
  std::optional<TransactionFacts> facts;  ///< nullopt: it was removed
};
/// Nothing for a key of a version that is not known: it is passed over, as Kafka does.
/// errors   corrupt: cut short, or a value of a version or state that is not known
Result<std::optional<TransactionChange>> parse_transaction_record(BytesView key,
                                                                  const std::optional<BytesView>& value);

}  // namespace sluice::broker
