#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace sluice::base {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "sluice: internal error: %s is not true at %s:%d; nothing more was done\n", condition,
               file, line);
  std::abort();
}

}  // namespace sluice::base
