// Kafka's error codes: number, name, whether trying again may help, and what each means in a sentence of
// ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/error_list.h"

namespace sluice::wire {

/// The codes by Kafka's names in lower case: ErrorCode::offset_out_of_range.
enum class ErrorCode : std::int16_t {
#define SLUICE_ERROR(identifier, number, kafka_name, retriable, text) identifier = number,
  SLUICE_KAFKA_ERRORS(SLUICE_ERROR)
#undef SLUICE_ERROR
};

struct ErrorInfo {
  ErrorCode code;
  std::string_view name;  ///< as Kafka writes it: "OFFSET_OUT_OF_RANGE"
  bool retriable;         ///< Kafka's clients try again
  std::string_view text;
};

/// The number as it stands in a message.
constexpr std::int16_t number(ErrorCode code) {
  return static_cast<std::int16_t>(code);
}

/// What is known of `code`; a code that no table has is shown as UNKNOWN_SERVER_ERROR.
const ErrorInfo& error_info(std::int16_t code);
inline const ErrorInfo& error_info(ErrorCode code) {
  return error_info(number(code));
}

/// The project's Error for a broker's answer: "CONTEXT: text [NAME]". `what_failed` says what did not happen.
/// Its Code is the nearest there is, else Code::kafka; kafka_error always has the number.
Error to_error(std::int16_t code, std::string_view what_failed);
inline Error to_error(ErrorCode code, std::string_view what_failed) {
  return to_error(number(code), what_failed);
}

}  // namespace sluice::wire
