// SLUICE_ASSERT: a broken promise of our own code ends the process. Never used on bytes from outside.
#pragma once

namespace sluice::base {
[[noreturn]] void assert_failed(const char* condition, const char* file, int line);
}

#define SLUICE_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::base::assert_failed(#condition, __FILE__, __LINE__))
