#include "lake/quarantine.h"

#include <fmt/format.h>

#include <iterator>

#include "lake/names.h"
#include "record/records.h"

namespace sluice::lake {
namespace {

constexpr std::size_t buffer_bytes_max = 256 * 1024;

void append_base64_or_null(std::string& out, std::optional<BytesView> bytes) {
  if (!bytes) {
    out += "null";
    return;
  }
  out += '"';
  append_base64(out, *bytes);
  out += '"';
}

}  // namespace

Result<std::string> quarantine_line(PartitionId partition, const Record& record, std::string_view reason) {
  std::string line =
      fmt::format("{{\"partition\":{},\"offset\":{},\"timestamp\":{},\"reason\":", partition.value,
                  record.offset.value, record.timestamp_ms);
  append_json_string(line, reason);
  line += ",\"key\":";
  append_base64_or_null(line, record.key);
  line += ",\"value\":";
  append_base64_or_null(line, record.value);
  line += ",\"headers\":[";
  record::RecordView view;
  view.headers = record.headers;
  view.headers_count = record.headers_count;
  bool first = true;
  SLUICE_TRY(record::for_each_header(view, [&](const record::HeaderView& header) {
    line += first ? "[" : ",[";
    first = false;
    append_base64_or_null(line, as_bytes(header.key));
    line += ',';
    append_base64_or_null(line, header.value);
    line += ']';
  }));
  line += "]}\n";
  return line;
}

Result<void> QuarantineWriter::add(const Record& record, std::string_view reason) {
  buffer_ += SLUICE_TRY(quarantine_line(partition_, record, reason));
  ++records_;
  if (buffer_.size() < buffer_bytes_max) return {};
  return write_out();
}

Result<void> QuarantineWriter::write_out() {
  if (file_ == nullptr) file_ = SLUICE_TRY(fs_.open(path_, env::OpenMode::create_new));
  SLUICE_TRY(file_->write_at(written_, as_bytes(buffer_)));
  hash_.update(buffer_.data(), buffer_.size());
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<QuarantineFile> QuarantineWriter::finish() {
  SLUICE_TRY(write_out());
  SLUICE_TRY(file_->sync());
  file_.reset();
  return QuarantineFile{path_, records_, written_, hash_.digest()};
}

}  // namespace sluice::lake
