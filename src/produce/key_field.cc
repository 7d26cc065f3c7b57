#include "produce/key_field.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <vector>

#include "produce/line_reader.h"

namespace sluice::produce {
namespace {

using simdjson::ondemand::json_type;
static_assert(line_padding >= simdjson::SIMDJSON_PADDING);

std::string_view trim(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

}  // namespace

struct KeyField::Impl {
  std::string path;
  std::vector<std::string> steps;
  simdjson::ondemand::parser parser;

  std::unexpected<Error> refuse(std::string_view why) const {
    return fail(Code::invalid_argument, fmt::format("key field '{}' {}", path, why));
  }
  Result<std::string_view> text_of(simdjson::ondemand::value value) const;
};

Result<std::string_view> KeyField::Impl::text_of(simdjson::ondemand::value value) const {
  json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return refuse("was not read: the line is not JSON");
  switch (type) {
    case json_type::string: {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return refuse("is not a well-formed string");
      return text;
    }
    case json_type::number:
    case json_type::boolean:
      return trim(value.raw_json_token());
    case json_type::null:
      return refuse("is null");
    default:
      return refuse("is an object or a list");
  }
}

KeyField::KeyField(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyField::KeyField(KeyField&&) noexcept = default;
KeyField& KeyField::operator=(KeyField&&) noexcept = default;
KeyField::~KeyField() = default;

Result<KeyField> KeyField::parse(std::string_view path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  while (true) {
    const auto dot = path.find('.');
    if (path.substr(0, dot).empty()) {
      return fail(Code::invalid_argument,
                  fmt::format("'{}' names no field; nothing was produced", impl->path),
                  "--key-field a or --key-field a.b");
    }
    impl->steps.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  return KeyField(std::move(impl));
}

Result<std::string_view> KeyField::find(BytesView json) {
  const simdjson::padded_string_view padded(as_text(json), json.size() + line_padding);
  simdjson::ondemand::document document;
  if (impl_->parser.iterate(padded).get(document) != simdjson::SUCCESS) {
    return impl_->refuse("was not read: the line is not JSON");
  }
  simdjson::ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return impl_->refuse("is missing: the line is no JSON object");
  }
  simdjson::ondemand::value value;
  for (std::size_t i = 0; i < impl_->steps.size(); ++i) {
    const auto error = object.find_field_unordered(impl_->steps[i]).get(value);
    if (error == simdjson::NO_SUCH_FIELD) return impl_->refuse("is missing");
    if (error != simdjson::SUCCESS) return impl_->refuse("was not read: the line is not JSON");
    const bool last = i + 1 == impl_->steps.size();
    if (!last && value.get_object().get(object) != simdjson::SUCCESS) return impl_->refuse("is missing");
  }
  return impl_->text_of(value);
}

}  // namespace sluice::produce
