#include "lake/json_object.h"

#include <simdjson.h>

#include <cstring>

#include "lake/json_text.h"

namespace sluice::lake {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;

/// A scalar's token without the white space behind it.
std::string_view trimmed(std::string_view token) {
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}

/// The text of the object or array that begins at text[0]; `text` is valid JSON to that end.
std::string_view bracketed(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return text;
}

/// Why a walk ended early, in words for people.
struct Problem {
  const char* text = nullptr;
};

class Walker {
 public:
  /// A scalar that is not a string; its token in `text`.
  bool scalar(std::string_view token, JsonMember& member) {
    member.text = trimmed(token);
    switch (member.text.empty() ? '\0' : member.text.front()) {
      case 't':
      case 'f':
        member.kind = JsonKind::boolean;
        return member.text == "true" || member.text == "false" ||
               no("a literal is none of true, false, null");
      case 'n':
        member.kind = JsonKind::null;
        return member.text == "null" || no("a literal is none of true, false, null");
      default:
        break;
    }
    const NumberForm form = number_form(member.text);
    member.kind = form == NumberForm::real ? JsonKind::real : JsonKind::integer;
    return form != NumberForm::none || no("a value is neither a string nor a number nor a literal");
  }

  bool string(ondemand::value value, JsonMember& member) {
    member.kind = JsonKind::string;
    const std::string_view token = value.raw_json_token();
    if (const error_code error = value.get_string().get(member.text); error != simdjson::SUCCESS)
      return no(error);
    member.escaped = trimmed(token).size() != member.text.size() + 2;
    // simdjson takes a lone low surrogate for a character, which UTF-8 does not have.
    return !member.escaped || simdjson::validate_utf8(member.text) || no("a string holds a lone surrogate");
  }

  bool any(ondemand::value value, int depth, JsonMember& member, std::string_view end) {
    ondemand::json_type type{};
    if (const error_code error = value.type().get(type); error != simdjson::SUCCESS) return no(error);
    if (type == ondemand::json_type::string) return string(value, member);
    if (type != ondemand::json_type::object && type != ondemand::json_type::array) {
      return scalar(value.raw_json_token(), member);
    }
    if (depth > json_depth_max) return no("nested deeper than 64");
    const char* const begin = value.raw_json_token().data();
    const bool valid =
        type == ondemand::json_type::object ? object(value, depth, end) : array(value, depth, end);
    if (!valid) return false;
    member.kind = JsonKind::nested;
    member.text = bracketed({begin, static_cast<std::size_t>(end.data() - begin)});
    return true;
  }

  bool no(const char* why) {
    problem_.text = why;
    return false;
  }
  bool no(error_code error) { return no(simdjson::error_message(error)); }
  const char* problem() const { return problem_.text; }

 private:
  bool object(ondemand::value value, int depth, std::string_view end) {
    ondemand::object nested;
    if (const error_code error = value.get_object().get(nested); error != simdjson::SUCCESS) return no(error);
    for (auto field : nested) {
      if (field.error() != simdjson::SUCCESS) return no(field.error());
      std::string_view key;
      if (const error_code error = field.unescaped_key().get(key); error != simdjson::SUCCESS)
        return no(error);
      if (!simdjson::validate_utf8(key)) return no("a key holds a lone surrogate");
      ondemand::value inner;
      if (const error_code error = field.value().get(inner); error != simdjson::SUCCESS) return no(error);
      JsonMember member;
      if (!any(inner, depth + 1, member, end)) return false;
    }
    return true;
  }

  bool array(ondemand::value value, int depth, std::string_view end) {
    ondemand::array nested;
    if (const error_code error = value.get_array().get(nested); error != simdjson::SUCCESS) return no(error);
    for (auto element : nested) {
      ondemand::value inner;
      if (const error_code error = std::move(element).get(inner); error != simdjson::SUCCESS)
        return no(error);
      JsonMember member;
      if (!any(inner, depth + 1, member, end)) return false;
    }
    return true;
  }

  Problem problem_;
};

}  // namespace

struct JsonObject::Walk {
  ondemand::parser parser;
  std::vector<char> padded;

  bool run(BytesView value, std::vector<JsonMember>& members, Walker& walker) {
    padded.resize(value.size() + simdjson::SIMDJSON_PADDING);
    if (!value.empty()) std::memcpy(padded.data(), value.data(), value.size());
    std::memset(padded.data() + value.size(), 0, simdjson::SIMDJSON_PADDING);
    const std::string_view end(padded.data() + value.size(), 0);
    ondemand::document document;
    if (const error_code error = parser.iterate(padded.data(), value.size(), padded.size()).get(document);
        error != simdjson::SUCCESS) {
      return walker.no(error);
    }
    ondemand::object object;
    if (const error_code error = document.get_object().get(object); error != simdjson::SUCCESS)
      return walker.no(error);
    for (auto field : object) {
      if (field.error() != simdjson::SUCCESS) return walker.no(field.error());
      JsonMember& member = members.emplace_back();
      if (const error_code error = field.unescaped_key().get(member.key); error != simdjson::SUCCESS) {
        return walker.no(error);
      }
      if (!simdjson::validate_utf8(member.key)) return walker.no("a key holds a lone surrogate");
      ondemand::value inner;
      if (const error_code error = field.value().get(inner); error != simdjson::SUCCESS)
        return walker.no(error);
      if (!walker.any(inner, 2, member, end)) return false;
    }
    const char* behind = nullptr;
    return document.current_location().get(behind) == simdjson::OUT_OF_BOUNDS ||
           walker.no("something follows the object");
  }
};

JsonObject::JsonObject() : walk_(std::make_unique<Walk>()) {}
JsonObject::~JsonObject() = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;

bool JsonObject::parse(BytesView value) {
  members_.clear();
  problem_.clear();
  Walker walker;
  if (walk_->run(value, members_, walker)) return true;
  members_.clear();
  problem_ = walker.problem() != nullptr ? walker.problem() : "cannot be read";
  return false;
}

}  // namespace sluice::lake
