#include "audit/table_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "table/names.h"

namespace sluice::audit {
namespace {

constexpr int directory_depth_max = 32;

Result<void> list_files(env::FileSystem& files, const std::string& root, const std::string& relative,
                        int depth, std::set<std::string>& out) {
  if (depth > directory_depth_max) {
    return fail(Code::limit_exceeded, fmt::format("directories below {} are nested too deeply", root));
  }
  for (const auto& entry : SLUICE_TRY(files.list(relative.empty() ? root : env::join(root, relative)))) {
    if (entry.name.starts_with('_') || entry.name.starts_with('.')) continue;  // readers skip them
    const auto name = relative.empty() ? entry.name : env::join(relative, entry.name);
    if (entry.is_dir) {
      SLUICE_TRY(list_files(files, root, name, depth + 1, out));
    } else {
      out.insert(name);  // whatever it is called: some readers take every file for data
    }
  }
  return {};
}

Result<std::vector<env::DirEntry>> list_if_there(env::FileSystem& files, const std::string& dir) {
  if (!SLUICE_TRY(files.exists(dir))) return std::vector<env::DirEntry>{};
  return files.list(dir);
}

/// The number that a partition's directory is called by.
std::optional<PartitionId> parse_partition(const std::string& name) {
  std::int32_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size() || number < 0) return std::nullopt;
  return PartitionId(number);
}

bool belongs(const table::CommitObject& object, const table::Descriptor& descriptor, PartitionId partition) {
  return object.topic_id == descriptor.topic_id && object.cluster_id == descriptor.cluster_id &&
         object.partition == partition;
}

using Ends = std::map<PartitionId, Offset>;

void raise_end(Ends& ends, PartitionId partition, Offset end) {
  auto& known = ends.try_emplace(partition, end).first->second;
  known = std::max(known, end);
}

/// What else than data files is named by the end of a commit: quarantine files and checkpoints.
Result<void> list_hidden_ends(env::FileSystem& files, const std::string& root, const Uuid& topic_id,
                              Ends& ends) {
  for (const auto& entry : SLUICE_TRY(list_if_there(files, env::join(root, "_sluice/quarantine")))) {
    const auto named = parse_data_file_name("part-" + entry.name);
    if (named && named->topic_id == topic_id) raise_end(ends, named->partition, named->range.end);
  }
  const auto partitions = env::join(root, "_sluice/checkpoints/" + to_string(topic_id));
  for (const auto& entry : SLUICE_TRY(list_if_there(files, partitions))) {
    const auto partition = parse_partition(entry.name);
    if (!entry.is_dir || !partition) continue;
    for (const auto& checkpoint : SLUICE_TRY(files.list(env::join(partitions, entry.name)))) {
      if (const auto end = table::parse_padded(checkpoint.name)) raise_end(ends, *partition, *end);
    }
  }
  return {};
}

/// Reads one commit object into `chain`, or says why not.
Result<void> read_commit(env::FileSystem& files, const std::string& root, const table::Descriptor& descriptor,
                         PartitionId partition, const std::string& name, Chain& chain) {
  const bool first = name == table::first_commit;
  const auto begin = table::parse_padded(name);
  if (!first && !begin) return {};  // no commit object's name
  const auto path =
      fmt::format("{}/{}", env::join(root, table::commits_dir({descriptor.topic_id, partition})), name);
  const auto bytes = SLUICE_TRY(files.read_file(path, table::commit_object_bytes_max));
  auto object = table::decode_commit_object(bytes);
  if (!object) {
    chain.findings.push_back(
        {true, fmt::format("commit object {} is damaged: {}", path, object.error().message)});
    return {};
  }
  if (!belongs(*object, descriptor, partition) || (begin && object->range.begin != *begin)) {
    chain.findings.push_back({true, fmt::format("commit object {} does not belong where it is", path)});
    return {};
  }
  chain.commits.push_back(*std::move(object));
  return {};
}

Offset chain_start(const table::Descriptor& descriptor, PartitionId partition) {
  const auto index = static_cast<std::size_t>(partition.value);
  return index < descriptor.starts.size() ? descriptor.starts[index] : Offset{0};
}

/// Finds what no commit object covers. `named_end` is the largest end in the name of a file or a checkpoint.
void find_holes(Chain& chain, Offset start, Offset named_end) {
  std::ranges::sort(chain.commits, {}, [](const auto& commit) { return commit.range.begin; });
  Offset at = start;
  std::vector<table::CommitObject> kept;
  for (auto& commit : chain.commits) {
    if (commit.range.begin < at) {
      chain.findings.push_back(
          {true, fmt::format("commit object at {} overlaps the one before it, which ends at {}",
                             commit.range.begin.value, at.value)});
      continue;
    }
    if (commit.range.begin > at) chain.holes.push_back({at, commit.range.begin});
    at = commit.range.end;
    kept.push_back(std::move(commit));
  }
  chain.commits = std::move(kept);
  if (named_end > at) chain.holes.push_back({at, named_end});
  for (const auto hole : chain.holes) {
    chain.findings.push_back(
        {true, fmt::format("no commit object covers [{}, {})", hole.begin.value, hole.end.value)});
  }
}

Result<void> list_chains(env::FileSystem& files, const std::string& root, Listing& listing) {
  const auto& descriptor = listing.descriptor;
  const auto topics = env::join(root, "_sluice/commits");
  for (const auto& entry : SLUICE_TRY(list_if_there(files, topics))) {
    if (entry.name != to_string(descriptor.topic_id)) {
      listing.findings.push_back(
          {true, fmt::format("{}/{} holds commits of another topic", topics, entry.name)});
    }
  }
  const auto partitions = env::join(topics, to_string(descriptor.topic_id));
  for (const auto& entry : SLUICE_TRY(list_if_there(files, partitions))) {
    const auto partition = parse_partition(entry.name);
    if (!entry.is_dir || !partition) continue;
    auto& chain = listing.chains[*partition];
    for (const auto& object : SLUICE_TRY(files.list(env::join(partitions, entry.name)))) {
      SLUICE_TRY(read_commit(files, root, descriptor, *partition, object.name, chain));
    }
  }
  return {};
}

}  // namespace

