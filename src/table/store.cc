#include "table/store.h"

namespace sluice::table {
namespace {

constexpr std::size_t name_bytes_max = 4096;
constexpr std::size_t part_bytes_max = 255;

}  // namespace

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part.size() > part_bytes_max || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace sluice::table
