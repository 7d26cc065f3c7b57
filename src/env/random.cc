#include "env/random.h"

namespace sluice::env {

base::Uuid Random::next_uuid() {
  while (true) {
    base::Uuid id{next_u64(), next_u64()};
    // Version 4 and the RFC's variant, as java.util.UUID makes them.
    id.high = (id.high & ~0xf000ull) | 0x4000ull;
    id.low = (id.low & ~(0xc000ull << 48)) | (0x8000ull << 48);
    if (base::to_string(id).front() != '-') return id;
  }
}

}  // namespace sluice::env