OffsetRange Chain::covered() const {
  if (commits.empty() && holes.empty()) return {};
  OffsetRange out =
      commits.empty() ? holes.front() : OffsetRange{commits.front().range.begin, commits.back().range.end};
  for (const auto hole : holes) {
    out.begin = std::min(out.begin, hole.begin);
    out.end = std::max(out.end, hole.end);
  }
  return out;
}

std::optional<NamedRange> parse_data_file_name(std::string_view name) {
  constexpr std::size_t uuid_bytes = 22;
  constexpr std::size_t offset_bytes = 20;
  name.remove_prefix(name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1);
  NamedRange out;
  if (!name.starts_with("part-")) return std::nullopt;
  name.remove_prefix(5);
  if (!parse_uuid(name.substr(0, uuid_bytes), out.topic_id)) return std::nullopt;
  name.remove_prefix(uuid_bytes);
  if (!name.starts_with('-')) return std::nullopt;
  name.remove_prefix(1);
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out.partition.value);
  if (error != std::errc{} || out.partition.value < 0) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  if (name.size() < 2 * (offset_bytes + 1) || name[0] != '-' || name[offset_bytes + 1] != '-')
    return std::nullopt;
  const auto first = table::parse_padded(name.substr(1, offset_bytes));
  const auto last = table::parse_padded(name.substr(offset_bytes + 2, offset_bytes));
  if (!first || !last || *last <= *first) return std::nullopt;
  out.range = {*first, *last};
  return out;
}

Result<Listing> list_table(env::FileSystem& files, const std::string& directory) {
  const auto descriptor_path = env::join(directory, table::descriptor_name);
  if (!SLUICE_TRY(files.exists(descriptor_path))) {
    return fail(Code::not_found, fmt::format("there is no table at {}, nothing was audited", directory),
                "sluice ingest run, or check --lake and --topic");
  }
  Listing listing;
  const auto bytes = SLUICE_TRY(files.read_file(descriptor_path, table::descriptor_bytes_max));
  listing.descriptor = SLUICE_TRY(table::decode_descriptor(bytes));
  // Names before commit objects: what a worker makes meanwhile has its commit object first.
  Ends named_ends;
  SLUICE_TRY(list_files(files, directory, "", 0, listing.files));
  SLUICE_TRY(list_hidden_ends(files, directory, listing.descriptor.topic_id, named_ends));
  SLUICE_TRY(list_chains(files, directory, listing));

  for (const auto& file : listing.files) {
    const auto named = parse_data_file_name(file);
    if (!named || named->topic_id != listing.descriptor.topic_id) continue;
    raise_end(named_ends, named->partition, named->range.end);
  }
  for (const auto& [partition, end] : named_ends)
    listing.chains[partition];  // one of which nothing may be left
  for (auto& [partition, chain] : listing.chains) {
    find_holes(chain, chain_start(listing.descriptor, partition), named_ends[partition]);
  }
  return listing;
}

}  // namespace sluice::audit
