// Documents of definitions: Warren's own form there and back, RabbitMQ's mapped, hostile ones refused.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/api/definitions/document.h"
#include "server/auth/password.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// REQUIRES: it is sound.
Document Read(const std::string& json, const std::string& virtual_host = "") {
  auto document = ReadDefinitions(json, virtual_host);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *std::move(document) : Document();
}

std::string WhyNot(const std::string& json) {
  const auto document = ReadDefinitions(json, "");
  if (document.ok()) return "OK";
  EXPECT_EQ(ErrorInfoOf(document.status()).reason, "DEFINITIONS_INVALID");
  return std::string(document.status().message());
}

// kind name: detail
std::vector<std::string> Told(const Document& document) {
  std::vector<std::string> lines;
  for (const v1::DefinitionResult& result : document.not_applicable) {
    EXPECT_EQ(result.change(), v1::DEFINITION_CHANGE_NOT_APPLICABLE);
    lines.push_back(result.kind() + " " + result.name() + ": " + result.detail());
  }
  return lines;
}

v1::QueueOptions OnlyQueue(const Document& document) {
  EXPECT_EQ(document.definitions.queues_size(), 1);
  return document.definitions.queues_size() == 1 ? document.definitions.queues(0).options()
                                                 : v1::QueueOptions();
}

v1::Definitions Everything() {
  v1::Definitions all;
  all.set_warren_definitions(1);
  all.add_virtual_hosts("shop");
  auto& exchange = *all.add_exchanges();
  exchange.set_virtual_host("shop");
  exchange.set_name("orders");
  exchange.mutable_options()->set_type(v1::EXCHANGE_TYPE_TOPIC);
  exchange.mutable_options()->set_durable(true);
  auto& queue = *all.add_queues();
  queue.set_virtual_host("shop");
  queue.set_name("new \"orders\" \xE2\x82\xAC");
  *queue.mutable_options()->mutable_message_ttl() = TimeUtil::MillisecondsToDuration(1500);
  queue.mutable_options()->set_dead_letter_exchange("");
  queue.mutable_options()->set_max_length(uint64_t{1} << 60);
  queue.mutable_options()->mutable_retry()->set_multiplier(1.5);
  auto& binding = *all.add_bindings();
  binding.set_virtual_host("shop");
  binding.mutable_binding()->set_source("orders");
  binding.mutable_binding()->set_queue("q");
  (*binding.mutable_binding()->mutable_arguments())["n"].set_int_value(3);
  (*binding.mutable_binding()->mutable_arguments())["there"];
  auto& policy = *all.add_policies();
  policy.set_virtual_host("shop");
  policy.set_name("short");
  policy.set_pattern("^a");
  policy.set_priority(-3);
  auto& user = *all.add_users();
  user.set_name("anna");
  user.set_password_hash("$argon2id$x");
  user.add_tags("monitoring");
  auto& may = *all.add_permissions();
  may.set_user("anna");
  may.set_virtual_host("shop");
  may.mutable_permissions()->set_read(".*");
  return all;
}

TEST(OwnForm, ComesBackAsItWas) {
  const v1::Definitions all = Everything();
  const std::string json = WriteDefinitions(all);
  const Document document = Read(json);
  EXPECT_TRUE(MessageDifferencer::Equals(document.definitions, all)) << json;
  EXPECT_THAT(document.not_applicable, IsEmpty());
  EXPECT_EQ(WriteDefinitions(document.definitions), json);
}

TEST(OwnForm, PutsWhatNamesNoVirtualHostWhereItIsAskedTo) {
  const std::string json = R"({"warren_definitions": 1, "queues": [{"name": "q"}]})";
  EXPECT_EQ(Read(json).definitions.queues(0).virtual_host(), "/");
  EXPECT_EQ(Read(json, "shop").definitions.queues(0).virtual_host(), "shop");
}

TEST(OwnForm, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(WhyNot(R"({"warren_definitions": 1, "queues": [{"name": "q", "durability": 1}]})"),
              HasSubstr("durability"));
  EXPECT_THAT(WhyNot(R"({"warren_definitions": 2})"), HasSubstr("knows form 1"));
  EXPECT_THAT(WhyNot(R"({"warren_definitions": 1, "queues": 5})"), HasSubstr("queues"));
  EXPECT_THAT(WhyNot(R"({"warren_definitions": 1, "queues": [{"name": "a"}, {}]})"),
              HasSubstr("queues[1].name: is missing"));
}

