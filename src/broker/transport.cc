#include "broker/transport.h"

#include <utility>

namespace sluice::broker {
namespace {

class PlainTransport final : public Transport {
 public:
  PlainTransport(env::EventLoop& loop, std::unique_ptr<env::Socket> socket)
      : loop_(loop), socket_(std::move(socket)) {}

  void set_handler(env::SocketHandler* handler) override { loop_.set_handler(*socket_, handler); }
  Result<std::size_t> read_some(MutableBytes out) override { return socket_->read_some(out); }
  Result<std::size_t> write_some(std::span<const BytesView> parts) override {
    return socket_->write_some(parts);
  }
  void want(bool readable, bool writable) override { socket_->want(readable, writable); }
  const std::string& peer() const override { return socket_->peer(); }
  std::optional<std::string> certified_name() const override { return std::nullopt; }

 private:
  env::EventLoop& loop_;
  std::unique_ptr<env::Socket> socket_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(env::EventLoop& loop, std::unique_ptr<env::Socket> socket) {
  return std::make_unique<PlainTransport>(loop, std::move(socket));
}

}  // namespace sluice::broker
