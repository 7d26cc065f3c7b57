#include "broker/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "broker/request.h"
#include "broker/server.h"
#include "wire/frame.h"

namespace sluice::broker {
namespace {

constexpr std::size_t buffer_bytes_first = 4 * 1024;
constexpr std::size_t buffer_bytes_granted = 16 * 1024;  // whatever others hold: small requests go on
constexpr std::size_t buffer_bytes_busy =
    512 * 1024;                                       // grown to for a connection whose reads fill the buffer
constexpr std::size_t buffer_bytes_idle = 64 * 1024;  // above it an idle connection gives its buffer back
constexpr std::size_t slots_max = 256;                // requests of one connection that are worked on
constexpr std::size_t out_bytes_max = 1024 * 1024;    // unsent answers above which no request is taken
constexpr std::size_t read_bytes_max = 4 * 1024 * 1024;  // of one event, so that others get their turn
constexpr env::Duration frame_time_max =
    std::chrono::seconds(30);  // for a frame of no size, and more for a large one:
constexpr std::size_t frame_bytes_per_second_min = 64 * 1024;
constexpr env::Duration frame_time_hurry = std::chrono::seconds(5);  // the same while others wait for memory
constexpr std::size_t frame_bytes_per_second_hurry = 4 * 1024 * 1024;
constexpr auto authentication_time_max = std::chrono::seconds(30);
constexpr auto buffer_idle_time = std::chrono::seconds(5);

}  // namespace

Connection::Connection(Server& server, std::shared_ptr<const Port> port, std::unique_ptr<Transport> transport)
    : server_(server),
      port_(std::move(port)),
      transport_(std::move(transport)),
      peer_(transport_->peer()),
      last_activity_(server.now()),
      opened_(server.now()) {
  session_ = std::make_shared<const Session>(Session{port_->listener, {}, peer_host()});
  if (port_->sasl != nullptr) authentication_.emplace(port_->sasl);
}

Connection::~Connection() = default;

void Connection::start() {
  transport_->set_handler(this);
}

std::string Connection::peer_host() const {
  return peer_.substr(0, peer_.rfind(':'));
}

// ---- reading ----

// Room after in_end_, at least one byte. False: no memory for it now.
bool Connection::make_room() {
  if (in_begin_ > 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_end_ < in_.capacity()) return true;
  // Twice what has arrived: a claimed length alone buys nothing.
  std::size_t wanted = std::max(buffer_bytes_first, 2 * in_end_);
  if (wanted > buffer_bytes_busy) wanted = std::min(wanted, std::max(frame_bytes_, buffer_bytes_busy));
  wanted = std::max(wanted, in_end_ + 1);
  const std::size_t more = wanted - in_.capacity();
  if (!is_known() && !server_.may_buffer_unknown(more)) {
    close("too many clients that have not authenticated send large requests");
    return false;
  }
  if (wanted > buffer_bytes_granted && !server_.may_buffer(more) && !server_.may_overdraw(this)) {
    starved_ = true;
    server_.wait_for_memory(weak_from_this());
    update_wants();
    return false;
  }
  in_.reserve(wanted, in_end_);
  count_buffer(in_.capacity());
  return true;
}

// Tells the server how much memory the buffer takes.
void Connection::count_buffer(std::size_t bytes) {
  server_.account(in_counted_, bytes, 0, 0);
  in_counted_ = bytes;
  const std::size_t unknown = is_known() ? 0 : bytes;
  server_.account_unknown(std::exchange(unknown_counted_, unknown), unknown);
}

void Connection::on_readable() {
  const auto self = shared_from_this();  // close() drops the server's reference
  std::size_t taken = 0;
  while (!closed_ && !starved_ && !is_blocked() && taken < read_bytes_max) {
    if (!make_room()) return;
    const std::size_t room = in_.capacity() - in_end_;
    const auto got = transport_->read_some({in_.data() + in_end_, room});
    if (!got) return close(got.error().code == Code::unreachable ? "" : got.error().message);
    if (*got == 0) break;
    if (in_begin_ == in_end_) frame_since_ = server_.now();
    in_end_ += *got;
    taken += *got;
    last_activity_ = server_.now();
    pump();
    if (*got < room) break;  // all that was there
  }
}

bool Connection::is_blocked() const {
  return closing_ || holding_ > 0 || slots_.size() >= slots_max || out_bytes_ > out_bytes_max;
}

// Takes whole frames as long as they may be worked on, then sends what is ready. Not entered twice: an answer
// that is given at once is sent by the call that is already here.
void Connection::pump() {
  if (pumping_ || closed_) return;
  pumping_ = true;
  while (!closed_) {
    while (!closed_ && !is_blocked() && take_frame()) {
    }
    if (closed_) break;
    const bool was_blocked = is_blocked();
    flush();
    if (!was_blocked || is_blocked()) break;  // otherwise there is room for more requests again
  }
  pumping_ = false;
  if (closed_) return;
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  update_wants();
}

bool Connection::take_frame() {
  const std::size_t there = in_end_ - in_begin_;
  if (there < wire::frame_prefix_bytes) return false;
  if (frame_bytes_ == 0) {
    const auto size = wire::frame_bytes(in_.data() + in_begin_, frame_bytes_max());
    if (!size) {
      close(size.error().message);
      return false;
    }
    frame_bytes_ = wire::frame_prefix_bytes + *size;
  }
  if (there < frame_bytes_) return false;
  const MutableBytes frame{in_.data() + in_begin_ + wire::frame_prefix_bytes,
                           frame_bytes_ - wire::frame_prefix_bytes};
  in_begin_ += frame_bytes_;
  frame_bytes_ = 0;
  frame_since_ = server_.now();
  server_.end_overdraft(this);
  dispatch(frame);
  return true;
}

std::size_t Connection::frame_bytes_max() const {
  const std::size_t known = server_.limits().frame_bytes_max;
  return is_known() ? known : std::min(known, authentication_->rules().message_bytes_max);
}

void Connection::identify(const std::string& user) {
  session_ = std::make_shared<const Session>(Session{port_->listener, {"User", user}, peer_host()});
  server_.account_unknown(std::exchange(unknown_counted_, 0), 0);
}

// A bare SASL token (SaslHandshake v0): no header, and its answer has none either.
void Connection::take_token(BytesView token) {
  const auto reply = authentication_->step(token, server_.now());
  if (!reply) {
    const std::string why = fmt::format("authentication as '{}' failed", authentication_->attempted_user());
    return close_after(server_.limits().failed_authentication_delay, why);
  }
  if (authentication_->is_done()) identify(authentication_->user());
  const std::uint64_t number = first_number_ + slots_.size();
  slots_.emplace_back();
  ++holding_;
  auto out = std::make_unique<Answer>();
  out->frame.bytes(*reply, false);
  answer(number, std::move(out));
}

void Connection::dispatch(MutableBytes frame) {
  if (authentication_ && authentication_->expects_token()) return take_token(frame);
  if (!std::exchange(certificate_read_, true) && !authentication_) {
    if (const auto name = transport_->certified_name()) identify(*name);
  }
  wire::Reader reader(frame);
  auto header = wire::read_request_header(reader);
  if (!header) return close(header.error().message);
  const std::uint64_t number = first_number_ + slots_.size();
  slots_.emplace_back();
  ++holding_;
  server_.handle(std::make_shared<Request>(weak_from_this(), number, std::move(*header), reader, frame, peer_,
                                           session_));
}

void Connection::resume() {
  starved_ = false;
  if (closed_) return;
  update_wants();
}

// ---- answering ----

void Connection::let_pass(std::uint64_t number) {
  if (closed_ || number < first_number_) return;
  Slot& slot = slots_[number - first_number_];
  if (slot.done || std::exchange(slot.lets_pass, true)) return;
  --holding_;
  if (!pumping_) pump_later();
}

void Connection::answer(std::uint64_t number, std::unique_ptr<Answer> answer) {
  if (closed_) return;
  SLUICE_ASSERT(number >= first_number_ && number - first_number_ < slots_.size());
  Slot& slot = slots_[number - first_number_];
  SLUICE_ASSERT(!slot.done);
  slot.done = true;
  slot.answer = std::move(answer);
  if (!slot.lets_pass) --holding_;
  while (!slots_.empty() && slots_.front().done) {
    if (auto ready = std::move(slots_.front().answer)) {
      const std::size_t bytes = ready->frame.size();
      server_.account(0, 0, 0, bytes);
      out_bytes_ += bytes;
      Outgoing outgoing;
      outgoing.parts = ready->frame.parts();
      outgoing.answer = std::move(ready);
      out_.push_back(std::move(outgoing));
    }
    slots_.pop_front();
    ++first_number_;
  }
  if (!pumping_) pump_later();
}

// Requests that an answer sets free are not handled inside of it: whoever gives answers, perhaps to one
// member of a group after the other, must not find its state changed by what those members ask next. And
// answers that are given together, as at the end of a sync, are sent together.
void Connection::pump_later() {
  if (closed_ || std::exchange(pump_posted_, true)) return;
  server_.loop().post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->pump_posted_ = false;
    self->flush();
    self->pump();
  });
}

