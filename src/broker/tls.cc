#include "broker/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sluice::broker {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

constexpr std::size_t record_bytes_max = 16 * 1024;   // of plain text in one TLS record
constexpr std::size_t unsent_bytes_max = 256 * 1024;  // of encrypted bytes that the socket has not taken
constexpr std::uint64_t pem_bytes_max = 4 * 1024 * 1024;

std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  std::array<char, 256> text{};
  if (code == 0) return "TLS failed";
  ERR_error_string_n(code, text.data(), text.size());
  return fmt::format("TLS failed: {}", text.data());
}

// ---- one connection ----

/// OpenSSL works on memory: encrypted bytes are moved between it and the socket here.
class TlsTransport final : public Transport, public env::SocketHandler {
 public:
  TlsTransport(env::EventLoop& loop, std::unique_ptr<env::Socket> socket, SSL_CTX* context)
      : loop_(loop), socket_(std::move(socket)), ssl_(SSL_new(context)) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);  // which owns them now
    SSL_set_accept_state(ssl_.get());
    loop_.set_handler(*socket_, this);
  }

  void set_handler(env::SocketHandler* handler) override {
    handler_ = handler;
    if (handler == nullptr) loop_.set_handler(*socket_, nullptr);
  }

  Result<std::size_t> read_some(MutableBytes out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      ERR_clear_error();
      std::size_t got = 0;
      if (SSL_read_ex(ssl_.get(), out.data() + done, out.size() - done, &got) == 1) {
        done += got;
        continue;
      }
      const bool ended = SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ;
      const auto refusal = ended ? end_of_stream() : std::unexpected<Error>(Error{});
      if (const auto sent = send_encrypted(); !sent) return std::unexpected(sent.error());
      if (ended) return done > 0 ? Result<std::size_t>(done) : refusal;
      const auto more = feed();
      if (!more) return done > 0 ? Result<std::size_t>(done) : std::unexpected(more.error());
      if (!*more) break;
    }
    if (const auto sent = send_encrypted(); !sent) return std::unexpected(sent.error());
    may_have_more_ = done == out.size();
    wake_reader();
    return done;
  }

  Result<std::size_t> write_some(std::span<const BytesView> parts) override {
    std::size_t done = 0;
    for (BytesView part : parts) {
      while (!part.empty()) {
        if (unsent_bytes() >= unsent_bytes_max) {
          if (const auto sent = send_encrypted(); !sent) return std::unexpected(sent.error());
          if (unsent_bytes() >= unsent_bytes_max) return done;
        }
        ERR_clear_error();
        const std::size_t size = std::min(part.size(), record_bytes_max);
        std::size_t taken = 0;
        if (SSL_write_ex(ssl_.get(), part.data(), size, &taken) != 1)
          return fail(Code::unreachable, tls_reason());
        done += taken;
        part = part.subspan(taken);
      }
    }
    if (const auto sent = send_encrypted(); !sent) return std::unexpected(sent.error());
    return done;
  }

  void want(bool readable, bool writable) override {
    wants_read_ = readable;
    wants_write_ = writable;
    update();
    wake_reader();
  }

  const std::string& peer() const override { return socket_->peer(); }

  std::optional<std::string> certified_name() const override {
    const CertificatePtr certificate(SSL_get1_peer_certificate(ssl_.get()));
    if (certificate == nullptr) return std::nullopt;
    const BioPtr text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0,
                       XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  void on_readable() override {
    if (handler_ != nullptr) handler_->on_readable();
  }
  void on_writable() override {
    const auto sent = send_encrypted();
    if (!sent) broken_ = true;  // told by the next call
    if (handler_ == nullptr) return;
    if (wants_write_ && unsent_bytes() == 0) return handler_->on_writable();
    if (!sent) handler_->on_readable();
  }

 private:
  std::unexpected<Error> end_of_stream() {
    const bool clean = SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN;
    return clean ? fail(Code::unreachable, "the peer ended the stream") : fail(Code::corrupt, tls_reason());
  }

  // Encrypted bytes from the socket to OpenSSL; false where none are there.
  Result<bool> feed() {
    std::array<std::byte, record_bytes_max + 1024> bytes;
    const std::size_t got = SLUICE_TRY(socket_->read_some(bytes));
    if (got == 0) return false;
    BIO_write(in_, bytes.data(), static_cast<int>(got));
    return true;
  }

  std::size_t unsent_bytes() const { return unsent_.size() - unsent_begin_ + BIO_ctrl_pending(out_); }

  // What OpenSSL has encrypted goes to the socket, as far as it takes it.
  Result<void> send_encrypted() {
    if (broken_) return fail(Code::unreachable, "the peer closed the connection");
    while (unsent_bytes() > 0) {
      if (unsent_begin_ == unsent_.size()) {
        unsent_.resize(BIO_ctrl_pending(out_));
        BIO_read(out_, unsent_.data(), static_cast<int>(unsent_.size()));
        unsent_begin_ = 0;
      }
      const BytesView rest = BytesView(unsent_).subspan(unsent_begin_);
      const std::size_t taken = SLUICE_TRY(socket_->write_some({&rest, 1}));
      unsent_begin_ += taken;
      if (taken < rest.size()) break;
    }
    if (unsent_begin_ == unsent_.size()) {
      unsent_begin_ = 0;
      if (unsent_.capacity() > record_bytes_max) {
        unsent_ = {};
      } else {
        unsent_.clear();
      }
    }
    update();
    return {};
  }

  void update() { socket_->want(wants_read_, wants_write_ || unsent_bytes() > 0); }

  // Bytes that are here already do not make the socket readable.
  void wake_reader() {
    const bool waiting = may_have_more_ || SSL_pending(ssl_.get()) > 0 || BIO_ctrl_pending(in_) > 0;
    if (!wants_read_ || !waiting || std::exchange(wake_posted_, true)) return;
    loop_.post([this, weak = std::weak_ptr(alive_)] {
      if (weak.expired()) return;
      wake_posted_ = false;
      if (!wants_read_ || handler_ == nullptr) return;
      may_have_more_ = false;
      handler_->on_readable();
    });
  }

  env::EventLoop& loop_;
  std::unique_ptr<env::Socket> socket_;
  SslPtr ssl_;
  BIO* in_ = nullptr;   // encrypted, from the peer; owned by ssl_
  BIO* out_ = nullptr;  // encrypted, for the peer; owned by ssl_
  Bytes unsent_;        // of out_, what the socket did not take
  std::size_t unsent_begin_ = 0;
  env::SocketHandler* handler_ = nullptr;
  bool wants_read_ = true;
  bool wants_write_ = false;
  bool may_have_more_ = false;
  bool wake_posted_ = false;
  bool broken_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

// ---- the context ----

struct Pem {
  std::string_view property;  // where it comes from
  std::string text;
};

int give_password(char* out, int size, int, void* user) {
  const auto& password = *static_cast<const std::string*>(user);
  const auto taken = std::min(static_cast<std::size_t>(size), password.size());
  std::copy_n(password.data(), taken, out);
  return static_cast<int>(taken);
}

std::unexpected<Error> bad(const Listener& listener, std::string_view property, std::string_view why) {
  return fail(Code::invalid_argument,
              fmt::format("listener {}: {}: {}; the broker was not started", listener.name, property, why));
}

class ContextMaker {
 public:
  ContextMaker(const ServerConfig& config, const Listener& listener, env::FileSystem& fs)
      : config_(config), listener_(listener), fs_(fs), context_(SSL_CTX_new(TLS_server_method())) {}

  Result<ContextPtr> make() {
    SSL_CTX_set_options(context_.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    SLUICE_TRY(protocols());
    SLUICE_TRY(ciphers());
    SLUICE_TRY(keystore());
    SLUICE_TRY(client_auth());
    return std::move(context_);
  }

 private:
  std::string value(std::string_view property) const {
    return listener_value(config_, listener_, property).value_or("");
  }

  Result<void> protocols() {
    int least = 0;
    int most = 0;
    std::string list = value("ssl.enabled.protocols");
    for (const auto& [name, version] : {std::pair{"TLSv1.2", TLS1_2_VERSION}, {"TLSv1.3", TLS1_3_VERSION}}) {
      const auto at = list.find(name);
      if (at == std::string::npos) continue;
      list.erase(at, std::string_view(name).size());
      if (least == 0) least = version;
      most = version;
    }
    if (least == 0 || list.find_first_not_of(" ,") != std::string::npos)
      return bad(listener_, "ssl.enabled.protocols", "only TLSv1.2 and TLSv1.3 are there");
    SSL_CTX_set_min_proto_version(context_.get(), least);
    SSL_CTX_set_max_proto_version(context_.get(), most);
    return {};
  }

  Result<void> ciphers() {
    std::string list = value("ssl.cipher.suites");
    if (list.empty()) return {};
    std::ranges::replace(list, ',', ':');
    if (SSL_CTX_set_ciphersuites(context_.get(), list.c_str()) == 1) return {};
    ERR_clear_error();
    if (SSL_CTX_set_cipher_list(context_.get(), list.c_str()) == 1) return {};
    return bad(listener_, "ssl.cipher.suites", "not TLS 1.3 suites, nor OpenSSL's names of others");
  }

  Result<Pem> pem(std::string_view file_property, std::string_view inline_property,
                  std::string_view type_property) {
    if (std::string text = value(inline_property); !text.empty())
      return Pem{inline_property, std::move(text)};
    const std::string path = value(file_property);
    if (path.empty()) return Pem{file_property, {}};
    if (value(type_property) != "PEM")
      return bad(listener_, type_property,
                 "only PEM can be read here; `openssl pkcs12 -in STORE -nodes` makes it");
    const auto content = fs_.read_file(path, pem_bytes_max);
    if (!content) return bad(listener_, file_property, to_string(content.error()));
    return Pem{file_property, std::string(as_text(*content))};
  }

  Result<void> keystore() {
    Pem chain =
        SLUICE_TRY(pem("ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.keystore.type"));
    if (chain.text.empty())
      return bad(listener_, "ssl.keystore.location", "TLS needs a certificate and its key, in one PEM file");
    const std::string key_text = value("ssl.keystore.key");
    const std::string& key_source = key_text.empty() ? chain.text : key_text;
    std::string password = value("ssl.key.password");
    const BioPtr key_bio(BIO_new_mem_buf(key_source.data(), static_cast<int>(key_source.size())));
    const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, give_password, &password));
    if (key == nullptr) {
      return bad(listener_, key_text.empty() ? chain.property : "ssl.keystore.key",
                 fmt::format("its private key cannot be read: {}", tls_reason()));
    }
    const BioPtr bio(BIO_new_mem_buf(chain.text.data(), static_cast<int>(chain.text.size())));
    bool first = true;
    while (X509* raw = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
      CertificatePtr certificate(raw);
      const long added = std::exchange(first, false)
                             ? long{SSL_CTX_use_certificate(context_.get(), certificate.get())}
                             : SSL_CTX_add1_chain_cert(context_.get(), certificate.get());
      if (added != 1) return bad(listener_, chain.property, tls_reason());
    }
    ERR_clear_error();
    if (first) return bad(listener_, chain.property, "it holds no certificate");
    if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1)
      return bad(listener_, chain.property, "the key is not that of the first certificate");
    return {};
  }

  Result<void> client_auth() {
    const std::string mode = value("ssl.client.auth");
    if (mode == "none") return {};
    Pem trusted =
        SLUICE_TRY(pem("ssl.truststore.location", "ssl.truststore.certificates", "ssl.truststore.type"));
    if (trusted.text.empty())
      return bad(listener_, "ssl.truststore.location",
                 "ssl.client.auth needs the certificates that are trusted");
    const BioPtr bio(BIO_new_mem_buf(trusted.text.data(), static_cast<int>(trusted.text.size())));
    X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
    int count = 0;
    while (X509* raw = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
      const CertificatePtr certificate(raw);
      X509_STORE_add_cert(store, certificate.get());
      SSL_CTX_add_client_CA(context_.get(), certificate.get());
      ++count;
    }
    ERR_clear_error();
    if (count == 0) return bad(listener_, trusted.property, "it holds no certificate");
    const int required = mode == "required" ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | required, nullptr);
    return {};
  }

  const ServerConfig& config_;
  const Listener& listener_;
  env::FileSystem& fs_;
  ContextPtr context_;
};

}  // namespace

struct TlsContext::Native {
  ContextPtr context;
};

TlsContext::TlsContext(std::unique_ptr<Native> native) : native_(std::move(native)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::make(const ServerConfig& config, const Listener& listener,
                                                     env::FileSystem& fs) {
  auto context = SLUICE_TRY(ContextMaker(config, listener, fs).make());
  return std::shared_ptr<TlsContext>(new TlsContext(std::make_unique<Native>(Native{std::move(context)})));
}

std::unique_ptr<Transport> TlsContext::accept(env::EventLoop& loop, std::unique_ptr<env::Socket> socket) {
  return std::make_unique<TlsTransport>(loop, std::move(socket), native_->context.get());
}

}  // namespace sluice::broker
