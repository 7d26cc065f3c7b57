#include "broker/request.h"

#include "base/assert.h"
#include "broker/connection.h"

namespace sluice::broker {
namespace {

// An answer leaves after its handler has returned: what nobody keeps for it is copied into it.
void keep_what_it_borrows(Answer& answer) {
  if (!answer.owners.empty() || answer.frame.size() < wire::Writer::borrow_bytes_min ||
      answer.frame.parts().size() < 2)
    return;
  const Bytes whole = answer.frame.to_bytes();
  answer.frame.clear();
  answer.frame.raw(whole);
}

}  // namespace

Request::Request(std::weak_ptr<Connection> connection, std::uint64_t number, wire::RequestHeader header,
                 wire::Reader body, MutableBytes frame, std::string peer,
                 std::shared_ptr<const Session> session)
    : connection_(std::move(connection)),
      number_(number),
      header_(std::move(header)),
      client_id_(header_.client_id.value_or("")),
      body_(body),
      frame_(frame),
      peer_(std::move(peer)),
      session_(std::move(session)) {}

std::string Request::peer_host() const {
  return peer_.substr(0, peer_.rfind(':'));
}

MutableBytes Request::writable(BytesView view) const {
  const auto at = view.data() - frame_.data();
  SLUICE_ASSERT(at >= 0 && static_cast<std::size_t>(at) + view.size() <= frame_.size());
  return frame_.subspan(static_cast<std::size_t>(at), view.size());
}

void Request::finish(std::unique_ptr<Answer> answer) {
  const auto connection = connection_.lock();
  if (connection == nullptr) return;
  if (answer != nullptr && !answer->frame.ok()) return connection->close("its answer cannot be encoded");
  if (answer != nullptr) keep_what_it_borrows(*answer);
  connection->answer(number_, std::move(answer));
}

void Request::close(std::string_view reason) {
  if (const auto connection = connection_.lock()) connection->close(reason);
}

void Request::close_after(env::Duration delay, std::string reason) {
  if (const auto connection = connection_.lock()) connection->close_after(delay, std::move(reason));
}

Authentication* Request::authentication() const {
  const auto connection = connection_.lock();
  return connection == nullptr ? nullptr : connection->authentication();
}

void Request::identify(const std::string& user) const {
  if (const auto connection = connection_.lock()) connection->identify(user);
}

void Request::let_others_pass() {
  if (const auto connection = connection_.lock()) connection->let_pass(number_);
}

}  // namespace sluice::broker
