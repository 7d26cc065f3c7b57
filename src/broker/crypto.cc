#include "broker/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace sluice::broker {
namespace {

const EVP_MD* digest(ScramMechanism mechanism) {
  SLUICE_ASSERT(mechanism != ScramMechanism::unknown);
  return mechanism == ScramMechanism::sha_256 ? EVP_sha256() : EVP_sha512();
}

const unsigned char* raw(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* raw(Bytes& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

Bytes hash(ScramMechanism mechanism, BytesView data) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  const int done = EVP_Digest(data.data(), data.size(), raw(out), &size, digest(mechanism), nullptr);
  SLUICE_ASSERT(done == 1);
  out.resize(size);
  return out;
}

Bytes hmac(ScramMechanism mechanism, BytesView key, BytesView data) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  const unsigned char* done = HMAC(digest(mechanism), key.data(), static_cast<int>(key.size()), raw(data),
                                   data.size(), raw(out), &size);
  SLUICE_ASSERT(done != nullptr);
  out.resize(size);
  return out;
}

std::string base64(BytesView data) {
  Bytes out(4 * ((data.size() + 2) / 3) + 1);
  const int size = EVP_EncodeBlock(raw(out), raw(data), static_cast<int>(data.size()));
  return std::string(as_text(BytesView(out).first(static_cast<std::size_t>(size))));
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes out(3 * (text.size() / 4) + 1);
  const BytesView in = as_bytes(text);
  const int size = EVP_DecodeBlock(raw(out), raw(in), static_cast<int>(in.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  if (base64(out) != text) return std::nullopt;  // OpenSSL also takes spaces
  return out;
}

std::string unforeseeable_text() {
  Bytes bytes(18);
  const int done = RAND_bytes(raw(bytes), static_cast<int>(bytes.size()));
  SLUICE_ASSERT(done == 1);
  return base64(bytes);
}

bool equal_secretly(BytesView a, BytesView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sluice::broker
