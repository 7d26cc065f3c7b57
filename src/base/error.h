// The one error type of the project, and the Result that carries it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::base {

/// What kind of failure it is. Callers decide by the code; people read the message.
enum class Code : std::uint8_t {
  io_failed,         ///< the operating system refused a read, write, sync or rename
  no_space,          ///< the disk is full (ENOSPC, EDQUOT); may go away
  exhausted,         ///< no file descriptor is free (EMFILE, ENFILE): nothing was done; may go away
  corrupt,           ///< bytes are not what a format or checksum says they must be
  out_of_range,      ///< an offset outside [log start, log end)
  not_found,         ///< no such file, topic, partition, table
  already_exists,    ///< create-only was refused: the name is taken
  conflict,          ///< another owner decided first, or the thing belongs to somebody else
  invalid_argument,  ///< the caller's flag, file or request is wrong
  limit_exceeded,    ///< more bytes or items than a stated bound
  unreachable,       ///< a peer refused, reset or closed the connection
  timed_out,         ///< no answer before the deadline
  unsupported,       ///< a version, codec or feature that is not implemented
  interrupted,       ///< asked to stop
  kafka,             ///< a Kafka error code other than those above; `kafka_error` has it
};

std::string_view name(Code code);

/// A failure: what did not happen, with topic, partition and numbers; why; and what to try next.
struct [[nodiscard]] Error {
  Code code = Code::io_failed;
  std::string message;           ///< one sentence, lower case, no full stop
  std::string hint;              ///< the next command or setting to try; may be empty
  std::int16_t kafka_error = 0;  ///< Kafka's error code where a broker gave one, else 0

  /// The same error seen from one level further out: "CONTEXT: message".
  Error in(std::string_view context) &&;
  Error hinting(std::string_view next) &&;
};

/// "message (hint)" for logs and tests.
std::string to_string(const Error& error);

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message, std::string hint = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(hint), 0});
}

}  // namespace sluice::base

namespace sluice {
using namespace base;  // the vocabulary of every folder: Result, Error, Offset, Bytes
}

/// The value of `expression`, a Result<T>; or return its error from the enclosing function.
#define SLUICE_TRY(expression)                                                      \
  __extension__({                                                                   \
    auto sluice_result_ = (expression);                                             \
    if (!sluice_result_) return std::unexpected(std::move(sluice_result_.error())); \
    std::move(sluice_result_).value();                                              \
  })
