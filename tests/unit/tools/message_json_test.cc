#include "tools/warrenctl/message_json.h"

#include <gtest/gtest.h>

#include "warren/v1/admin.pb.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

TEST(MessageJson, KeepsNumbersAndLeavesOutWhatIsNotSet) {
  v1::Queue queue;
  queue.set_name("q");
  queue.set_ready_messages(uint64_t{1} << 60);
  queue.mutable_options()->set_dead_letter_exchange("");
  const Json json = MessageToJson(queue);
  EXPECT_EQ(json["ready_messages"], uint64_t{1} << 60);
  EXPECT_EQ(json["consumers"], 0);
  EXPECT_FALSE(json.contains("head_ready_since"));
  EXPECT_FALSE(json.contains("effective_options"));
  // Present and empty is not the same as absent.
  EXPECT_EQ(json["options"]["dead_letter_exchange"], "");
  EXPECT_FALSE(json["options"].contains("dead_letter_routing_key"));
}

TEST(MessageJson, WritesTimesWordsAndHeadersForPeople) {
  v1::QueueEntry entry;
  entry.set_state(v1::ENTRY_STATE_UNSETTLED);
  entry.mutable_due_at()->set_seconds(86'400);
  entry.mutable_message()->mutable_expiration()->set_nanos(500'000'000);
  auto& headers = *entry.mutable_message()->mutable_headers();
  headers["n"].set_int_value(3);
  headers["there"];
  headers["list"].mutable_list_value()->add_values()->set_bool_value(true);
  entry.add_deaths()->set_reason(v1::DEATH_REASON_DELIVERY_LIMIT);
  const Json json = MessageToJson(entry);
  EXPECT_EQ(json["state"], "unsettled");
  EXPECT_EQ(json["due_at"], "1970-01-02T00:00:00Z");
  EXPECT_EQ(json["message"]["expiration"], "0.500s");
  EXPECT_EQ(json["message"]["headers"]["n"], 3);
  EXPECT_TRUE(json["message"]["headers"]["there"].is_null());
  EXPECT_EQ(json["message"]["headers"]["list"], Json::array({true}));
  EXPECT_EQ(json["deaths"][0]["reason"], "delivery_limit");
}

TEST(MessageJson, EncodesBytesThatAreNoText) {
  v1::Message message;
  message.set_body("text \xE2\x82\xAC");
  EXPECT_EQ(MessageToJson(message)["body"], "text \xE2\x82\xAC");
  message.set_body(std::string("\x00\xFF", 2));
  EXPECT_EQ(MessageToJson(message)["body_base64"], "AP8=");
  EXPECT_FALSE(MessageToJson(message).contains("body"));
}

TEST(MessageJson, KnowsAnEnumeratorItWasNotBuiltWith) {
  v1::QueueEntry entry;
  entry.set_state(static_cast<v1::EntryState>(77));
  EXPECT_FALSE(MessageToJson(entry)["state"].get<std::string>().empty());
}

}  // namespace
}  // namespace warren::tools
