// For tests: a certificate, and the client's side of TLS over a blocking socket.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "env/net.h"

namespace sluice::broker {

/// A self-signed certificate of CN=`name` and its key, as PEM text.
struct TestCertificate {
  std::string key;
  std::string certificate;

  explicit TestCertificate(const std::string& name) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME* subject = X509_get_subject_name(x509);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    X509_sign(x509, pair, EVP_sha256());
    key = written(
        [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    certificate = written([&](BIO* bio) { PEM_write_bio_X509(bio, x509); });
    X509_free(x509);
    EVP_PKEY_free(pair);
  }

 private:
  template <class Write>
  static std::string written(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return out;
  }
};

/// The client's side. Reads end by a time-out of the socket.
class TlsConnection final : public env::Connection {
 public:
  /// Shows `own` where it is given, and trusts only `server`.
  TlsConnection(const env::Address& address, const TestCertificate& server,
                const TestCertificate* own = nullptr)
      : context_(SSL_CTX_new(TLS_client_method())), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    with_bio(server.certificate, [&](BIO* bio) {
      X509* trusted = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), trusted);
      X509_free(trusted);
    });
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    if (own != nullptr) show(*own);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsConnection() override {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  bool connected() const { return connected_; }

  Result<std::size_t> read_some(MutableBytes out, env::Instant) override {
    std::size_t got = 0;
    if (SSL_read_ex(ssl_, out.data(), out.size(), &got) == 1) return got;
    return fail(Code::unreachable, "the broker ended the connection");
  }
  Result<void> write_all(BytesView bytes, env::Instant) override {
    std::size_t sent = 0;
    if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent) == 1) return {};
    return fail(Code::unreachable, "the broker ended the connection");
  }
  int native_handle() const override { return fd_; }

 private:
  template <class Use>
  static void with_bio(const std::string& text, Use use) {
    BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    use(bio);
    BIO_free(bio);
  }
  void show(const TestCertificate& own) {
    with_bio(own.certificate, [&](BIO* bio) {
      X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      SSL_CTX_use_certificate(context_, certificate);
      X509_free(certificate);
    });
    with_bio(own.key, [&](BIO* bio) {
      EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
      SSL_CTX_use_PrivateKey(context_, key);
      EVP_PKEY_free(key);
    });
  }

  SSL_CTX* context_;
  int fd_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

}  // namespace sluice::broker
