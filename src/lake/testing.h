// What the tests of lake share. Tests only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "lake/range_writer.h"
#include "lake/schema.h"

namespace sluice::lake::testing {

/// A value with exactly the padding that the decoder may look at, filled with what would mislead it most.
class Padded {
 public:
  explicit Padded(std::string_view text, char filler = '}')
      : bytes_(text.size() + value_padding_bytes, filler), size_(text.size()) {
    text.copy(bytes_.data(), text.size());
  }
  BytesView view() const { return {reinterpret_cast<const std::byte*>(bytes_.data()), size_}; }

 private:
  std::vector<char> bytes_;
  std::size_t size_;
};

inline std::shared_ptr<const Schema> schema_of(std::vector<Field> fields) {
  for (Field& field : fields)
    if (field.from.empty()) field.from = field.name;
  return std::make_shared<const Schema>(Schema::make(std::move(fields)).value());
}

}  // namespace sluice::lake::testing