void Connection::flush() {
  while (!closed_ && !out_.empty() && send_some()) {
  }
}

// Sends what the socket takes; false where it takes no more.
bool Connection::send_some() {
  std::array<BytesView, 64> parts;
  std::size_t count = 0;
  std::size_t wanted = 0;
  for (const Outgoing& outgoing : out_) {
    for (std::size_t i = outgoing.part; i < outgoing.parts.size() && count < parts.size(); ++i) {
      parts[count] = i == outgoing.part ? outgoing.parts[i].subspan(outgoing.offset) : outgoing.parts[i];
      wanted += parts[count].size();
      ++count;
    }
    if (count == parts.size()) break;
  }
  const auto sent = transport_->write_some({parts.data(), count});
  if (!sent) {
    close(sent.error().code == Code::unreachable ? "" : sent.error().message);
    return false;
  }
  if (*sent > 0) last_activity_ = server_.now();
  std::size_t left = *sent;
  server_.account(0, 0, left, 0);
  out_bytes_ -= left;
  while (!out_.empty()) {
    Outgoing& outgoing = out_.front();
    while (outgoing.part < outgoing.parts.size()) {
      const std::size_t rest = outgoing.parts[outgoing.part].size() - outgoing.offset;
      if (left < rest) break;
      left -= rest;
      ++outgoing.part;
      outgoing.offset = 0;
    }
    if (outgoing.part < outgoing.parts.size()) {
      outgoing.offset += left;
      break;
    }
    out_.pop_front();
  }
  return *sent == wanted;
}

