#include "broker/name_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

namespace sluice::broker {

class NamePattern::Impl {
 public:
  explicit Impl(const std::string& pattern) : regex(pattern, options()) {}

  re2::RE2 regex;

 private:
  static re2::RE2::Options options() {
    re2::RE2::Options options;
    options.set_log_errors(false);  // the answer says it
    options.set_max_mem(std::int64_t{1} << 20);
    return options;
  }
};

NamePattern::NamePattern(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::compile(const std::string& pattern) {
  auto impl = std::make_unique<Impl>(pattern);
  if (!impl->regex.ok()) return fail(Code::invalid_argument, impl->regex.error());
  return NamePattern(std::move(impl));
}

bool NamePattern::matches(std::string_view name) const {
  return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), impl_->regex);
}

}  // namespace sluice::broker
