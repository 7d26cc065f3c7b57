// Loads sluice-lake.so when a command needs it (decision record 0002).
#include <dlfcn.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "cli/command.h"

namespace sluice::cli {
namespace {

constexpr const char* module_name = "sluice-lake.so";

/// The directory of the running binary; "." where the system does not tell.
std::string binary_dir() {
  std::array<char, PATH_MAX> path{};
  const auto length = readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return ".";
  const std::string_view text(path.data(), static_cast<std::size_t>(length));
  return std::string(text.substr(0, text.rfind('/')));
}

}  // namespace

int run_in_lake_module(std::string_view command, const std::vector<std::string>& arguments) {
  const auto dir = binary_dir();
  const std::array<std::string, 2> places = {dir + "/" + module_name, dir + "/../lib/sluice/" + module_name};
  std::string why;
  for (const auto& place : places) {
    if (access(place.c_str(), R_OK) != 0) continue;
    void* const module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) {
      why = dlerror();
      break;
    }
    using Entry = int (*)(const char*, int, const char* const*);
    const auto entry = reinterpret_cast<Entry>(dlsym(module, "sluice_lake_run"));
    if (entry == nullptr) {
      why = place + " has no sluice_lake_run";
      break;
    }
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    return entry(std::string(command).c_str(), static_cast<int>(argv.size()), argv.data());
  }
  if (why.empty()) why = "neither " + places[0] + " nor " + places[1] + " is there";
  return report(
      Error{Code::not_found,
            fmt::format("'sluice {}' did not start, because its module did not load: {}", command, why),
            "install or build sluice-lake.so beside the binary", 0});
}

}  // namespace sluice::cli
