// An answer on its way out: encoded bytes, and the owners of those that were not copied.
#pragma once

#include <memory>
#include <vector>

#include "wire/writer.h"

namespace sluice::broker {

struct Answer {
  wire::Writer frame;                               ///< size prefix, header and message
  std::vector<std::shared_ptr<const void>> owners;  ///< of what `frame` borrows
};

}  // namespace sluice::broker
