#include "lake/range_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/assert.h"
#include "lake/decoder.h"
#include "lake/hashes.h"
#include "lake/hive_path.h"
#include "lake/layout.h"
#include "lake/parquet_file.h"
#include "lake/quarantine.h"
#include "lake/rows.h"

namespace sluice::lake {
namespace {

constexpr std::uint64_t bytes_per_value_guess = 2;  // of waiting rows, once encoded and compressed

/// One Hive directory's file: rows that wait, and the writer once the first of them were encoded.
struct OpenFile {
  OpenFile(std::string d, const std::vector<ColumnSpec>& layout, PartitionId partition)
      : dir(std::move(d)), rows(layout, partition) {}

  std::string dir;
  std::string path;
  Rows rows;
  std::unique_ptr<ParquetFile> parquet;
};

class Writer final : public RangeWriter {
 public:
  Writer(env::FileSystem& fs, std::string temp_prefix, RangeIds ids, std::shared_ptr<const Schema> schema,
         const Partitioning& partitioning, const WriterOptions& options, Offset begin)
      : fs_(fs),
        temp_prefix_(std::move(temp_prefix)),
        ids_(std::move(ids)),
        options_(options),
        begin_(begin),
        next_(begin),
        partitioned_(!partitioning.empty()),
        layout_(make_layout(*schema, partitioning)),
        decoder_(schema),
        paths_(schema, partitioning),
        quarantine_(fs, temp_prefix_ + "-quarantine", ids_.partition) {}

  Result<Added> add(const Record& record) override {
    if (poison_) return std::unexpected(*poison_);
    if (record.offset < begin_) return Added::taken;
    auto added = record.offset >= next_ ? take(record) : out_of_order(record.offset);
    if (!added) poison_ = added.error();
    return added;
  }

  std::int64_t rows() const override { return rows_; }
  std::int64_t quarantined() const override { return quarantine_.records(); }

  std::uint64_t bytes_estimate() const override {
    std::uint64_t bytes = quarantine_.bytes();
    for (const auto& file : files_) {
      bytes += file->rows.count() * layout_.size() * bytes_per_value_guess;
      if (file->parquet != nullptr) bytes += file->parquet->bytes_estimate();
    }
    return bytes;
  }

  std::size_t memory_bytes() const override {
    std::size_t bytes = static_cast<std::size_t>(256) * 1024;  // the quarantine's buffer, the decoder
    for (const auto& file : files_) {
      bytes += file->rows.memory_bytes() + (file->parquet != nullptr ? file->parquet->memory_bytes() : 0);
    }
    return bytes;
  }

  Result<FinishedRange> finish(Offset end) override {
    if (poison_) return std::unexpected(*poison_);
    SLUICE_ASSERT(!finished_ && end >= next_);
    finished_ = true;
    auto finished = close_all(end);
    if (!finished) poison_ = finished.error();
    return finished;
  }

 private:
  static constexpr std::int64_t memory_check_records = 1024;
  static constexpr std::int64_t records_per_new_file = 32;  // what a directory's empty columns weigh like

  Result<Added> out_of_order(Offset offset) const {
    return fail(Code::corrupt,
                fmt::format("{}-{}: nothing of [{}, ...) was written: offset {} came after offset {}",
                            ids_.topic, ids_.partition.value, begin_.value, offset.value, next_.value - 1));
  }

  Result<Added> take(const Record& record) {
    if (--until_memory_check_ < 0) {
      until_memory_check_ = memory_check_records;
      const bool too_much = options_.memory_bytes_max != 0 && memory_bytes() > options_.memory_bytes_max;
      if (too_much && rows_ + quarantine_.records() > 0) {
        until_memory_check_ = 0;
        return Added::full;
      }
    }
    if (!record.value) return quarantine(record, "no value");
    if (!decoder_.decode(*record.value)) return quarantine(record, decoder_.reason());
    OpenFile* file = nullptr;
    if (partitioned_) {
      if (!paths_.make(decoder_.row(), record.timestamp_ms)) return quarantine(record, paths_.problem());
      file = find_or_open(paths_.path());
      if (file == nullptr) return Added::full;
    } else {
      file = files_.empty() ? find_or_open({}) : files_.front().get();
    }
    file->rows.append(decoder_.row(), record.offset, record.timestamp_ms);
    ++rows_;
    count(record);
    if (file->rows.full()) SLUICE_TRY(encode(*file));
    return Added::taken;
  }

  Result<Added> quarantine(const Record& record, std::string_view reason) {
    SLUICE_TRY(quarantine_.add(record, reason));
    count(record);
    return Added::taken;
  }

