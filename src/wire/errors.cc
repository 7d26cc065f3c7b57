#include "wire/errors.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::wire {
namespace {

constexpr std::array table{
#define SLUICE_ERROR(identifier, number, kafka_name, retriable, text) \
  ErrorInfo{ErrorCode::identifier, kafka_name, retriable, text},
    SLUICE_KAFKA_ERRORS(SLUICE_ERROR)
#undef SLUICE_ERROR
};

// Found by index: the codes ascend from -1 without a hole.
static_assert([] {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (number(table[i].code) != static_cast<int>(i) - 1) return false;
  }
  return true;
}());

Code nearest(ErrorCode code) {
  switch (code) {
    case ErrorCode::offset_out_of_range:
      return Code::out_of_range;
    case ErrorCode::corrupt_message:
      return Code::corrupt;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::group_id_not_found:
    case ErrorCode::resource_not_found:
      return Code::not_found;
    case ErrorCode::topic_already_exists:
      return Code::already_exists;
    case ErrorCode::request_timed_out:
      return Code::timed_out;
    case ErrorCode::unsupported_version:
    case ErrorCode::unsupported_compression_type:
      return Code::unsupported;
    case ErrorCode::message_too_large:
    case ErrorCode::record_list_too_large:
      return Code::limit_exceeded;
    case ErrorCode::invalid_request:
    case ErrorCode::invalid_topic_exception:
    case ErrorCode::invalid_partitions:
    case ErrorCode::invalid_replication_factor:
    case ErrorCode::invalid_config:
      return Code::invalid_argument;
    default:
      return Code::kafka;
  }
}

}  // namespace

const ErrorInfo& error_info(std::int16_t code) {
  const int at = code + 1;
  return table[at >= 0 && at < static_cast<int>(table.size()) ? static_cast<std::size_t>(at) : 0];
}

Error to_error(std::int16_t code, std::string_view what_failed) {
  const ErrorInfo& info = error_info(code);
  Error error;
  error.code = number(info.code) == code ? nearest(info.code) : Code::kafka;
  error.message = fmt::format("{}: {} [{} {}]", what_failed, info.text, info.name, code);
  error.kafka_error = code;
  return error;
}

}  // namespace sluice::wire
