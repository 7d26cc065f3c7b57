#include "broker/topic_regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

namespace sluice::broker {

class TopicRegex::Impl {
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

TopicRegex::TopicRegex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TopicRegex::TopicRegex(TopicRegex&&) noexcept = default;
TopicRegex& TopicRegex::operator=(TopicRegex&&) noexcept = default;
TopicRegex::~TopicRegex() = default;

Result<TopicRegex> TopicRegex::compile(const std::string& pattern) {
  auto impl = std::make_unique<Impl>(pattern);
  if (!impl->regex.ok()) return fail(Code::invalid_argument, impl->regex.error());
  return TopicRegex(std::move(impl));
}

bool TopicRegex::matches(std::string_view topic) const {
  return re2::RE2::FullMatch(re2::StringPiece(topic.data(), topic.size()), impl_->regex);
}

}  // namespace sluice::broker