  void count(const Record& record) {
    next_ = record.offset + 1;
    raw_hash_ += raw_hash(record.offset, record.timestamp_ms, record.key, record.value);
  }

  /// nullptr where the directory would be one too many.
  OpenFile* find_or_open(const std::string& dir) {
    if (last_ != nullptr && last_->dir == dir) return last_;
    const auto found = by_dir_.find(dir);
    if (found != by_dir_.end()) return last_ = found->second;
    if (files_.size() >= std::max<std::size_t>(1, options_.open_files_max)) return nullptr;
    files_.push_back(std::make_unique<OpenFile>(dir, layout_, ids_.partition));
    last_ = files_.back().get();
    last_->path = fmt::format("{}-{}", temp_prefix_, files_.size());
    by_dir_.emplace(dir, last_);
    until_memory_check_ -= records_per_new_file;
    return last_;
  }

  Result<void> encode(OpenFile& file) {
    if (file.parquet == nullptr) {
      file.parquet = SLUICE_TRY(ParquetFile::create(fs_, file.path, layout_, file.rows, options_));
    }
    SLUICE_TRY(file.parquet->write(file.rows));
    file.rows.hash_and_clear();
    return {};
  }

  KeyValues footer(const OpenFile& file, Offset end) const {
    return {{"sluice.format", "sluice.data/1"},
            {"sluice.cluster_id", ids_.cluster_id},
            {"sluice.topic", ids_.topic},
            {"sluice.topic_id", to_string(ids_.topic_id)},
            {"sluice.partition", std::to_string(ids_.partition.value)},
            {"sluice.begin", std::to_string(begin_.value)},
            {"sluice.end", std::to_string(end.value)},
            {"sluice.rows", std::to_string(file.rows.rows_hashed())},
            {"sluice.hive", file.dir},
            {"sluice.schema_version", std::to_string(ids_.schema_version)},
            {"sluice.logical_hash", hash_text(file.rows.logical_hash())},
            {"sluice.raw_hash", hash_text(raw_hash_)}};
  }

  Result<FinishedRange> close_all(Offset end) {
    FinishedRange out;
    out.range = {begin_, end};
    out.rows = rows_;
    out.quarantined = quarantine_.records();
    out.raw_hash = raw_hash_;
    std::ranges::sort(files_, {}, [](const auto& file) -> const std::string& { return file->dir; });
    for (const auto& file : files_) {
      if (file->rows.count() != 0) SLUICE_TRY(encode(*file));
      DataFile done{file->dir, file->path, static_cast<std::int64_t>(file->rows.rows_hashed()), 0,
                    file->rows.logical_hash()};
      done.bytes = SLUICE_TRY(file->parquet->finish(footer(*file, end)));
      file->parquet.reset();
      out.files.push_back(std::move(done));
    }
    if (quarantine_.records() != 0) out.quarantine = SLUICE_TRY(quarantine_.finish());
    if (!out.files.empty() || out.quarantine) out.dirs_to_sync.push_back(env::parent(temp_prefix_));
    return out;
  }

  env::FileSystem& fs_;
  std::string temp_prefix_;
  RangeIds ids_;
  WriterOptions options_;
  Offset begin_;
  Offset next_;
  bool partitioned_;
  std::vector<ColumnSpec> layout_;
  Decoder decoder_;
  HivePaths paths_;
  QuarantineWriter quarantine_;
  std::vector<std::unique_ptr<OpenFile>> files_;
  std::unordered_map<std::string, OpenFile*> by_dir_;
  OpenFile* last_ = nullptr;
  std::int64_t rows_ = 0;
  std::uint64_t raw_hash_ = 0;
  std::int64_t until_memory_check_ = memory_check_records;
  bool finished_ = false;
  std::optional<Error> poison_;
};

}  // namespace

Result<std::unique_ptr<RangeWriter>> RangeWriter::create(env::FileSystem& fs, std::string temp_prefix,
                                                         RangeIds ids, std::shared_ptr<const Schema> schema,
                                                         const Partitioning& partitioning,
                                                         const WriterOptions& options, Offset begin) {
  if (schema == nullptr || schema->fields().empty()) {
    return fail(Code::invalid_argument, fmt::format("nothing of {}-{} was written: there is no schema",
                                                    ids.topic, ids.partition.value));
  }
  return std::make_unique<Writer>(fs, std::move(temp_prefix), std::move(ids), std::move(schema), partitioning,
                                  options, begin);
}

}  // namespace sluice::lake
