#include "broker/identity.h"

#include <fmt/format.h>

#include <map>
#include <string_view>

#include "base/bytes.h"

namespace sluice::broker {
namespace {

constexpr std::string_view file_name = "meta.properties";
constexpr std::uint64_t file_bytes_max = 64 * 1024;

std::map<std::string, std::string, std::less<>> parse_properties(std::string_view text) {
  std::map<std::string, std::string, std::less<>> values;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    values.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return values;
}

Result<Identity> read_identity(std::string_view text, const std::string& path, std::int32_t node_id) {
  const auto values = parse_properties(text);
  const auto get = [&](std::string_view name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string{} : found->second;
  };
  Identity identity{get("cluster.id"), node_id, get("directory.id")};
  if (get("version") != "1" || identity.cluster_id.empty())
    return fail(Code::corrupt,
                fmt::format("{}: no version=1 and cluster.id; the directory was not opened", path));
  if (get("node.id") != std::to_string(node_id)) {
    return fail(Code::conflict,
                fmt::format("{}: belongs to node {}, this is node {}; the directory was not opened", path,
                            get("node.id"), node_id),
                fmt::format("start with -X node.id={}", get("node.id")));
  }
  return identity;
}

}  // namespace

Result<Identity> load_identity(env::FileSystem& fs, env::Random& random, const std::string& data_dir,
                               std::int32_t node_id) {
  const std::string path = env::join(data_dir, file_name);
  if (SLUICE_TRY(fs.exists(path))) {
    const Bytes content = SLUICE_TRY(fs.read_file(path, file_bytes_max));
    return read_identity(as_text(content), path, node_id);
  }
  const Identity made{to_string(random.next_uuid()), node_id, to_string(random.next_uuid())};
  const std::string text = fmt::format("version=1\ncluster.id={}\nnode.id={}\ndirectory.id={}\n",
                                       made.cluster_id, made.node_id, made.directory_id);
  SLUICE_TRY(fs.replace_file_durable(path, as_bytes(text)));
  return made;
}

}  // namespace sluice::broker
