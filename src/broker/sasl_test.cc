#include "broker/sasl.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "broker/crypto.h"

namespace sluice::broker {
namespace {

Bytes salted_password(ScramMechanism mechanism, std::string_view password, BytesView salt,
                      std::int32_t iterations) {
  const bool is_256 = mechanism == ScramMechanism::sha_256;
  Bytes salted(is_256 ? 32 : 64);
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                    reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                    iterations, is_256 ? EVP_sha256() : EVP_sha512(), static_cast<int>(salted.size()),
                    reinterpret_cast<unsigned char*>(salted.data()));
  return salted;
}

ScramCredential credential(ScramMechanism mechanism, std::string_view password, BytesView salt,
                           std::int32_t iterations) {
  const Bytes salted = salted_password(mechanism, password, salt, iterations);
  return {to_owned(salt), hash(mechanism, hmac(mechanism, salted, as_bytes("Client Key"))),
          hmac(mechanism, salted, as_bytes("Server Key")), iterations};
}

// The example of RFC 7677.
constexpr std::string_view first_message = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view last_message =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

std::unique_ptr<SaslExchange> rfc_exchange(std::string_view password = "pencil") {
  const Bytes salt = *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const ScramCredential known = credential(ScramMechanism::sha_256, password, salt, 4096);
  const auto find = [known](const std::string& user) {
    return user == "user" ? std::optional(known) : std::nullopt;
  };
  return make_scram_exchange(ScramMechanism::sha_256, find, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
}

TEST(Scram, AnswersAsTheRfcsExample) {
  const auto exchange = rfc_exchange();
  const auto first = exchange->step(as_bytes(first_message));
  ASSERT_TRUE(first);
  EXPECT_EQ(as_text(*first),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  EXPECT_FALSE(exchange->is_complete());
  const auto last = exchange->step(as_bytes(last_message));
  ASSERT_TRUE(last);
  EXPECT_EQ(as_text(*last), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  EXPECT_TRUE(exchange->is_complete());
  EXPECT_EQ(exchange->user(), "user");
}

TEST(Scram, AWrongPasswordIsRefusedAndTheExchangeIsOver) {
  const auto exchange = rfc_exchange("other");
  ASSERT_TRUE(exchange->step(as_bytes(first_message)));
  EXPECT_FALSE(exchange->step(as_bytes(last_message)));
  EXPECT_FALSE(exchange->is_complete());
  EXPECT_FALSE(exchange->step(as_bytes(last_message)));
  EXPECT_FALSE(exchange->is_complete());
}

TEST(Scram, NeitherAnotherNonceNorAnUnknownUserNorHalfAMessageGetsIn) {
  const auto unknown = rfc_exchange();
  EXPECT_FALSE(unknown->step(as_bytes("n,,n=nobody,r=abc")));
  const auto stolen = rfc_exchange();
  ASSERT_TRUE(stolen->step(as_bytes("n,,n=user,r=another")));
  EXPECT_FALSE(stolen->step(as_bytes(last_message)));
  const auto other = rfc_exchange();
  EXPECT_FALSE(other->step(as_bytes("n,a=root,n=user,r=abc"))) << "an authorization id of somebody else";
  for (const std::string_view text : {first_message, last_message}) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      const auto exchange = rfc_exchange();
      if (text == last_message) static_cast<void>(exchange->step(as_bytes(first_message)));
      static_cast<void>(exchange->step(as_bytes(text.substr(0, size))));
      EXPECT_FALSE(exchange->is_complete()) << text.substr(0, size);
    }
  }
}

TEST(Scram, AClientThatRepeatsItsNonceIsTakenAsApacheKafkaDoes) {
  const Bytes salt = *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const Bytes salted = salted_password(ScramMechanism::sha_256, "pencil", salt, 4096);
  const auto exchange = rfc_exchange();
  const auto first = exchange->step(as_bytes(first_message));
  ASSERT_TRUE(first);
  const std::string without_proof =
      "c=biws,r=rOprNGfwEbeRWgbNEkqOrOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string to_sign =
      std::string(first_message.substr(3)) + "," + std::string(as_text(*first)) + "," + without_proof;
  const Bytes client_key = hmac(ScramMechanism::sha_256, salted, as_bytes("Client Key"));
  Bytes proof = hmac(ScramMechanism::sha_256, hash(ScramMechanism::sha_256, client_key), as_bytes(to_sign));
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= client_key[i];
  EXPECT_TRUE(exchange->step(as_bytes(without_proof + ",p=" + base64(proof))));
  EXPECT_TRUE(exchange->is_complete());
}

TEST(Plain, ThePasswordMustBeTheUsersOwn) {
  const PlainUsers users{{"alice", "a"}, {"bob", "b"}};
  const auto attempt = [&](std::string_view message) {
    const auto exchange = make_plain_exchange(users);
    const auto answer = exchange->step(as_bytes(message));
    EXPECT_EQ(answer.has_value(), exchange->is_complete());
    return answer.has_value();
  };
  using namespace std::string_view_literals;
  EXPECT_TRUE(attempt("\0alice\0a"sv));
  EXPECT_TRUE(attempt("alice\0alice\0a"sv));
  EXPECT_FALSE(attempt("\0alice\0b"sv));
  EXPECT_FALSE(attempt("bob\0alice\0a"sv));
  EXPECT_FALSE(attempt("\0carol\0"sv));
  EXPECT_FALSE(attempt("\0carol\0x"sv));
  EXPECT_FALSE(attempt("alice a"sv));
  EXPECT_FALSE(attempt(""sv));
}

TEST(Jaas, GivesTheUsersOfPlain) {
  const auto users = plain_users(
      "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"x\" "
      "user_alice=\"se\\\"cret; x\"\n user_bob=plain;");
  ASSERT_TRUE(users) << to_string(users.error());
  EXPECT_EQ(*users, (PlainUsers{{"alice", "se\"cret; x"}, {"bob", "plain"}}));
  for (const char* bad : {"", ";", "x", "m required user_a=\"b;", "m required user_a"})
    EXPECT_FALSE(plain_users(bad)) << bad;
}

TEST(Base64, TakesNothingThatItWouldNotWrite) {
  EXPECT_EQ(base64(as_bytes("abcd")), "YWJjZA==");
  EXPECT_EQ(from_base64("YWJjZA==").value(), to_owned(as_bytes("abcd")));
  EXPECT_EQ(from_base64("")->size(), 0u);
  for (const char* bad : {"YWJjZA", "YWJjZA=", "YWJj\n", "YW==jZA=", "====", "YWJjZB=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace sluice::broker
