// What the coordinator says, in the words of the paths that write: producers wait for those.
#pragma once

#include "wire/errors.h"

namespace sluice::broker {

/// `knows_abortable`: the request's version has TRANSACTION_ABORTABLE.
inline wire::ErrorCode as_producers_know_it(wire::ErrorCode error, bool knows_abortable) {
  using wire::ErrorCode;
  if (error == ErrorCode::producer_fenced) return ErrorCode::invalid_producer_epoch;
  if (error == ErrorCode::transaction_abortable && !knows_abortable) return ErrorCode::invalid_txn_state;
  return error;
}

}  // namespace sluice::broker
