#include "table/publish.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "table/names.h"

namespace sluice::table {
namespace {

constexpr int rebuild_attempts_max = 3;

enum class Place : std::uint8_t { published, present, lost };

/// Whether `file.name` is occupied, and by the recorded content; then also durably.
Result<bool> is_present(Store& store, const CommitFile& file, Content& content) {
  const auto bytes = SLUICE_TRY(store.size(file.name));
  if (!bytes) return false;
  // A name is only ever given to a complete and durable file, so that the size tells; a file that was made a
  // second time may have another one, and then its rows decide.
  if (*bytes != file.bytes && !SLUICE_TRY(content.holds(file.name, file))) {
    return base::fail(
        Code::corrupt,
        fmt::format(
            "{} was not published: the name is taken by another content ({} bytes where {} were committed)",
            file.name, *bytes, file.bytes),
        "move the foreign file away and start again: the committed one is made anew");
  }
  const std::size_t slash = file.name.rfind('/');
  SLUICE_TRY(store.sync_names(slash == std::string::npos ? std::string() : file.name.substr(0, slash)));
  return true;
}

Result<Place> place(Store& store, const CommitFile& file, const std::string& temporary, Content& content,
                    bool fresh) {
  if (!fresh) {
    if (SLUICE_TRY(is_present(store, file, content))) {
      SLUICE_TRY(store.remove_temporary(temporary));  // a crash can leave a renamed file under both names
      return Place::present;
    }
    if (!SLUICE_TRY(store.size(temporary))) return Place::lost;
    if (!SLUICE_TRY(content.holds(temporary, file))) return Place::lost;
  }
  Result<void> published = store.publish(temporary, file.name);
  if (published) return Place::published;
  const Code code = published.error().code;
  if (code != Code::already_exists && code != Code::not_found)
    return std::unexpected(std::move(published.error()));
  // Another worker was faster, or the temporary file is gone.
  if (!SLUICE_TRY(is_present(store, file, content))) return Place::lost;
  SLUICE_TRY(store.remove_temporary(temporary));
  return Place::present;
}

Result<std::int64_t> rebuild(Store& store, const CommitObject& object, const std::vector<bool>& lost,
                             Content& content) {
  const std::vector<std::string> made = SLUICE_TRY(content.rebuild(object));
  if (made.size() != object.files.size()) {
    return base::fail(
        Code::corrupt,
        fmt::format("partition {} offsets [{},{}) were not made again: {} files came out, {} were committed",
                    object.partition.value, object.range.begin.value, object.range.end.value, made.size(),
                    object.files.size()));
  }
  std::int64_t placed = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (!lost[i]) {
      SLUICE_TRY(store.remove_temporary(made[i]));
      continue;
    }
    if (SLUICE_TRY(place(store, object.files[i], made[i], content, true)) != Place::lost) ++placed;
  }
  return placed;
}

}  // namespace

Result<PublishReport> publish(Store& store, const CommitObject& object, Content& content, bool fresh) {
  PublishReport report;
  for (int attempt = 0; attempt < rebuild_attempts_max; ++attempt) {
    std::vector<bool> lost(object.files.size(), false);
    std::int64_t lost_count = 0;
    for (std::size_t i = 0; i < object.files.size(); ++i) {
      const CommitFile& file = object.files[i];
      const Place where = SLUICE_TRY(place(store, file, file.temporary, content, fresh && attempt == 0));
      if (attempt == 0)
        (where == Place::published ? report.published : report.present) += where == Place::lost ? 0 : 1;
      lost[i] = where == Place::lost;
      lost_count += where == Place::lost ? 1 : 0;
    }
    if (lost_count == 0) return report;
    const std::int64_t placed = SLUICE_TRY(rebuild(store, object, lost, content));
    report.rebuilt += placed;
    if (placed == lost_count) return report;
  }
  // Somebody removes what is being made: a sweep of another worker can do so once, but not again and again.
  return base::fail(Code::conflict,
                    fmt::format("partition {} offsets [{},{}) are committed and were not published: their "
                                "temporary files keep vanishing",
                                object.partition.value, object.range.begin.value, object.range.end.value),
                    "see which program removes files under _sluice/tmp, then start again");
}

Result<std::int64_t> sweep(Store& store, CommitLog& log) {
  if (!log.started()) return 0;
  const std::string dir = temporaries_dir(log.id());
  std::map<Offset, std::optional<CommitObject>> objects;
  std::int64_t removed = 0;
  for (const std::string& last_part : SLUICE_TRY(store.list(dir))) {
    const auto begin = temporary_begin(last_part);
    if (!begin || *begin >= log.end()) continue;  // it may still be committed (X3)
    if (!objects.contains(*begin)) objects.emplace(*begin, SLUICE_TRY(log.object_at(*begin)));
    const std::optional<CommitObject>& object = objects.at(*begin);
    const std::string name = dir + "/" + last_part;
    bool named = false;
    if (object) {
      for (const CommitFile& file : object->files) named = named || file.temporary == name;
    }
    if (named) continue;
    SLUICE_TRY(store.remove_temporary(name));
    ++removed;
  }
  return removed;
}

}  // namespace sluice::table
