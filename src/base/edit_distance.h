// How far two names are apart, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::base {

/// The least number of bytes to insert, remove or replace that makes `b` of `a`. Time and space grow with the
/// product and the sum of the lengths: for names, not for texts.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace sluice::base