TEST(RabbitMq, MapsUsersAndPermissions) {
  const Document document = Read(R"({
    "rabbit_version": "4.0.5", "vhosts": [{"name": "shop"}],
    "users": [
      {"name": "anna", "password_hash": "aGFzaA==",
       "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"],
       "limits": {}},
      {"name": "old", "password_hash": "aGFzaA==", "tags": "monitoring,management"},
      {"name": "bert", "password_hash": "x", "hashing_algorithm": "rabbit_password_hashing_sha512"}],
    "permissions": [{"user": "anna", "vhost": "shop", "configure": "^a", "write": ".*", "read": ""}]
  })");
  const v1::Definitions& found = document.definitions;
  EXPECT_THAT(found.virtual_hosts(), ElementsAre("shop"));
  ASSERT_EQ(found.users_size(), 3);
  EXPECT_EQ(found.users(0).password_hash(), "rabbitmq-sha256:aGFzaA==");
  EXPECT_THAT(found.users(0).tags(), ElementsAre("administrator"));
  EXPECT_THAT(found.users(1).tags(), ElementsAre("monitoring", "management"));
  EXPECT_EQ(found.users(2).password_hash(), "");
  EXPECT_EQ(found.permissions(0).permissions().configure(), "^a");
  EXPECT_THAT(Told(document), ElementsAre(HasSubstr("password bert: the password is hashed by")));
}

TEST(RabbitMq, LeavesTheUserOutWhosePasswordEverybodyKnows) {
  ASSERT_TRUE(auth::InitialisePasswords());
  // Salt and SHA-256 of "guest".
  const Document document = Read(R"({
    "users": [{"name": "guest", "tags": ["administrator"],
               "password_hash": "AAAAAPEoQ8a3jY6DABRiJzkoKooQbXiBp2iGLke7d+FVKzJx"},
              {"name": "guest2", "password_hash": ""}],
    "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*",
                     "read": ".*"}]})");
  EXPECT_EQ(document.definitions.users_size(), 1);
  EXPECT_EQ(document.definitions.permissions_size(), 0);
  EXPECT_THAT(Told(document), ElementsAre(HasSubstr("user guest: left out")));
}

TEST(RabbitMq, MapsEachArgumentOfAQueue) {
  const Document document = Read(R"({"queues": [{
    "name": "q", "vhost": "/", "durable": true, "auto_delete": true, "arguments": {
      "x-message-ttl": 0, "x-expires": 60000, "x-max-length": 5, "x-max-length-bytes": 6,
      "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "dead", "x-max-priority": 9, "x-delivery-limit": 4,
      "x-queue-type": "quorum"}}]})");
  const v1::QueueOptions options = OnlyQueue(document);
  EXPECT_TRUE(options.durable() && options.auto_delete());
  ASSERT_TRUE(options.has_message_ttl() && options.has_expires());
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(options.message_ttl()), 0);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(options.expires()), 60'000);
  EXPECT_EQ(options.max_length(), 5u);
  EXPECT_EQ(options.max_length_bytes(), 6u);
  EXPECT_EQ(options.overflow(), v1::OVERFLOW_POLICY_REJECT_PUBLISH_DLX);
  EXPECT_TRUE(options.has_dead_letter_exchange());
  EXPECT_EQ(options.dead_letter_routing_key(), "dead");
  EXPECT_EQ(options.max_priority(), 9u);
  EXPECT_EQ(options.delivery_limit(), 4u);
  EXPECT_THAT(Told(document), IsEmpty());
}

TEST(RabbitMq, TellsWhatHasNoCounterpart) {
  const Document document = Read(R"({
    "queues": [
      {"name": "lazy", "arguments": {"x-queue-mode": "lazy", "x-foo": 1, "x-delivery-limit": -1}},
      {"name": "events", "durable": true, "arguments": {"x-queue-type": "stream"}}],
    "exchanges": [{"name": "hash", "type": "x-consistent-hash", "durable": true, "arguments": {}},
                  {"name": "all", "type": "fanout"}],
    "bindings": [
      {"source": "hash", "destination": "lazy", "destination_type": "queue", "routing_key": "1"},
      {"source": "all", "destination": "events", "destination_type": "queue", "routing_key": ""}],
    "topic_permissions": [{"user": "u", "vhost": "/", "exchange": "e", "write": "", "read": ""}],
    "parameters": [{"component": "shovel", "vhost": "/", "name": "s", "value": {}}],
    "global_parameters": [{"name": "cluster_name", "value": "rabbit@a"}],
    "something": {}})");
  EXPECT_EQ(document.definitions.queues_size(), 1);
  EXPECT_EQ(document.definitions.exchanges_size(), 1);
  EXPECT_EQ(document.definitions.bindings_size(), 0);
  const std::vector<std::string> told = Told(document);
  EXPECT_THAT(told, Contains(HasSubstr("queue lazy: x-queue-mode has no effect: messages leave")));
  EXPECT_THAT(told, Contains("queue lazy: x-foo has no effect: Warren knows no such option"));
  EXPECT_THAT(told, Contains(HasSubstr("queue events: streams aren't there")));
  EXPECT_THAT(told, Contains(HasSubstr("exchange hash: exchanges of type x-consistent-hash")));
  EXPECT_THAT(told, Contains("binding hash -> lazy (1): one of its ends is left out"));
  EXPECT_THAT(told, Contains("binding all -> events (): one of its ends is left out"));
  EXPECT_THAT(told, Contains(HasSubstr("topic permission u: permissions by routing key")));
  EXPECT_THAT(told, Contains(HasSubstr("shovel s: messages aren't carried")));
  EXPECT_THAT(told, Contains(HasSubstr("global parameter cluster_name")));
  EXPECT_THAT(told, Contains(HasSubstr("something something: Warren knows no such thing")));
  EXPECT_EQ(told.size(), 10u);
}

