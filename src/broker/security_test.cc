// Who gets in, as whom, and what they may do then: TLS, SASL and access rules over real sockets.
#include <gtest/gtest.h>

#include "broker/broker_fixture.h"
#include "broker/crypto.h"
#include "broker/tls_client_fixture.h"
#include "wire/generated/alter_user_scram_credentials_request.h"
#include "wire/generated/alter_user_scram_credentials_response.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/api_versions_response.h"
#include "wire/generated/create_acls_request.h"
#include "wire/generated/create_acls_response.h"
#include "wire/generated/delete_acls_request.h"
#include "wire/generated/delete_acls_response.h"
#include "wire/generated/describe_acls_request.h"
#include "wire/generated/describe_acls_response.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/init_producer_id_request.h"
#include "wire/generated/init_producer_id_response.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/sasl_authenticate_request.h"
#include "wire/generated/sasl_authenticate_response.h"
#include "wire/generated/sasl_handshake_request.h"
#include "wire/generated/sasl_handshake_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using wire::number;
using namespace std::string_view_literals;
using Properties = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view salted_password = "0123456789abcdef0123456789abcdef";  // of SHA-256's size

class SecurityTest : public BrokerTest {
 protected:
  // A plain listener for the test itself, and one that protects.
  Properties with_listener(const std::string& protocol, Properties more = {}) {
    Properties out{{"listeners", "PLAINTEXT://127.0.0.1:0," + protocol + "://127.0.0.1:0"},
                   {"connection.failed.authentication.delay.ms", "1"},
                   {"ssl.keystore.type", "PEM"},
                   {"ssl.keystore.key", server_.key},
                   {"ssl.keystore.certificate.chain", server_.certificate},
                   {"sasl.enabled.mechanisms", "SCRAM-SHA-256,PLAIN"},
                   {"plain.sasl.jaas.config", "PlainLoginModule required user_bob=\"b\";"}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  void add_user(const std::string& name) {
    wire::AlterUserScramCredentialsRequest request;
    request.upsertions.push_back({name, 1, 4096, as_bytes("salt"), as_bytes(salted_password)});
    TestClient c = client();
    const auto response = c.call(request);
    ASSERT_EQ(response.results.at(0).error_code, 0) << response.results.at(0).error_message.value_or("");
  }

  static std::int16_t shake(TestClient& c, const std::string& mechanism) {
    wire::SaslHandshakeRequest request;
    request.mechanism = mechanism;
    return c.call(request).error_code;
  }
  static wire::SaslAuthenticateResponse authenticate(TestClient& c, BytesView token) {
    wire::SaslAuthenticateRequest request;
    request.auth_bytes = token;
    return c.call(request);
  }
  // The whole of SCRAM-SHA-256; the error code that it ends with.
  static std::int16_t scram(TestClient& c, const std::string& user, std::string_view salted) {
    constexpr auto mechanism = ScramMechanism::sha_256;
    EXPECT_EQ(shake(c, "SCRAM-SHA-256"), 0);
    const std::string bare = "n=" + user + ",r=clientnonce";
    const auto first = authenticate(c, as_bytes("n,," + bare));
    if (first.error_code != 0) return first.error_code;
    const std::string challenge(as_text(first.auth_bytes));
    const std::string nonce = challenge.substr(2, challenge.find(',') - 2);
    const std::string without_proof = "c=biws,r=" + nonce;
    const std::string to_sign = bare + "," + challenge + "," + without_proof;
    const Bytes client_key = hmac(mechanism, as_bytes(salted), as_bytes("Client Key"));
    Bytes proof = hmac(mechanism, hash(mechanism, client_key), as_bytes(to_sign));
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= client_key[i];
    return authenticate(c, as_bytes(without_proof + ",p=" + base64(proof))).error_code;
  }
  static std::int16_t plain(TestClient& c, std::string_view token) {
    EXPECT_EQ(shake(c, "PLAIN"), 0);
    return authenticate(c, as_bytes(token)).error_code;
  }
  static std::size_t topics_seen(TestClient& c) {
    wire::MetadataRequest request;
    request.topics = std::nullopt;
    return c.call(request).topics.size();
  }

  TestCertificate server_{"broker"};
};

TEST_F(SecurityTest, ScramOverTlsLetsTheRightPasswordInAndNoOther) {
  start(with_listener("SASL_SSL"));
  add_user("alice");
  create("t", 1);
  const env::Address address = address_of("SASL_SSL");
  const auto connect = [&] { return TestClient(std::make_unique<TlsConnection>(address, server_)); };
  TestClient right = connect();
  EXPECT_EQ(scram(right, "alice", salted_password), 0);
  EXPECT_EQ(topics_seen(right), 1u);
  const auto big = std::vector<std::string>(1, std::string(700'000, 'x'));
  EXPECT_EQ(produce(right, "t", 0, big).error_code, 0) << "requests of many TLS records";
  const auto fetched = right.call(fetch_request("t", 0, 0), 12);
  EXPECT_EQ(values_of(*fetched.responses.at(0).partitions.at(0).records), big);
  TestClient wrong = connect();
  EXPECT_EQ(scram(wrong, "alice", "fedcba9876543210fedcba9876543210"),
            number(ErrorCode::sasl_authentication_failed));
  EXPECT_TRUE(wrong.is_closed());
  TestClient nobody = connect();
  EXPECT_EQ(scram(nobody, "nobody", salted_password), number(ErrorCode::sasl_authentication_failed));
  EXPECT_TRUE(nobody.is_closed());
}

TEST_F(SecurityTest, NothingButTheExchangeIsAnsweredBeforeIt) {
  start(with_listener("SASL_PLAINTEXT"));
  create("t", 1);
  const env::Address address = address_of("SASL_PLAINTEXT");
  TestClient hasty(address);
  wire::MetadataRequest all;
  hasty.send(all, 12);
  EXPECT_TRUE(hasty.is_closed());
  TestClient half(address);
  EXPECT_EQ(half.call(wire::ApiVersionsRequest{}, 0).error_code, 0);
  EXPECT_EQ(shake(half, "SCRAM-SHA-256"), 0);
  half.send(all, 12);
  EXPECT_TRUE(half.is_closed()) << "half an exchange is none";
  TestClient huge(address);
  Bytes prefix(4);
  store_be<std::int32_t>(prefix.data(), 50'000'000);
  huge.send(prefix);
  EXPECT_TRUE(huge.is_closed()) << "large requests only from known clients";
  TestClient done(address);
  EXPECT_EQ(plain(done, "\0bob\0b"sv), 0);
  EXPECT_EQ(topics_seen(done), 1u);
  EXPECT_EQ(shake(done, "PLAIN"), number(ErrorCode::illegal_sasl_state)) << "once is enough";
}

TEST_F(SecurityTest, AMechanismThatIsNotOfferedIsAnsweredWithThoseThatAre) {
  start(with_listener("SASL_PLAINTEXT"));
  TestClient c(address_of("SASL_PLAINTEXT"));
  wire::SaslHandshakeRequest request;
  request.mechanism = "GSSAPI";
  const auto response = c.call(request);
  EXPECT_EQ(response.error_code, number(ErrorCode::unsupported_sasl_mechanism));
  EXPECT_EQ(response.mechanisms, (std::vector<std::string>{"SCRAM-SHA-256", "PLAIN"}));
  EXPECT_TRUE(c.is_closed());
  TestClient open = client();
  EXPECT_EQ(shake(open, "PLAIN"), number(ErrorCode::illegal_sasl_state)) << "a listener without SASL";
}

TEST_F(SecurityTest, TokensWithoutRequestsAroundThemWorkToo) {
  start(with_listener("SASL_PLAINTEXT"));
  create("t", 1);
  TestClient c(address_of("SASL_PLAINTEXT"));
  wire::SaslHandshakeRequest request;
  request.mechanism = "PLAIN";
  ASSERT_EQ(c.call(request, 0).error_code, 0);
  const std::string_view token = "\0bob\0b"sv;
  Bytes framed(4);
  store_be<std::int32_t>(framed.data(), static_cast<std::int32_t>(token.size()));
  framed.insert(framed.end(), as_bytes(token).begin(), as_bytes(token).end());
  c.send(framed);
  EXPECT_EQ(c.receive_frame()->size(), 0u);
  EXPECT_EQ(topics_seen(c), 1u);
}

TEST_F(SecurityTest, ASessionThatIsOverHasToBeRenewedByTheSameUser) {
  start(with_listener("SASL_PLAINTEXT", {{"connections.max.reauth.ms", "1"}}));
  add_user("alice");
  const env::Address address = address_of("SASL_PLAINTEXT");
  TestClient c(address);
  EXPECT_EQ(plain(c, "\0bob\0b"sv), 0);
  EXPECT_EQ(plain(c, "\0bob\0b"sv), 0);
  EXPECT_EQ(shake(c, "SCRAM-SHA-256"), number(ErrorCode::unsupported_sasl_mechanism))
      << "not another mechanism";
  EXPECT_TRUE(c.is_closed());
  TestClient late(address);
  EXPECT_EQ(plain(late, "\0bob\0b"sv), 0);
  env::posix_clock().sleep_for(std::chrono::milliseconds(5));
  late.send(wire::MetadataRequest{}, 12);
  EXPECT_TRUE(late.is_closed());
}

TEST_F(SecurityTest, ACertificateSaysWhoTheClientIs) {
  const TestCertificate carol("carol");
  const TestCertificate stranger("carol");
  start(with_listener("SSL",
                      {{"ssl.client.auth", "required"},
                       {"ssl.truststore.type", "PEM"},
                       {"ssl.truststore.certificates", carol.certificate},
                       {"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
                       {"super.users", "User:ANONYMOUS;User:CN=carol"}}));
  create("t", 1);
  const env::Address address = address_of("SSL");
  TestClient known(std::make_unique<TlsConnection>(address, server_, &carol));
  EXPECT_EQ(topics_seen(known), 1u);
  TestClient without(std::make_unique<TlsConnection>(address, server_));
  EXPECT_TRUE(without.is_closed());
  TestClient other(std::make_unique<TlsConnection>(address, server_, &stranger));
  EXPECT_TRUE(other.is_closed());
}

TEST_F(SecurityTest, AListenerThatOthersReachNeedsTlsAndAuthentication) {
  for (const char* listener : {"PLAINTEXT://0.0.0.0:0", "SASL_PLAINTEXT://0.0.0.0:0", "SSL://0.0.0.0:0",
                               "PLAINTEXT://:0", "PLAINTEXT://127.evil.example:0"}) {
    const auto started = try_start({{"listeners", listener}});
    ASSERT_FALSE(started) << listener;
    EXPECT_EQ(started.error().code, Code::invalid_argument) << to_string(started.error());
  }
  auto properties = with_listener("SASL_SSL");
  properties[0].second = "SASL_SSL://0.0.0.0:0";
  EXPECT_FALSE(try_start(properties)) << "clients must be told an address";
  properties.emplace_back("advertised.listeners", "SASL_SSL://127.0.0.1:0");
  EXPECT_TRUE(try_start(properties));
}

TEST_F(SecurityTest, WhatIsMissingForAListenerIsSaidAtTheStart) {
  EXPECT_FALSE(try_start({{"listeners", "SSL://127.0.0.1:0"}})) << "no certificate";
  EXPECT_FALSE(try_start({{"listeners", "SASL_PLAINTEXT://127.0.0.1:0"}})) << "GSSAPI is not there";
  EXPECT_FALSE(try_start({{"listeners", "OTHER://127.0.0.1:0"}})) << "no protocol";
  EXPECT_FALSE(try_start({{"listeners", "PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0"}}));
}

// ---- access rules ----

wire::CreateAclsRequest::AclCreation allow(const std::string& user, std::int8_t type, const std::string& name,
                                           AclOperation operation) {
  return {type, name, 3, "User:" + user, "*", static_cast<std::int8_t>(operation), 3};
}

class AuthorizerTest : public SecurityTest {
 protected:
  Properties enforcing() {
    return with_listener("SASL_PLAINTEXT", {{"authorizer.class.name",
                                             "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
                                            {"super.users", "User:ANONYMOUS"}});
  }
  void grant(std::vector<wire::CreateAclsRequest::AclCreation> rules) {
    TestClient c = client();
    for (const auto& result : c.call(wire::CreateAclsRequest{std::move(rules)}).results)
      ASSERT_EQ(result.error_code, 0) << result.error_message.value_or("");
  }
  TestClient bob() {
    TestClient c(address_of("SASL_PLAINTEXT"));
    EXPECT_EQ(plain(c, "\0bob\0b"sv), 0);
    return c;
  }
  static std::int16_t ask_for(TestClient& c, const std::string& topic) {
    wire::MetadataRequest request;
    request.topics->push_back({{}, topic});
    return c.call(request).topics.at(0).error_code;
  }
};

TEST_F(AuthorizerTest, ARuleWithoutAHostIsKeptAndAllowsNobody) {
  start(enforcing());
  create("t", 1);
  auto rule = allow("bob", 2, "t", AclOperation::describe);
  rule.host.clear();
  grant({rule});
  TestClient c = bob();
  EXPECT_EQ(ask_for(c, "t"), number(ErrorCode::topic_authorization_failed));
}

TEST_F(AuthorizerTest, TopicsThatMayNotBeDescribedAreHidden) {
  start(enforcing());
  create("mine", 1);
  create("theirs", 1);
  grant({allow("bob", 2, "mine", AclOperation::describe)});
  TestClient c = bob();
  EXPECT_EQ(topics_seen(c), 1u);
  EXPECT_EQ(ask_for(c, "mine"), 0);
  EXPECT_EQ(ask_for(c, "theirs"), number(ErrorCode::topic_authorization_failed));
  EXPECT_EQ(ask_for(c, "missing"), number(ErrorCode::topic_authorization_failed))
      << "no telling what is there from what is not";
}

TEST_F(AuthorizerTest, RulesSurviveARestartAndGoWhenTheyAreDeleted) {
  start(enforcing());
  create("t", 1);
  grant({allow("bob", 2, "t", AclOperation::describe)});
  stop();
  start(enforcing());
  TestClient c = bob();
  EXPECT_EQ(ask_for(c, "t"), 0);
  TestClient admin = client();
  wire::DescribeAclsRequest all;
  all.resource_type_filter = all.operation = all.permission_type = 1;
  all.pattern_type_filter = 1;
  all.resource_name_filter = all.principal_filter = all.host_filter = std::nullopt;
  EXPECT_EQ(admin.call(all).resources.size(), 1u);
  wire::DeleteAclsRequest gone;
  gone.filters.push_back({1, std::nullopt, 1, "User:bob", std::nullopt, 1, 1});
  const auto deleted = admin.call(gone);
  EXPECT_EQ(deleted.filter_results.at(0).matching_acls.size(), 1u);
  EXPECT_EQ(ask_for(c, "t"), number(ErrorCode::topic_authorization_failed));
}

TEST_F(AuthorizerTest, WithoutARuleNothingIsWrittenReadOrBegun) {
  start(enforcing());
  create("t", 1);
  TestClient c = bob();
  const auto init = [&](std::optional<std::string> id) {
    wire::InitProducerIdRequest request;
    request.transactional_id = std::move(id);
    request.transaction_timeout_ms = 1000;
    return c.call(request, 5).error_code;
  };
  const auto fetch = [&] {
    return c.call(fetch_request("t", 0, 0), 12).responses.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(produce(c, "t", 0, {"v"}).error_code, number(ErrorCode::topic_authorization_failed));
  EXPECT_EQ(produce(c, "missing", 0, {"v"}).error_code, number(ErrorCode::topic_authorization_failed));
  EXPECT_EQ(fetch(), number(ErrorCode::topic_authorization_failed));
  EXPECT_EQ(init(std::nullopt), number(ErrorCode::cluster_authorization_failed));
  EXPECT_EQ(init("id"), number(ErrorCode::transactional_id_authorization_failed));
  grant({allow("bob", 2, "t", AclOperation::write), allow("bob", 5, "id", AclOperation::write)});
  EXPECT_EQ(produce(c, "t", 0, {"v"}).error_code, 0);
  EXPECT_EQ(init(std::nullopt), 0) << "whoever may write to a topic may do so without doubles";
  EXPECT_EQ(init("id"), 0);
  EXPECT_EQ(fetch(), number(ErrorCode::topic_authorization_failed));
  grant({allow("bob", 2, "t", AclOperation::read)});
  EXPECT_EQ(fetch(), 0);
}

TEST_F(AuthorizerTest, WhoMayNotAlterTheClusterChangesNoRules) {
  start(enforcing());
  TestClient c = bob();
  const auto refused = c.call(wire::CreateAclsRequest{{allow("bob", 4, "kafka-cluster", AclOperation::all)}});
  EXPECT_EQ(refused.results.at(0).error_code, number(ErrorCode::cluster_authorization_failed));
  wire::CreateTopicsRequest topics;
  topics.topics.push_back({"t", 1, 1, {}, {}});
  EXPECT_EQ(c.call(topics).topics.at(0).error_code, number(ErrorCode::topic_authorization_failed));
}

TEST_F(AuthorizerTest, GroupsAreJoinedAndSeenByThoseOnlyWhoMay) {
  start(enforcing());
  create("t", 1);
  TestClient c = bob();
  const auto denied = number(ErrorCode::group_authorization_failed);
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", {}});
  EXPECT_EQ(c.call(join).error_code, denied);
  wire::FindCoordinatorRequest find;
  find.coordinator_keys = {"g"};
  EXPECT_EQ(c.call(find).coordinators.at(0).error_code, denied);
  wire::OffsetCommitRequest commit;
  commit.group_id = "g";
  commit.generation_id_or_member_epoch = -1;
  commit.topics.push_back({"t", {}, {{0, 5, -1, ""}}});
  EXPECT_EQ(c.call(commit, 9).topics.at(0).partitions.at(0).error_code, denied);
  grant({allow("bob", 3, "g", AclOperation::read)});
  EXPECT_EQ(c.call(join).error_code, number(ErrorCode::member_id_required));
  EXPECT_EQ(c.call(find).coordinators.at(0).error_code, 0);
  EXPECT_EQ(c.call(commit, 9).topics.at(0).partitions.at(0).error_code,
            number(ErrorCode::topic_authorization_failed))
      << "positions belong to topics that may be read";
  grant({allow("bob", 2, "t", AclOperation::read)});
  EXPECT_EQ(c.call(commit, 9).topics.at(0).partitions.at(0).error_code, 0);
}

TEST_F(AuthorizerTest, WithoutAnAuthorizerRulesAreRefused) {
  start();
  TestClient c = client();
  const auto refused = c.call(wire::CreateAclsRequest{{allow("bob", 2, "t", AclOperation::read)}});
  EXPECT_EQ(refused.results.at(0).error_code, number(ErrorCode::security_disabled));
}

TEST_F(AuthorizerTest, ARuleThatMeansNothingIsRefusedAndTheOthersAreKept) {
  start(enforcing());
  TestClient c = client();
  auto nameless = allow("bob", 2, "", AclOperation::read);
  auto other_cluster = allow("bob", 4, "cluster", AclOperation::alter);
  auto no_principal = allow("bob", 2, "t", AclOperation::read);
  no_principal.principal = "bob";
  const auto answer = c.call(wire::CreateAclsRequest{
      {nameless, other_cluster, no_principal, allow("bob", 2, "t", AclOperation::read)}});
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(answer.results.at(i).error_code, number(ErrorCode::invalid_request)) << i;
  EXPECT_EQ(answer.results.at(3).error_code, 0);
}

}  // namespace
}  // namespace sluice::broker