void Connection::on_writable() {
  const auto self = shared_from_this();
  flush();
  if (!closed_) pump();
}

void Connection::update_wants() {
  if (closed_) return;
  transport_->want(!starved_ && !is_blocked(), !out_.empty());
}

// ---- the end ----

void Connection::finish() {
  const auto self = shared_from_this();
  flush();
  close("");
}

void Connection::close(std::string_view reason) {
  if (std::exchange(closed_, true)) return;
  if (!reason.empty())
    server_.notices().say_limited(fmt::format("connection of {} closed: {}", peer_, reason));
  transport_->set_handler(nullptr);
  server_.account(std::exchange(in_counted_, 0), 0, std::exchange(out_bytes_, 0), 0);
  server_.account_unknown(std::exchange(unknown_counted_, 0), 0);
  server_.end_overdraft(this);
  server_.forget(shared_from_this());
}

void Connection::close_after(env::Duration delay, std::string reason) {
  if (closed_ || std::exchange(closing_, true)) return;
  server_.loop().after(delay, [weak = weak_from_this(), reason = std::move(reason)] {
    if (const auto self = weak.lock()) self->close(reason);
  });
}

void Connection::check_time(env::Instant now) {
  if (!is_known() && now - opened_ > authentication_time_max) return close("it did not authenticate in time");
  const bool reads_frame = in_end_ > in_begin_ && !is_blocked();  // also while it waits for memory
  if (reads_frame) {
    // Who holds much memory while others wait for some has to be quick.
    const bool hurry = !starved_ && in_.capacity() > buffer_bytes_granted && server_.is_short_of_memory();
    const auto least = hurry ? frame_bytes_per_second_hurry : frame_bytes_per_second_min;
    const env::Duration patience = hurry ? frame_time_hurry : frame_time_max;
    if (now - frame_since_ > patience + std::chrono::seconds(frame_bytes_ / least))
      return close(fmt::format("{} bytes of a request did not become whole in time", in_end_ - in_begin_));
  }
  const bool works = !slots_.empty() && out_.empty();  // the delay is ours
  if (!works && now - last_activity_ > server_.limits().idle_time_max) return close("");
  if (in_begin_ == in_end_ && in_.capacity() > buffer_bytes_idle && now - last_activity_ > buffer_idle_time) {
    in_ = record::RawBuffer{};
    in_begin_ = in_end_ = 0;
    count_buffer(0);
  }
}

}  // namespace sluice::broker