TEST(RabbitMq, MapsExchangesAndTheirBindings) {
  const Document document = Read(R"({
    "exchanges": [
      {"name": "amq.topic", "vhost": "/", "type": "topic", "durable": true},
      {"name": "by-headers", "vhost": "/", "type": "headers", "durable": true, "internal": true,
       "arguments": {"alternate-exchange": "rest"}},
      {"name": "later", "vhost": "/", "type": "x-delayed-message",
       "arguments": {"x-delayed-type": "topic"}}],
    "bindings": [
      {"source": "by-headers", "vhost": "/", "destination": "q", "destination_type": "queue",
       "routing_key": "", "arguments": {"x-match": "any", "n": 3, "f": 0.5, "b": true,
                                        "there": null, "list": [1, "two"]}},
      {"source": "later", "vhost": "/", "destination": "by-headers", "destination_type": "exchange",
       "routing_key": "a.#", "arguments": {"x-match": "kept"}},
      {"source": "", "vhost": "/", "destination": "q", "destination_type": "queue",
       "routing_key": "q"}]})");
  const v1::Definitions& found = document.definitions;
  ASSERT_EQ(found.exchanges_size(), 2);
  EXPECT_EQ(found.exchanges(0).options().type(), v1::EXCHANGE_TYPE_HEADERS);
  EXPECT_EQ(found.exchanges(0).options().alternate_exchange(), "rest");
  EXPECT_TRUE(found.exchanges(0).options().internal());
  EXPECT_TRUE(found.exchanges(1).options().delayed());
  EXPECT_EQ(found.exchanges(1).options().type(), v1::EXCHANGE_TYPE_TOPIC);
  ASSERT_EQ(found.bindings_size(), 2);
  const auto& arguments = found.bindings(0).binding().arguments();
  EXPECT_EQ(arguments.at("match").string_value(), "any");
  EXPECT_EQ(arguments.at("n").int_value(), 3);
  EXPECT_EQ(arguments.at("f").double_value(), 0.5);
  EXPECT_TRUE(arguments.at("b").bool_value());
  EXPECT_EQ(arguments.at("there").kind_case(), v1::HeaderValue::KIND_NOT_SET);
  EXPECT_EQ(arguments.at("list").list_value().values_size(), 2);
  EXPECT_EQ(found.bindings(1).binding().exchange(), "by-headers");
  EXPECT_TRUE(found.bindings(1).binding().arguments().contains("x-match"));
  EXPECT_THAT(Told(document), IsEmpty());
}

TEST(RabbitMq, TakesLimitsOfVirtualHostsOver) {
  const Document document = Read(R"({"vhosts": [{"name": "shop"}, {"name": "free"}], "parameters": [
    {"component": "vhost-limits", "name": "limits", "vhost": "shop",
     "value": {"max-queues": 0, "max-connections": 7, "max-cows": 3}},
    {"component": "vhost-limits", "name": "limits", "vhost": "free",
     "value": {"max-queues": -1, "max-connections": -1}}]})");
  ASSERT_EQ(document.definitions.virtual_host_limits_size(), 1);
  const v1::SetVirtualHostLimitsRequest& set = document.definitions.virtual_host_limits(0);
  EXPECT_EQ(set.virtual_host(), "shop");
  EXPECT_TRUE(set.limits().has_max_queues());
  EXPECT_EQ(set.limits().max_queues(), 0u);
  EXPECT_EQ(set.limits().max_streams(), 7u);
  EXPECT_FALSE(set.limits().has_max_message_bytes());
  EXPECT_THAT(Told(document),
              ElementsAre("vhost-limits max-cows: Warren knows no such limit"));
  EXPECT_THAT(WhyNot(R"({"parameters": [{"component": "vhost-limits", "vhost": "/",
                                         "value": {"max-queues": "many"}}]})"),
              HasSubstr("max-queues: expected a whole number"));
}

TEST(RabbitMq, MapsPolicies) {
  const Document document = Read(R"({"policies": [
    {"vhost": "/", "name": "short", "pattern": "^q", "apply-to": "classic_queues", "priority": 7,
     "definition": {"max-length": 3, "overflow": "reject-publish", "ha-mode": "all"}},
    {"vhost": "/", "name": "rest", "pattern": ".*", "apply-to": "exchanges",
     "definition": {"alternate-exchange": "unrouted"}},
    {"vhost": "/", "name": "s", "pattern": ".*", "apply-to": "streams", "definition": {}},
    {"vhost": "/", "name": "ha", "pattern": ".*", "definition": {"ha-mode": "all"}}]})");
  const v1::Definitions& found = document.definitions;
  ASSERT_EQ(found.policies_size(), 3);
  EXPECT_EQ(found.policies(0).priority(), 7);
  EXPECT_EQ(found.policies(0).target(), v1::POLICY_TARGET_QUEUES);
  EXPECT_EQ(found.policies(0).queue_options().max_length(), 3u);
  EXPECT_EQ(found.policies(0).queue_options().overflow(), v1::OVERFLOW_POLICY_REJECT_PUBLISH);
  EXPECT_EQ(found.policies(1).alternate_exchange(), "unrouted");
  EXPECT_EQ(found.policies(2).target(), v1::POLICY_TARGET_ALL);
  EXPECT_THAT(Told(document),
              ElementsAre(HasSubstr("short: there is one kind of queue"),
                          HasSubstr("short: ha-mode has no effect: PostgreSQL replicates"),
                          HasSubstr("s: left out: there are no streams"),
                          HasSubstr("ha: ha-mode has no effect"),
                          HasSubstr("ha: nothing that it sets has an effect; kept")));
}

TEST(RabbitMq, NamesThePlaceOfAMistake) {
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": "a"}, {"durable": true}]})"),
              HasSubstr("queues[1].name: is missing"));
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": 5}]})"), HasSubstr("queues[0].name: expected text"));
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": "a", "arguments": {"x-message-ttl": -1}}]})"),
              HasSubstr("message-ttl: expected a whole number"));
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": "a", "arguments": {"x-max-length": 1.5}}]})"),
              HasSubstr("max-length"));
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": "a", "arguments": {"x-max-priority": 99999999999}}]})"),
              HasSubstr("is too large"));
  EXPECT_THAT(WhyNot(R"({"queues": [{"name": "a", "arguments": {"x-overflow": "spill"}}]})"),
              HasSubstr("expected drop-head"));
  EXPECT_THAT(WhyNot(R"({"queues": 5})"), HasSubstr("queues: expected a list"));
  EXPECT_THAT(WhyNot(R"({"queues": [5]})"), HasSubstr("queues[0]: expected an object"));
  EXPECT_THAT(WhyNot(R"({"policies": [{"name": "a", "pattern": "", "priority": 1e99}]})"),
              HasSubstr("priority"));
  EXPECT_THAT(WhyNot(R"({"bindings": [{"source": "a", "destination": "b",
                                       "destination_type": "c"}]})"),
              HasSubstr("expected queue or exchange"));
}

TEST(Documents, RefuseWhatIsNoDocument) {
  for (const char* text : {"", "[]", "5", "{", "\xFF", "null", R"({"a": "\uD800"})"}) {
    EXPECT_THAT(WhyNot(text), HasSubstr("no JSON object")) << text;
  }
  EXPECT_THAT(WhyNot("{}"), HasSubstr("neither warren_definitions nor"));
  EXPECT_THAT(WhyNot(R"({"rabbit_version": "4"})"), HasSubstr("neither"));
  const std::string deep(1'000'000, '[');
  EXPECT_THAT(WhyNot(R"({"queues": )" + deep), HasSubstr("no JSON object"));
  std::string nested = "1";
  for (int i = 0; i < 100; ++i) nested = "[" + nested + "]";
  EXPECT_THAT(WhyNot(R"({"warren_definitions": 1, "queues": )" + nested + "}"),
              HasSubstr("no JSON object"));
  EXPECT_THAT(WhyNot(std::string(kMaxDocumentBytes + 1, ' ')), HasSubstr("at most"));
}

}  // namespace
}  // namespace warren::api
